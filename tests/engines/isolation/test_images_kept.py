"""Images as environments: what is refused, what is remembered, what is tidied up, many at once."""

import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from base_image import VARIABLES, make

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Index, read_manifest
from nova_spi.artifacts.platforms import Platform
from nova_spi.engines.port import Image, Job, Limits, Mount, Recipe
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.engines.process.locking import share
from nova_spi.engines.process.roots import mend_for_sandbox, prune
from nova_spi.errors import ArtifactInvalid, EngineUnavailable, EnvironmentFailed
from nova_spi.images.layers import Entry, write_layer
from nova_spi.progress import Silent


@pytest.fixture
def engine(tmp_path):
    if reason := why_not("sandbox", tmp_path / "levels"):
        pytest.skip(reason)
    return ProcessEngine(tmp_path / "cache", "sandbox", tmp_path)


def provide(engine, image, progress=None):
    return engine.provide(Recipe(Path("/"), image=image), progress or Silent())


@pytest.mark.parametrize("level", ["process", "landlock"])
def test_a_level_without_a_root_of_its_own_refuses_an_image_and_says_what_mends_it(base_image, tmp_path, level):
    if reason := why_not(level, tmp_path / "levels"):
        pytest.skip(reason)
    with pytest.raises(EngineUnavailable) as caught:
        provide(ProcessEngine(tmp_path / "cache", level), base_image.image)
    assert level in caught.value.message
    assert caught.value.why
    assert caught.value.mend
    assert not (tmp_path / "cache/images").exists()


def test_what_mends_a_machine_without_namespaces_is_a_command():
    assert mend_for_sandbox().startswith(("sudo sysctl ", "Install Docker or Podman (sudo apt-get install podman)"))


def test_a_run_in_an_image_is_refused_at_a_lower_level_too(engine, base_image, tmp_path):
    environment = provide(engine, base_image.image)
    job = Job(("python",), tmp_path, Path("/"), {}, tmp_path / "log", Limits(5.0), environment=environment)
    with pytest.raises(EngineUnavailable, match="sandbox"):
        ProcessEngine(tmp_path / "cache", "process").run(job, Silent())


def test_an_image_for_another_machine_names_both(engine, base_image):
    other = Platform("linux", "arm64" if platform.machine() == "x86_64" else "amd64")
    image = make(base_image.layout, base_image.model, platform=other)
    with pytest.raises(EngineUnavailable) as caught:
        provide(engine, image)
    assert str(other) in caught.value.message
    assert str(Platform.here()) in caught.value.message
    assert str(Platform.here()) in caught.value.mend


def test_an_image_without_python_is_refused(engine, base_image):
    layer = write_layer(base_image.layout, [Entry("a", b"b")], "nothing")
    with pytest.raises(ArtifactInvalid, match="has no Python"):
        provide(engine, make(base_image.layout, layer))


def test_an_image_whose_python_does_not_start_says_why(engine, base_image):
    layer = write_layer(base_image.layout, [Entry("usr/bin/python3", b"no program", executable=True)], "broken")
    with pytest.raises((EnvironmentFailed, EngineUnavailable)) as caught:
        provide(engine, make(base_image.layout, layer, variables={}))
    assert caught.value.why


def test_a_python_that_says_nonsense_is_not_believed(engine, base_image):
    script = b"#!/usr/local/bin/python3\nprint('3.12.1; rm')\n"
    layers = [base_image.python, write_layer(base_image.layout, [Entry("bin/python3", script, executable=True)], "odd")]
    with pytest.raises(EnvironmentFailed):
        provide(engine, make(base_image.layout, *layers, variables=VARIABLES | {"PATH": "/bin"}))


def test_an_image_that_is_not_there_or_is_an_index_is_refused(engine, base_image, tmp_path):
    missing = Image("gone", base_image.layout.root, "sha256:" + "0" * 64, "sha256:" + "0" * 64)
    with pytest.raises(ArtifactInvalid, match="gone"):
        provide(engine, missing)
    layout = Layout.create(tmp_path / "index")
    data = (layout.root / "index.json").read_bytes()
    assert isinstance(read_manifest(data), Index)
    index = layout.blobs.write(data, "application/vnd.oci.image.index.v1+json")
    with pytest.raises(ArtifactInvalid, match="index"):
        provide(engine, Image("several", layout.root, str(index.digest), str(index.digest)))
    with pytest.raises(ArtifactInvalid):
        provide(engine, Image("odd", layout.root, "md5:1", ""))
    with pytest.raises(ArtifactInvalid):
        provide(engine, Image("nowhere", tmp_path / "nowhere", missing.manifest, ""))


def test_a_damaged_layer_leaves_no_environment(engine, base_image, tmp_path):
    layer = write_layer(base_image.layout, [Entry("a", b"damaged soon")], "damaged")
    image = make(base_image.layout, base_image.python, layer)
    blob = base_image.layout.blobs.path(layer.descriptor.digest)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    with pytest.raises(ArtifactInvalid, match="damaged"):
        provide(engine, image)
    assert not [path for path in (tmp_path / "cache/images").iterdir() if path.is_dir()]


def test_the_python_is_asked_once(engine, base_image, tmp_path):
    first = provide(engine, base_image.image)
    memory = first.root.with_suffix(".json")
    memory.write_text(memory.read_text().replace(first.version, "3.99.1"))
    assert provide(engine, base_image.image).version == "3.99.1"
    for nonsense in ("", "[]", '{"python": "/opt/model/bin/python", "version": "x"}', "{"):
        memory.write_text(nonsense)
        assert provide(engine, base_image.image).version == first.version


def test_the_report_says_that_the_files_are_the_images(engine, base_image):
    rows = {row.what: row for row in engine.protection(Limits(5.0), "none", image=base_image.image)}
    plain = {row.what: row for row in engine.protection(Limits(5.0), "none")}
    assert base_image.image.manifest in rows["files"].limit
    assert rows["files"].hard
    assert rows["files"].by == plain["files"].by
    assert {name: row for name, row in rows.items() if name != "files"} == {
        name: row for name, row in plain.items() if name != "files"
    }


def old_tree(cache, name):
    tree = cache / "images" / name
    (tree / "a").mkdir(parents=True)
    os.utime(tree, (1, 1))
    return tree


def test_trees_that_were_not_used_for_long_are_tidied_up(tmp_path):
    trees = [old_tree(tmp_path, f"{number:064x}") for number in range(4)]
    os.utime(trees[1], (time.time(), time.time()))
    used = share(trees[2].with_suffix(".used"))
    os.utime(trees[2].with_suffix(".used"), (1, 1))
    other = old_tree(tmp_path, "not-a-tree")
    try:
        assert sorted(prune(tmp_path, keep=0)) == [trees[0].name, trees[3].name]
    finally:
        os.close(used)
    assert [tree.exists() for tree in (*trees, other)] == [False, True, True, False, True]
    assert not trees[0].with_suffix(".draft").exists()
    assert prune(tmp_path, keep=2) == []


def test_an_image_in_use_stays_and_is_unpacked_again_when_it_was_tidied_up(engine, base_image, tmp_path):
    cache = tmp_path / "other-cache"
    user = ProcessEngine(cache, engine.level, tmp_path)
    root = provide(user, base_image.image).root
    assert prune(cache, keep=0, idle_seconds=-10) == []
    del user
    other = ProcessEngine(cache, "sandbox", tmp_path)
    assert prune(cache, keep=0, idle_seconds=-10) == [root.name]
    environment = provide(other, base_image.image)
    assert (environment.root, environment.cached) == (root, False)


def test_ten_at_once_unpack_once_and_all_run(base_image, tmp_path):
    if reason := why_not("sandbox", tmp_path / "levels"):
        pytest.skip(reason)

    def one(number):
        engine = ProcessEngine(tmp_path / "cache", "sandbox", tmp_path)
        environment = provide(engine, base_image.image)
        folder = tmp_path / str(number)
        (folder / "work").mkdir(parents=True)
        mounts = (Mount(folder / "work", Path("/app/work"), writable=True),)
        argv = ("python", "-c", f"open('result', 'w').write('{number}')")
        log, variables = folder / "log", dict(environment.variables)
        job = Job(
            argv,
            folder,
            Path("/app/work"),
            variables,
            log,
            Limits(60.0),
            "none",
            environment=environment,
            mounts=mounts,
        )
        outcome = engine.run(job, Silent())
        return outcome.exit_code, (folder / "work/result").read_text(), environment.cached

    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(one, range(10)))
    assert [(code, text) for code, text, _ in found] == [(0, str(number)) for number in range(10)]
    assert len([path for path in (tmp_path / "cache/images").iterdir() if path.is_dir()]) == 1
