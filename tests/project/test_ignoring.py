import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nova_spi.errors import ProjectError
from nova_spi.project.ignoring import BUILT_IN, IgnoreRules, Rule

TREE = [
    "a",
    "b/",
    "b/a",
    "b/ab",
    "b/c/",
    "b/c/a",
    "b/c/b.py",
    "b/c/c/",
    "b/c/c/a",
    "c/",
    "c/a-b",
    "c/b/",
    "c/b/a",
    "ab",
    "abc",
    "a.py",
    "b.txt",
    "-a",
    "]",
    "[a]",
    "#a",
    "!a",
    "a b",
    "a ",
    "B",
    "5",
    "a*b",
]


def ours(lines: list[str]) -> set[str]:
    rules = IgnoreRules(lines)
    ignored: set[str] = set()
    for path in TREE:
        parts = tuple(path.rstrip("/").split("/"))
        parents = {"/".join(parts[:length]) for length in range(1, len(parts))}
        if parents & ignored or rules.ignores(parts, folder=path.endswith("/")):
            ignored.add(path.rstrip("/"))
    return ignored


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("git"):
        pytest.skip("git is not on this machine")
    root = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for path in TREE:
        if path.endswith("/"):
            (root / path).mkdir()
        else:
            (root / path).write_text("")
    return root


def gits(root: Path, lines: list[str]) -> set[str]:
    (root / ".gitignore").write_text("\n".join(lines))
    asked = "\0".join(path.rstrip("/") for path in TREE)
    command = ["git", "-c", "core.excludesFile=/dev/null", "-C", str(root)]
    command += ["check-ignore", "--no-index", "-z", "--stdin"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return set(done.stdout.split("\0")) - {""}


PIECES = (
    r"a b c ab .py * ** ? / [ab] [!a] [^b] [a-c] []a] [[:alpha:]] [a [ \ \* \a \[ - [--a] [[:digit:]] [[:nope:]] [[:a]"
    r" [\]] [c-a] [a-] #"
)
pieces = st.sampled_from([" ", *PIECES.split()])
lines_of_pieces = st.tuples(st.sampled_from(["", "", "!", "/", "**/", "#"]), st.lists(pieces, max_size=5)).map(
    lambda found: found[0] + "".join(found[1])
)


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(lines_of_pieces, min_size=1, max_size=4))
@example(lines=["*", "!b/", "!*.py"])
@example(lines=["b/**", "!b/c/"])
@example(lines=["/a", "c/b"])
@example(lines=["**/c/**/a"])
@example(lines=["a\\ ", "a b  "])
@example(lines=["\\#a", "\\!a", "\\[a]"])
@example(lines=["/*", "!/b"])
@example(lines=["***"])
@example(lines=["b/***"])
@example(lines=["[a-c]/[[:lower:]]"])
def test_every_rule_means_what_git_means(repository, lines):
    assert ours(lines) == gits(repository, lines)


@given(line=st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_no_line_raises(line):
    rule = Rule.parse(line.replace("\n", ""))
    if rule:
        rule.matches(("a", "b"), folder=False)


@pytest.mark.parametrize("rule", ["*a" * 40 + "b", "[a]*" * 60 + "c", "**/" * 60 + "b", "a?*" * 50 + "z"])
def test_no_rule_takes_long(rule):
    started = time.perf_counter()
    IgnoreRules([rule]).ignores(("a" * 250,) * 8, folder=False)
    assert time.perf_counter() - started < 1


def test_what_is_built_in_can_be_taken_back_but_not_the_history_of_git():
    rules = IgnoreRules([*BUILT_IN, "!.env", "!.git", "!.git/"])
    assert not rules.ignores((".env",), folder=False)
    assert rules.ignores((".git",), folder=True)
    assert rules.ignores(("sub", "__pycache__"), folder=True)
    assert rules.ignores(("sub", "a.pyc"), folder=False)


def test_an_ignore_file_with_a_mark_windows_lines_and_bad_bytes_is_read(tmp_path):
    (tmp_path / ".spiignore").write_bytes(b"\xef\xbb\xbf*.log\r\n\xff\r\n")
    rules = IgnoreRules.of(tmp_path)
    assert rules.ignores(("a.log",), folder=False)
    assert rules.ignores(("\udcff",), folder=False)


@pytest.mark.parametrize("content", [b"a" * 300_000, b"a\n" * 3000, b"a" * 2000])
def test_an_ignore_file_past_its_limits_is_refused(tmp_path, content):
    (tmp_path / ".spiignore").write_bytes(content)
    with pytest.raises(ProjectError, match=r"\.spiignore"):
        IgnoreRules.of(tmp_path)


def test_an_ignore_file_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / ".spiignore").mkdir()
    with pytest.raises(ProjectError, match="regular file"):
        IgnoreRules.of(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/.spiignore").symlink_to(".spiignore")
    with pytest.raises(ProjectError, match="cannot be read"):
        IgnoreRules.of(tmp_path / "a")
