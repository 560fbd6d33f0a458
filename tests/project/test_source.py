import ast
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_spi.project.source import MAX_SOURCE_BYTES, Source, SourceError, unaccepted


def parse(tmp_path: Path, text: str | bytes) -> Source:
    path = tmp_path / "module.py"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Source.parse(path)


@pytest.mark.parametrize(
    "text",
    [
        "def found(): ...",
        "async def found(): ...",
        "class found: ...",
        "import found",
        "import found.inner",
        "import other as found",
        "from other import found",
        "from other import thing as found",
        "from other import *",
        "found = 1",
        "found: int = 1",
        "a, (b, *found) = 1, (2, 3)",
        "try:\n    import found\nexcept ImportError:\n    pass",
        "if a:\n    pass\nelse:\n    found = 1",
        "for found in ():\n    pass",
        "with a as found:\n    pass",
        "def setup():\n    global found\n    found = 1",
        "def __getattr__(name): ...",
        "if (found := 1):\n    pass",
        "match a:\n    case [found, *rest]:\n        pass",
        "# -*- coding: latin-1 -*-\nfound = '\xe4'".encode("latin-1"),
    ],
)
def test_a_name_is_found_however_it_is_bound(tmp_path, text):
    assert parse(tmp_path, text).binds("found")


@pytest.mark.parametrize(
    "text",
    ["", "found", "found()", "def other():\n    found = 1", "class Other:\n    found = 1", "x = lambda found: found"],
)
def test_a_name_that_is_only_used_or_bound_elsewhere_is_not_found(tmp_path, text):
    assert not parse(tmp_path, text).binds("found")


def test_nothing_of_a_file_is_run_by_parsing_it(tmp_path):
    parse(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [("def broken(:\n", 1), ("a = 1\nb = = 2\n", 2), ("x = 'open", 1), ("  indented = 1", 1)],
)
def test_a_syntax_error_has_its_line(tmp_path, text, line):
    with pytest.raises(SourceError) as caught:
        parse(tmp_path, text)
    assert caught.value.line == line


@pytest.mark.parametrize("text", [b"\0", b"\xff\xfe", b"(" * 5000, b"-" * 200_000 + b"1", b"x" + b".a" * 100_000])
def test_bytes_that_no_parser_takes_are_one_clear_error(tmp_path, text):
    try:
        parse(tmp_path, text)
    except SourceError as error:
        told = error.message
    else:
        told = "parsed"
    assert told


def test_a_warning_of_the_file_is_not_ours(tmp_path):
    assert parse(tmp_path, "found = '\\d'").binds("found")


def test_a_file_past_the_limit_and_a_folder_are_refused(tmp_path):
    with pytest.raises(SourceError, match="longer than 2 MiB"):
        parse(tmp_path, b"#" * (MAX_SOURCE_BYTES + 1))
    with pytest.raises(SourceError, match="not a regular file"):
        Source.parse(tmp_path)
    with pytest.raises(SourceError):
        Source.parse(tmp_path / "nothing.py")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_raise_anything_else(tmp_path, data):
    try:
        names = parse(tmp_path, data).names
    except SourceError:
        names = frozenset()
    assert isinstance(names, frozenset)


def test_methods_come_from_the_class_and_its_bases_in_the_file(tmp_path):
    source = parse(
        tmp_path,
        "class Base(object):\n    def setup(self): ...\n"
        "class Model(Base):\n    predict = other\n    def run_it(self): ...\n",
    )
    methods = source.methods(source.definition("Model"))
    assert set(methods) == {"setup", "predict", "run_it"}
    assert methods["predict"] is None


@pytest.mark.parametrize(
    "text",
    [
        "class Model(elsewhere.Base): ...",
        "class Model(Imported): ...",
        "class Model:\n    def __getattr__(self, name): ...",
        "class Model(Model): ...",
    ],
)
def test_methods_that_cannot_be_known_are_not_guessed(tmp_path, text):
    source = parse(tmp_path, text)
    assert source.methods(source.definition("Model")) is None


@pytest.mark.parametrize(
    ("text", "unknown", "missing"),
    [
        ("def f(self, a, b=1): ...", [], []),
        ("def f(self, a): ...", ["b"], []),
        ("def f(self, a, b, c): ...", [], ["c"]),
        ("def f(self, a, *, b, c=1): ...", [], []),
        ("def f(self, *, c): ...", ["a", "b"], ["c"]),
        ("def f(self, **inputs): ...", [], []),
        ("@staticmethod\ndef f(a, b): ...", [], []),
        ("def f(): ...", ["a", "b"], []),
    ],
)
def test_parameters_are_compared_with_the_inputs(text, unknown, missing):
    function = ast.parse(text).body[0]
    assert unaccepted(function, ("a", "b"), method=True) == (unknown, missing)
