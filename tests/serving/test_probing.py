import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from nova_spi.serving.accepting.probing import Prober, Probers, asked_of
from nova_spi_runtime.parameters import Parameter

IMAGE = Parameter.from_dict(
    {
        "name": "image",
        "type": "file",
        "mime_types": ["image/png", "image/jpeg"],
        "domain_specific": {"image": {"min_resolution": "8x8"}},
        "constraints": {"max_files": 3},
    }
)


@pytest.fixture
def picture(tmp_path):
    image = pytest.importorskip("PIL.Image")

    def make(name="cat.png", size=(16, 16)) -> Path:
        path = tmp_path / name
        image.new("RGB", size).save(path)
        return path

    return make


def asking(work, **options):
    """What ``work`` makes of a prober, which is gone afterwards."""

    async def run():
        prober = Prober(**options)
        try:
            return await work(prober)
        finally:
            await prober.close()
            assert prober.pid is None

    return asyncio.run(run())


def ask(prober, *files, parameter=IMAGE):
    return prober.ask(parameter, asked_of([(str(path), name) for path, name in files]), len(files))


def test_files_are_judged_by_their_content_and_named_as_they_came(picture, tmp_path):
    (tmp_path / "note.png").write_text("no picture")

    async def work(prober):
        good = await ask(prober, (picture(), "cat.png"))
        pid = prober.pid
        small = await ask(prober, (picture("small.png", (4, 4)), "small.png"))
        other = await ask(prober, (tmp_path / "note.png", "note.png"), (picture("b.jpg"), "b.jpg"))
        assert prober.pid == pid
        return good, small, other

    good, small, other = asking(work)
    assert good == {"files": [{"path": str(tmp_path / "cat.png"), "name": "cat.png"}], "problems": [], "warnings": []}
    assert small["problems"] == [["image", "small.png is 4x4, smaller than 8x8"]]
    assert [each["name"] for each in other["files"]] == ["b.jpg"]
    (warning,) = other["warnings"]
    assert warning.startswith("image: note.png is skipped: it is named .png, but its content is text/plain")


def test_a_file_without_a_name_gets_one_by_its_content(picture):
    parameter = IMAGE.replace(file_pattern="frame_*.{jpg,png}", domain_specific={})

    async def work(prober):
        plain = await ask(prober, (picture("data.jpg"), ""), (picture("more.png"), ""), parameter=IMAGE)
        counted = await ask(prober, (picture("data.png"), ""), parameter=parameter)
        return [each["name"] for each in plain["files"] + counted["files"]]

    assert asking(work) == ["image.jpg", "image-2.png", "frame_0.png"]


def test_paths_of_this_machine_are_found_as_for_a_run(picture, tmp_path):
    picture("a.png"), picture("b.png")

    async def work(prober):
        found = await prober.ask(IMAGE, {"value": "*.png", "base": str(tmp_path)})
        missing = await prober.ask(IMAGE, {"value": "c.png", "base": str(tmp_path)})
        return [each["name"] for each in found["files"]], missing["problems"]

    names, problems = asking(work)
    assert names == ["a.png", "b.png"]
    assert problems[0][1].startswith("there is no file 'c.png'")


@pytest.mark.parametrize(("end", "said"), [(signal.SIGSEGV, "crashed (SIGSEGV)"), (signal.SIGKILL, "too much memory")])
def test_a_reader_that_crashes_is_one_refused_call_and_the_next_one_works(picture, end, said):
    async def work(prober):
        await ask(prober, (picture(), "cat.png"))
        pid = prober.pid
        os.kill(pid, signal.SIGSTOP)
        asked = asyncio.ensure_future(ask(prober, (picture(), "cat.png")))
        await asyncio.sleep(0.05)
        os.kill(pid, end)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        return (await asked)["problems"], (await ask(prober, (picture(), "cat.png")))["problems"]

    crashed, after = asking(work)
    assert len(crashed) == 1
    assert crashed[0][0] == "image"
    assert crashed[0][1].startswith("cannot be looked into: ")
    assert said in crashed[0][1]
    assert after == []


def test_what_takes_too_long_is_ended_by_its_own_alarm(picture):
    async def work(prober):
        return (await ask(prober, (picture(), "cat.png")))["problems"]

    assert asking(work, seconds_a_file=0.001) == [
        ["image", "cannot be looked into: it takes too long, or too much memory"]
    ]


def test_a_caller_who_goes_away_does_not_leave_his_answer_to_the_next(picture):
    async def work(prober):
        first = asyncio.ensure_future(ask(prober, (picture("one.png"), "one.png")))
        await asyncio.sleep(0.01)
        first.cancel()
        second = await ask(prober, (picture("two.png"), "two.png"))
        with pytest.raises(asyncio.CancelledError):
            await first
        return second["files"][0]["name"]

    assert asking(work) == "two.png"


def test_several_callers_at_once_each_get_their_own(picture):
    names = [f"p{number}.png" for number in range(8)]

    async def work(prober):
        found = await asyncio.gather(*(ask(prober, (picture(name), name)) for name in names))
        return [each["files"][0]["name"] for each in found]

    assert asking(work) == names


def test_a_file_that_takes_long_does_not_keep_others_waiting(picture):
    async def run():
        probers = Probers(2)
        try:
            await ask(probers, (picture(), "cat.png"))
            assert [prober.pid is None for prober in probers.all] == [False, True]
            stopped = probers.all[0].pid
            os.kill(stopped, signal.SIGSTOP)
            slow = asyncio.ensure_future(ask(probers, (picture("slow.png"), "slow.png")))
            await asyncio.sleep(0)
            other = await ask(probers, (picture("other.png"), "other.png"))
            assert not slow.done()
            os.kill(stopped, signal.SIGCONT)
            return [found["files"][0]["name"] for found in (other, await slow)]
        finally:
            await probers.close()

    assert asyncio.run(run()) == ["other.png", "slow.png"]


def test_it_ends_when_nobody_asks_and_comes_back_when_somebody_does(picture):
    async def work(prober):
        await ask(prober, (picture(), "cat.png"))
        for _ in range(200):
            if prober.pid is None:
                break
            await asyncio.sleep(0.05)
        assert prober.pid is None
        return (await ask(prober, (picture(), "cat.png")))["problems"]

    assert asking(work, idle_seconds=0.05) == []


def test_it_is_bounded_and_has_nothing_to_lose(picture, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret-of-the-server")

    async def work(prober):
        await ask(prober, (picture(), "cat.png"))
        process = Path(f"/proc/{prober.pid}")
        return (process / "limits").read_text(), (process / "environ").read_bytes(), list((process / "fd").iterdir())

    limits, variables, descriptors = asking(work)
    assert "Max address space         3221225472" in limits
    assert "Max core file size        0" in limits
    assert b"secret-of-the-server" not in variables
    assert len(descriptors) <= 6


def test_it_ends_with_the_server_however_that_ends(picture, tmp_path):
    program = f"""
import asyncio, os, signal
from nova_spi.serving.accepting.probing import Prober, asked_of
from nova_spi_runtime.parameters import Parameter
async def main():
    prober = Prober()
    await prober.ask(Parameter.from_dict({IMAGE.to_dict()!r}), asked_of([({str(picture())!r}, "cat.png")]))
    print(prober.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    pid = int(found.stdout)
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return
        subprocess.run(["sleep", "0.05"], check=True)
    pytest.fail("the process outlived its server")


def test_a_package_that_is_missing_is_said(picture, tmp_path):
    from nova_spi.errors import ExtraMissing

    (tmp_path / "hide").mkdir()
    (tmp_path / "hide" / "PIL").mkdir()
    (tmp_path / "hide" / "PIL" / "__init__.py").write_text("raise ImportError('not here')")

    async def work(prober):
        os.environ["PYTHONPATH"] = str(tmp_path / "hide")
        try:
            with pytest.raises(ExtraMissing, match="pillow") as caught:
                await ask(prober, (picture(), "cat.png"))
        finally:
            del os.environ["PYTHONPATH"]
        return caught.value

    assert "nova-spi[media]" in asking(work).mend


def test_the_server_itself_loads_no_reader_of_media(picture, tmp_path):
    program = f"""
import asyncio, json, sys
from nova_spi.serving.accepting.inputs import Acceptor
from nova_spi.serving.accepting.probing import Prober, asked_of
from nova_spi_runtime.parameters import Parameter
async def main():
    prober = Prober()
    await prober.ask(Parameter.from_dict({IMAGE.to_dict()!r}), asked_of([({str(picture())!r}, "cat.png")]))
    await prober.close()
asyncio.run(main())
names = "PIL av pydantic ruamel jsonschema rich httpx numpy puremagic python_multipart".split()
print(json.dumps([name for name in names if name in sys.modules]))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert json.loads(found.stdout) == [], found.stderr
