"""Files go in by a folder that the model only reads, and come out of one that it can change while we look."""

import asyncio
import os
import stat

import pytest

from nova_spi.serving.calls import InputFile

MANIFEST = """
    inputs:
      - {name: pages, type: file, constraints: {max_files: 10}}
      - {name: what, type: string, default: copy}
    outputs:
      - {name: copies, type: file, file_pattern: "*.txt"}
      - {name: count, type: integer}
    execution: {entry_point: {callable: "code_of:work"}, timeout_seconds: 60}
"""
MODEL = """
    import os, pathlib, time

    def work(what, pages=()):
        out = pathlib.Path(os.environ["SPI_OUTPUT_DIR"])
        if what != "copy":
            return eval(what)
        for page in pages or ():
            (out / page.name).write_text(page.read_text().upper())
        return {"copies": [out / page.name for page in pages or ()], "count": len(pages or ())}
"""


def inputs(what):
    import json

    return json.dumps({"what": what}).encode()


def laid(tmp_path, *names, ours=True):
    folder = tmp_path / "given"
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f"in {name}")
    return {"pages": tuple(InputFile(folder / name, name, ours) for name in names)}


def left(plan):
    """The files of calls that are still there."""
    return [name for _, _, names in os.walk(plan.folder / "calls") for name in names]


@pytest.mark.parametrize("ours", [True, False])
def test_files_go_in_and_come_out(serve, tmp_path, ours):
    served = serve(MODEL, MANIFEST)

    async def scenario(supervisor):
        for _ in range(2):
            execution = await supervisor.ask(inputs=b"{}", files=laid(tmp_path, "a.txt", "b.txt", ours=ours))
            assert execution.error is None, execution.error.to_dict()
            assert execution.value()["count"] == 2
            files = execution.files["copies"]
            assert execution.value()["copies"] == [file.name for file in files]
            assert [file.path.read_text() for file in files] == ["IN A.TXT", "IN B.TXT"]
            assert [file.size for file in files] == [8, 8]
            assert all(file.path.is_relative_to(served.plan.store / execution.id) for file in files)
            await supervisor.until(lambda: not left(served.plan))
            assert len(list((tmp_path / "given").iterdir())) == (0 if ours else 2)

    served.run(scenario)


@pytest.mark.parametrize("level", ["landlock", "sandbox"])
def test_an_isolated_model_reads_its_files_and_cannot_change_them(serve, tmp_path, level_engine, level):
    source = """
        import os, pathlib

        def work(what, pages=()):
            said = []
            page = pages[0]
            changes = "page.write_text('x')", "page.unlink()", "page.chmod(0o777)", "page.rename('x')"
            for change in changes:
                try:
                    eval(change)
                except OSError as error:
                    said.append(type(error).__name__)
            out = pathlib.Path(os.environ["SPI_OUTPUT_DIR"], "one.txt")
            out.write_text(pages[0].read_text())
            return {"copies": [out], "count": len(said)}
    """
    served = serve(source, MANIFEST, engine=level_engine(level))

    async def scenario(supervisor):
        execution = await supervisor.ask(inputs=b"{}", files=laid(tmp_path, "a.txt"))
        assert execution.error is None, execution.error.to_dict()
        assert execution.value()["count"] >= (3 if level == "landlock" else 4)
        assert execution.files["copies"][0].path.read_text() == "in a.txt"

    served.run(scenario)


def test_files_of_a_call_that_fails_or_is_cancelled_are_removed_too(serve, tmp_path):
    served = serve(MODEL, MANIFEST)

    async def scenario(supervisor):
        await supervisor.ready()
        assert await supervisor.code(inputs=inputs("1/0"), files=laid(tmp_path, "a.txt")) == "model.error"
        assert await supervisor.code(inputs=inputs("os._exit(1)"), files=laid(tmp_path, "b.txt")) == "worker.crashed"
        running = supervisor.begin(inputs=inputs("time.sleep(600)"), files=laid(tmp_path, "c.txt"))
        waiting = supervisor.begin(inputs=inputs("copy"), files=laid(tmp_path, "d.txt"))
        await asyncio.sleep(0.2)
        waiting.cancel()
        running.cancel()
        assert (await supervisor.ask(inputs=inputs("copy"), files=laid(tmp_path, "e.txt"))).value()["count"] == 1
        await supervisor.until(lambda: not left(served.plan) and not list((tmp_path / "given").iterdir()))

    served.run(scenario)


def test_a_call_that_its_worker_never_read_has_its_files_still(serve, tmp_path):
    import signal

    async def scenario(supervisor):
        await supervisor.ready()
        process = supervisor.health()["workers"][0]["pid"]
        os.kill(process, signal.SIGSTOP)
        execution = supervisor.begin(inputs=inputs("copy"), files=laid(tmp_path, "a.txt"))
        await asyncio.sleep(0.2)
        os.kill(process, signal.SIGKILL)
        await execution.done
        assert execution.status == "succeeded"
        assert execution.files["copies"][0].path.read_text() == "IN A.TXT"

    serve(MODEL, MANIFEST).run(scenario)


def test_two_files_of_one_name_and_names_that_lead_out_are_refused(serve, tmp_path):
    async def scenario(supervisor):
        several = laid(tmp_path, "a.txt", "b.txt")["pages"]
        for bad in ("same.txt", "../out.txt", "/etc/out.txt", ""):
            files = {
                "pages": (
                    InputFile(several[0].path, "same.txt", ours=False),
                    InputFile(several[1].path, bad, ours=False),
                )
            }
            assert await supervisor.code(inputs=b"{}", files=files) == "input.invalid"
        assert (await supervisor.ask(inputs=b"{}", files=laid(tmp_path, "a.txt"))).status == "succeeded"

    serve(MODEL, MANIFEST).run(scenario)


def test_the_content_of_an_output_is_what_the_manifest_says(serve):
    manifest = """
        inputs: [{name: prompt, type: string, required: true}]
        outputs: [{name: picture, type: file, file_pattern: "*", mime_types: [image/png], required: true}]
        execution: {entry_point: {callable: "code_of:work"}}
    """
    source = r"""
        import os, pathlib, struct, zlib

        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        def work(prompt):
            png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
            png += chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
            out = pathlib.Path(os.environ["SPI_OUTPUT_DIR"], "one.png")
            out.write_bytes(png if prompt == "png" else b"plain text")
            return {"picture": out}
    """
    served = serve(source, manifest)

    async def scenario(supervisor):
        execution = await supervisor.ask("png")
        assert execution.error is None, execution.error.to_dict()
        assert execution.files["picture"][0].size > 60
        execution = await supervisor.ask("text")
        assert execution.error.error_code == "output.invalid"
        await supervisor.until(lambda: not (served.plan.store / execution.id).exists())

    served.run(scenario)


def test_the_store_is_not_for_others(serve, tmp_path):
    served = serve(MODEL, MANIFEST)

    async def scenario(supervisor):
        execution = await supervisor.ask(inputs=b"{}", files=laid(tmp_path, "a.txt"))
        assert stat.S_IMODE(execution.files["copies"][0].path.stat().st_mode) == 0o644

    served.run(scenario)
