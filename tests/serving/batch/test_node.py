import asyncio
import json

import pytest

from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.project.folder import open_folder
from nova_spi.serving.batch.identity import model_digest
from nova_spi.serving.batch.node import Node, Shipment, with_visible
from nova_spi.serving.batch.runner import rebuilt
from nova_spi.serving.batch.shipping import pack
from nova_spi.serving.preparing.plans import prepare, remove
from nova_spi.settings import Settings


@pytest.fixture
def node(project, tmp_path, shared_cache, monkeypatch):
    """Starts a node in this process, with pieces instead of references to them, and does something with it."""
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(shared_cache))
    monkeypatch.setenv("NOVA_SPI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NOVA_SPI_ENGINE", "process")

    def node(work, command="run", values=None):
        digest = model_digest(open_folder(project), None).rpartition(":")[2]
        shipment = Shipment(digest, "manifest.yml", command, None, None)

        async def doing():
            made = Node()
            try:
                started = await made.start(shipment, list(pack(project)), values or {})
                return started, await work(made) if "error" not in started else None
            finally:
                await made.close()

        return asyncio.run(doing())

    return node


def test_a_project_is_unpacked_prepared_and_answers(node, tmp_path):
    async def work(made):
        good = await made.run(b'{"text":"a","times":2}', {}, False)
        bad = await made.run(b'{"text":"fail"}', {}, False)
        wrong = await made.run(b'{"tixt":1}', {}, False)
        return good, bad, wrong, await made.facts()

    started, (good, bad, wrong, facts) = node(work)
    assert started["name"] == "process"
    assert json.loads(good["outputs"]) == {"said": "a a"}
    assert (bad["error"]["code"], "about to fail" in bad["log"]) == ("model.error", True)
    error = rebuilt(wrong["error"])
    assert (error.error_code, len(error.details["problems"]), type(error).__name__) == (
        "input.invalid",
        2,
        "InputInvalid",
    )
    assert set(facts) == {"host", "nova_spi", "python"}
    (place,) = (path for path in (tmp_path / "data" / "cluster").iterdir() if path.is_dir())
    assert sorted(path.name for path in place.iterdir()) == [".nova-spi", "manifest.yml", "model.py"]
    assert [each.name for each in (place / ".nova-spi" / "serving").iterdir()] == [".lock"]


def test_files_come_and_go_in_pieces(node):
    async def work(made):
        return await made.run(b'{"mark":"+"}', {"page": [("one.txt", [b"fir", b"st\nsecond"])]}, False)

    _, found = node(work, "draw")
    assert json.loads(found["outputs"])["size"] == 12
    assert [(name, size, b"".join(chunks)) for name, size, chunks in found["files"]["pages"]] == [
        ("outputs/page_0.txt", 6, b"+first"),
        ("outputs/page_1.txt", 7, b"+second"),
    ]


def test_a_model_that_does_not_load_is_told(node, project):
    (project / "model.py").write_text("import nothing_of_this_name\n")
    started, _ = node(None)
    assert rebuilt(started["error"]).error_code == "worker.unavailable"


def test_secrets_that_the_manifest_does_not_name_are_refused(node):
    started, _ = node(None, values={"OTHER": "x"})
    assert started["error"]["code"] == "usage.invalid"


def test_a_worker_sees_the_gpus_that_ray_gave_its_actor_and_no_others(project, tmp_path, shared_cache, monkeypatch):
    manifest = project / "manifest.yml"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    settings = Settings.load(project, cache_dir=str(shared_cache), data_dir=str(tmp_path / "data"))
    seen = []
    for _ in range(2):
        plan = prepare(open_folder(project), engine=ProcessEngine(shared_cache), settings=settings)
        try:
            seen.append([slot.job.variables.get("CUDA_VISIBLE_DEVICES") for slot in with_visible(plan).slots])
        finally:
            remove(plan)
        manifest.write_text(manifest.read_text().replace("cpu: 0.25", "gpu: 2"))
    assert seen == [[None], ["2,3"]]
