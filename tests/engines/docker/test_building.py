import stat
import subprocess
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.unpacking import opened
from nova_spi.engines.docker.building import build_own, build_with_packages, kept_base, packages_dockerfile
from nova_spi.engines.docker.context import write_context
from nova_spi.engines.docker.dockerfiles import bases, dockerfile, own_dockerfile
from nova_spi.engines.docker.loading import descriptor_of
from nova_spi.engines.port import Image
from nova_spi.errors import ArtifactInvalid, BuildFailed

PINNED = f"docker.io/library/python@sha256:{'a' * 64}"
APT = b"""#!/bin/sh
echo "apt-get $*"
echo "$*" >> /called
case "$*" in *no-such-package*) echo "E: Unable to locate package no-such-package" >&2; exit 100;; esac
"""


@pytest.fixture
def base(kit, layout, shell_files) -> Image:
    """A base with a shell, and an apt-get that writes down what it was asked for."""
    layers = [kit.tar_of(shell_files), kit.tar_of({"usr/bin/apt-get": APT, "etc/unique": kit.noise(100)})]
    config = {"User": "1000:1000", "Labels": {"kept": "yes"}}
    return kit.make_image(layout, *layers, name=kit.fresh_name(), config=config)


def manifest_of(said: str, layout: Layout):
    place, _, name = said.rpartition(":")
    assert place == str(layout.root)
    return layout.manifest(layout.find(name))


def files_of(layout: Layout, layer) -> dict[str, bytes]:
    with (
        layout.blobs.open(layer) as stream,
        opened(stream, layer.media_type, "it") as plain,
        tarfile.open(fileobj=plain, mode="r|") as tar,
    ):
        return {each.name: tar.extractfile(each).read() for each in tar if each.isreg()}


def test_packages_are_installed_above_the_base(connection, layout, base, heard):
    said = build_with_packages(connection, layout, base, ["zlib1g", "ffmpeg"], progress=heard, network="none")
    built, below = manifest_of(said, layout), layout.manifest(descriptor_of(layout, base))
    assert built.layers[:2] == below.layers  # the same blobs, which a registry knows
    assert files_of(layout, built.layers[-1])["called"] == (
        b"update\ninstall --yes --no-install-recommends ffmpeg zlib1g\n"
    )
    assert layout.config(built).labels["kept"] == "yes"
    list(layout.verify())
    assert [name for name, _ in heard.stages] == ["load", *["build"] * (len(heard.stages) - 2), "save"]
    assert b"apt-get install --yes --no-install-recommends ffmpeg zlib1g" in heard.text


def test_what_was_built_counts_until_the_base_or_the_packages_change(connection, kit, layout, base, heard):
    first = build_with_packages(connection, layout, base, ["a0", "b0"], progress=heard, network="none")
    heard.stages.clear()
    assert build_with_packages(connection, layout, base, ["b0", "a0", "a0"], progress=heard) == first
    assert kept_base(layout, base, ["a0", "b0"]) == first
    assert heard.stages == []
    assert kept_base(layout, base, ["a0"]) is None
    other = kit.make_image(layout, kit.tar_of({"x": b""}), name=base.name)
    assert kept_base(layout, other, ["a0", "b0"]) is None


def test_what_was_built_counts_only_where_all_of_it_is_there(connection, layout, base, heard):
    said = build_with_packages(connection, layout, base, ["a0"], progress=heard, network="none")
    layout.blobs.path(manifest_of(said, layout).layers[-1].digest).unlink()
    assert kept_base(layout, base, ["a0"]) is None
    assert build_with_packages(connection, layout, base, ["a0"], progress=heard, network="none") == said
    list(layout.verify())


def test_a_package_that_does_not_exist_is_told_with_its_step_and_its_last_lines(connection, layout, base, heard):
    with pytest.raises(BuildFailed, match="RUN export DEBIAN_FRONTEND") as failure:
        build_with_packages(connection, layout, base, ["no-such-package"], progress=heard, network="none")
    assert failure.value.error_code == "build.step_failed"
    assert "E: Unable to locate package no-such-package" in failure.value.details["output"]
    assert "100" in failure.value.why
    assert "\x1b" not in str(failure.value.to_dict())


def test_a_base_without_apt_says_which_bases_have_it(connection, kit, layout, shell_files, heard):
    bare = kit.make_image(layout, kit.tar_of(shell_files), name=kit.fresh_name())
    with pytest.raises(BuildFailed) as failure:
        build_with_packages(connection, layout, bare, ["ffmpeg"], progress=heard, network="none")
    assert "no apt-get" in failure.value.mend


def test_a_damaged_base_is_not_built_on(connection, layout, base, heard):
    path = layout.blobs.path(layout.manifest(descriptor_of(layout, base)).layers[1].digest)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactInvalid, match="damaged"):
        build_with_packages(connection, layout, base, ["ffmpeg"], progress=heard)


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    (root / "data" / "deep").mkdir(parents=True)
    for name in ("main.py", "keep.txt", "drop.txt", ".env", "data/a.bin", "data/deep/b.bin", "data/deep/c.txt"):
        (root / name).write_text(name)
    (root / "main.py").chmod(0o755)
    return root


def context_of(root, tmp_path, text="FROM scratch\n") -> dict[str, tarfile.TarInfo]:
    with (tmp_path / "context.tar").open("wb") as target:
        write_context(target, text, root)
    with tarfile.open(tmp_path / "context.tar") as tar:
        return {each.name: each for each in tar if each.isreg()}


def test_a_project_of_its_own_is_built_with_its_files(connection, layout, base, project, heard):
    from nova_spi.engines.docker.loading import ensure_loaded

    ensure_loaded(connection, base, heard)
    (project / ".dockerignore").write_text("drop.txt\n")
    text = f"FROM {base.name}\nUSER 0\nCOPY . /src\nRUN set -e; for f in /src/*; do echo $f; done > /listed\n"
    said = build_own(connection, layout, text, project, progress=heard, network="none")
    assert files_of(layout, manifest_of(said, layout).layers[-1])["listed"].split() == [
        *(b"/src/Dockerfile", b"/src/data", b"/src/keep.txt", b"/src/main.py")
    ]
    heard.stages.clear()
    assert build_own(connection, layout, text, project, progress=heard, network="none") == said
    assert "save" not in [name for name, _ in heard.stages]  # the engine had it from its cache, and so have we
    (project / "keep.txt").write_text("changed")
    assert build_own(connection, layout, text, project, progress=heard, network="none") != said


def test_a_dockerfile_that_is_none_is_told(connection, layout, project, heard):
    with pytest.raises(BuildFailed) as failure:
        build_own(connection, layout, "FRUM nothing\n", project, progress=heard)
    assert failure.value.why


def test_a_base_that_cannot_be_had_is_told(connection, layout, project, heard):
    with pytest.raises(BuildFailed, match=r"FROM 127\.0\.0\.1:1/nothing"):
        build_own(connection, layout, "FROM 127.0.0.1:1/nothing:1\n", project, progress=heard)


def test_the_context_leaves_out_what_the_ignore_files_name(project, tmp_path):
    (project / ".spiignore").write_text("data/deep/c.txt\n")
    (project / ".dockerignore").write_text("# comment\n\n drop.txt \n**/*.bin\n!data/deep/b.bin\n")
    (project / "Dockerfile").write_text("FROM other\n")
    found = context_of(project, tmp_path)
    assert sorted(found) == [".spiignore", "Dockerfile", "data/deep/b.bin", "keep.txt", "main.py"]
    assert {stat.S_IMODE(each.mode) for name, each in found.items() if name != "main.py"} == {0o644}
    assert (found["main.py"].mode, found["main.py"].mtime, found["main.py"].uid) == (0o755, 0, 0)


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ("data", ["drop.txt", "keep.txt", "main.py"]),
        ("/data/", ["drop.txt", "keep.txt", "main.py"]),
        ("./data/*", ["drop.txt", "keep.txt", "main.py"]),
        ("a.bin", ["data/a.bin", "data/deep/b.bin", "data/deep/c.txt", "drop.txt", "keep.txt", "main.py"]),
        ("**.txt", ["data/a.bin", "data/deep/b.bin", "main.py"]),
        ("*\n!main.py", ["main.py"]),
        ("*\n!data/deep", ["data/deep/b.bin", "data/deep/c.txt"]),
        ("d?op.[a-t]xt", ["data/a.bin", "data/deep/b.bin", "data/deep/c.txt", "keep.txt", "main.py"]),
    ],
)
def test_dockerignore_is_read_as_docker_reads_it(project, tmp_path, rules, left):
    (project / ".dockerignore").write_text(rules)
    assert sorted(context_of(project, tmp_path).keys() - {"Dockerfile"}) == left


@settings(max_examples=60, deadline=None)
@given(rules=st.text(alphabet="ab*?[]!/\\.#-^ \n", max_size=40))
def test_no_dockerignore_makes_a_context_fail(tmp_path_factory, rules):
    root = tmp_path_factory.mktemp("p")
    (root / "a").mkdir()
    (root / "a" / "b").write_text("")
    (root / ".dockerignore").write_text(rules)
    assert context_of(root, root.parent).keys() <= {"Dockerfile", "a/b"}


@pytest.mark.parametrize("rules", ["x" * 5000, "x\n" * 5000])
def test_a_dockerignore_that_is_too_long_is_refused(project, tmp_path, rules):
    (project / ".dockerignore").write_text(rules)
    with pytest.raises(BuildFailed, match="more than"):
        context_of(project, tmp_path)


def test_a_file_that_shrinks_while_it_is_sent_is_told(project, tmp_path):
    (project / "big").write_bytes(b"x" * 1_000_000)

    class Shrinking:
        def write(self, data):
            (project / "big").write_bytes(b"")
            return len(data)

    with pytest.raises(BuildFailed, match="changed while it was read"):
        write_context(Shrinking(), "FROM scratch\n", project)


def test_links_that_lead_out_of_the_project_are_not_sent(project, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (project / "link").symlink_to(tmp_path / "secret")
    assert "link" not in context_of(project, tmp_path)


def test_the_generated_dockerfile_is_as_it_was_agreed():
    text = dockerfile(PINNED, ["zlib1g", "ffmpeg=7:5.1.6-0+deb12u1", "ffmpeg=7:5.1.6-0+deb12u1"])
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[:-1] == [
        f"FROM {PINNED}",
        "USER 0",
        "RUN export DEBIAN_FRONTEND=noninteractive \\",
        "    && apt-get update \\",
        "    && apt-get install --yes --no-install-recommends \\",
        "        ffmpeg=7:5.1.6-0+deb12u1 \\",
        "        zlib1g \\",
    ]
    assert lines[-1].startswith("    && rm -rf /var/lib/apt/lists/* ")
    assert max(map(len, text.splitlines())) <= 120


def test_people_see_the_base_by_its_name_and_its_digest(kit, layout):
    image = kit.make_image(layout, kit.tar_of({"a": b""}), name="docker.io/library/python:3.12-slim")
    assert f"\nFROM docker.io/library/python@{image.manifest}\n" in packages_dockerfile(image, ["ffmpeg"])


@pytest.mark.parametrize(
    "base", ["python:3.12", "python", "", f"x@sha256:{'a' * 63}", f"{PINNED}\nRUN evil", f"$X@{PINNED}"]
)
def test_a_base_without_a_digest_is_refused(base):
    with pytest.raises(BuildFailed, match="no digest"):
        dockerfile(base, ["ffmpeg"])


@settings(max_examples=100)
@given(name=st.text(min_size=1, max_size=20))
def test_no_name_of_a_package_becomes_an_instruction(name):
    try:
        text = dockerfile(PINNED, [name])
    except BuildFailed:
        return
    assert f"        {name} \\\n" in text
    assert not set(name) & set(" \t\n\r;&|$`\\\"'<>(){}!#")
    assert not name.startswith("-")


def test_no_packages_are_no_dockerfile():
    with pytest.raises(BuildFailed, match="no packages"):
        dockerfile(PINNED, [])


def test_a_projects_own_dockerfile_is_read_within_bounds(tmp_path):
    assert own_dockerfile(tmp_path) is None
    path = tmp_path / "Dockerfile"
    path.write_text("FROM scratch\n")
    assert own_dockerfile(tmp_path) == "FROM scratch\n"
    for data in (b"\xff\xfe", b"#" * 300_000):
        path.write_bytes(data)
        with pytest.raises(BuildFailed):
            own_dockerfile(tmp_path)
    path.unlink()
    subprocess.run(["mkfifo", path], check=True)
    with pytest.raises(BuildFailed):
        own_dockerfile(tmp_path)
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(BuildFailed):
        own_dockerfile(tmp_path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM a:1\n", ("a:1",)),
        ("# FROM x\nfrom --platform=linux/amd64 a AS one\nFROM one\nFROM scratch\nFROM b\n", ("a", "b")),
        (
            "FROM \\\n  a:1 \\\n# comment\n  as x\nCOPY --from=x / /\nCOPY --from=c:2 / /\nCOPY --from=0 / /\n",
            ("a:1", "c:2"),
        ),
        ("FROM a\nRUN --mount=type=bind,from=tools:1,target=/t true\n", ("a", "tools:1")),
        ("# escape=`\nFROM `\n a\n", ("a",)),
        ("ARG B=x\nFROM ${B}\n", ("${B}",)),
        ("FROM a \\", ("a",)),
        ("", ()),
    ],
)
def test_the_bases_of_a_dockerfile_are_found(text, found):
    assert bases(text) == found


@settings(max_examples=100)
@given(text=st.text(alphabet="FROM as\\\n#`=-:$x", max_size=80))
def test_no_text_makes_looking_for_bases_fail(text):
    assert isinstance(bases(text), tuple)
