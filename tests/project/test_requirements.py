import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_spi.errors import EnvironmentFailed
from nova_spi.project import requirements


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    return root


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(project: Path, text: str) -> requirements.Snapshot:
    return requirements.read(project, write(project / "requirements.txt", text))


def test_a_plain_file_is_one_text(project):
    found = read(project, "numpy>=2\n# a comment\n\nsix ; python_version > '3'\n")
    assert (found.main, list(found.texts), found.local) == ("requirements.txt", ["requirements.txt"], {})


@pytest.mark.parametrize(
    "line",
    [
        "-r more/base.txt",
        "-rmore/base.txt",
        "-r   more/base.txt  # why",
        "--requirement more/base.txt",
        "--requirement=more/base.txt",
        "--req more/base.txt",
        "-c more/base.txt",
        "-cmore/base.txt",
        "--constraint=more/base.txt",
        "--no-index -r more/base.txt",
        "-r 'more/base.txt'",
        "-r \\\nmore/base.txt",
        "--requirement=mo\\\nre/base.txt",
        "-r ./more/../more/base.txt",
    ],
)
def test_nested_files_are_read_however_they_are_written(project, line):
    write(project / "more/base.txt", "-r deeper.txt\n")
    write(project / "more/deeper.txt", "six\n")
    found = read(project, line + "\n")
    assert sorted(found.texts) == ["more/base.txt", "more/deeper.txt", "requirements.txt"]


def test_a_line_after_a_comment_is_a_line_as_pip_sees_it(project):
    with pytest.raises(EnvironmentFailed, match="outside"):
        read(project, "# not continued \\\n-r ../outside.txt\n")
    assert read(project, "six \\\n# ends here -r ../outside.txt\n").local == {}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-r ../outside.txt", "outside the project"),
        ("-r /etc/hostname", "outside the project"),
        ("six --no-deps\n--find-links=x -r../outside.txt", "not there|outside"),
        ("--find-links ../wheels", "outside the project"),
        ("../model", "outside the project"),
        ("/opt/thing.whl", "outside the project"),
        ("-r link.txt", "outside the project"),
        ("-r missing.txt", "cannot be read"),
        ("-r loop.txt", "followed|levels of symbolic links"),
        ("-r a\0b", "followed"),
        ("./missing", "not there"),
        ("thing.whl", "not there"),
        ("-e .", "editable"),
        ("--editable=.", "editable"),
        ("-e git+https://example.org/x.git", "editable"),
        ("file:///etc", "path relative to the project"),
        ("six @ file:///etc/six.whl", "path relative to the project"),
        ("git+file:///srv/repo", "path relative to the project"),
        ("-r https://example.org/r.txt", "address"),
        ("-r file:///etc/hostname", "address"),
        ("-c http://example.org/c.txt", "address"),
        ("-r " + "x" * 300, "cannot be read"),
    ],
)
def test_what_leaves_the_project_or_may_change_is_refused(project, line, why):
    write(project.parent / "outside.txt", "six")
    write(project.parent / "model/setup.py", "")
    write(project.parent / "wheels/x.whl", "")
    (project / "loop.txt").symlink_to("loop.txt")
    (project / "link.txt").symlink_to(project.parent / "outside.txt")
    with pytest.raises(EnvironmentFailed) as failure:
        read(project, line + "\n")
    assert re.search(why, failure.value.why.replace("Write", "write"))
    assert failure.value.mend


def test_the_file_itself_must_lie_in_the_project(project):
    with pytest.raises(EnvironmentFailed, match=r"outside\.txt"):
        requirements.read(project, write(project.parent / "outside.txt", "six"))
    with pytest.raises(EnvironmentFailed, match=r"gone\.txt"):
        requirements.read(project, project / "gone.txt")


def test_files_that_name_each_other_are_read_once(project):
    write(project / "a.txt", "-r requirements.txt\n-c a.txt\n")
    assert sorted(read(project, "-r a.txt\n").texts) == ["a.txt", "requirements.txt"]


def test_too_many_and_too_large_files_are_refused(project):
    for number in range(70):
        write(project / f"{number}.txt", f"-r {number + 1}.txt\n")
    with pytest.raises(EnvironmentFailed) as failure:
        read(project, "-r 0.txt")
    assert "more than 64" in failure.value.why.lower()
    with pytest.raises(EnvironmentFailed) as failure:
        read(project, "#" * (requirements.MAX_FILE_BYTES + 1))
    assert "larger" in failure.value.why


def test_local_distributions_are_taken_with_everything_in_them(project, monkeypatch):
    write(project / "vendor/lib/setup.py", "x")
    write(project / "vendor/lib/lib/__init__.py", "y")
    write(project / "vendor/lib/.git/config", "z")
    write(project / "wheels/one.whl", "1")
    found = read(
        project, "--find-links wheels\n./vendor/lib[extra] ; python_version > '3'\nwheels/one.whl --hash=sha256:00\n"
    )
    assert sorted(found.local) == ["vendor/lib/lib/__init__.py", "vendor/lib/setup.py", "wheels/one.whl"]
    monkeypatch.setattr(requirements, "MAX_LOCAL_FILES", 2)
    with pytest.raises(EnvironmentFailed) as failure:
        read(project, "./vendor/lib\nwheels/one.whl")
    assert "over 2 files" in failure.value.why


def test_addresses_and_index_options_are_left_to_pip(project):
    text = "--index-url https://example.org/simple\n-f https://example.org/links\nx @ https://example.org/x.whl\ngit+https://example.org/y.git\n"
    assert read(project, text).local == {}


def test_the_digest_is_of_contents_and_not_of_places(project, tmp_path):
    write(project / "base.txt", "six\n")
    first = read(project, "-r base.txt\n").digest
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere / "model/base.txt", "six\n")
    moved = write(elsewhere / "model/needs.txt", "-r base.txt\n")
    assert requirements.read(elsewhere, moved).digest == first
    write(project / "base.txt", "six==1.17\n")
    assert read(project, "-r base.txt\n").digest != first


def test_a_changed_local_distribution_changes_the_digest(project):
    write(project / "lib/setup.py", "1")
    first = read(project, "./lib").digest
    write(project / "lib/setup.py", "2")
    assert read(project, "./lib").digest != first


def test_the_copy_is_what_was_read(project, tmp_path):
    write(project / "model/base.txt", "six\n")
    write(project / "lib/setup.py", "s")
    main = write(project / "model/requirements.txt", "-r base.txt\n./lib\n")
    found = requirements.read(project, main)
    main.write_text("changed")
    copy = found.copy_to(tmp_path / "copy")
    assert copy == tmp_path / "copy/model/requirements.txt"
    assert copy.read_text() == "-r base.txt\n./lib\n"
    assert (tmp_path / "copy/model/base.txt").read_text() == "six\n"
    assert (tmp_path / "copy/lib/setup.py").read_text() == "s"


TOKENS = st.sampled_from(
    [
        "-r",
        "-c",
        "-e",
        "--requirement",
        "=",
        " ",
        "\\\n",
        "\n",
        "#",
        "'",
        '"',
        "..",
        "/",
        "a.txt",
        "six",
        "file:",
        "@",
        "~",
        "\0",
        "ü",
    ]
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=80), st.lists(TOKENS, max_size=20).map(lambda words: "".join(words).encode())))
def test_any_bytes_are_a_snapshot_of_the_project_or_refused(project, data):
    (project / "a.txt").write_text("six\n")
    (project / "requirements.txt").write_bytes(data)
    try:
        found = requirements.read(project, project / "requirements.txt")
    except EnvironmentFailed:
        return
    for relative in [*found.texts, *found.local]:
        assert not Path(relative).is_absolute()
        assert ".." not in relative.split("/")
