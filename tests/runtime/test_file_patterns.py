import fnmatch
import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi_runtime.patterns import (
    PatternInvalid,
    expand_braces,
    matches,
    may_overlap,
    natural_key,
    numbered_name,
    pattern_problem,
)


@pytest.mark.parametrize(
    ("pattern", "expanded"),
    [
        ("*.png", ["*.png"]),
        ("*.{png,jpg}", ["*.png", "*.jpg"]),
        ("a{b,c{d,e}}f", ["abf", "acdf", "acef"]),
        ("{a,b}{1,2}", ["a1", "a2", "b1", "b2"]),
        ("x{,y}", ["x", "xy"]),
        ("{a}", ["a"]),
        ("{a,a}", ["a"]),
        ("a,b", ["a,b"]),
        ("{x/y,z}/*", ["x/y/*", "z/*"]),
    ],
)
def test_braces_expand_as_in_a_shell(pattern, expanded):
    assert expand_braces(pattern) == expanded


@pytest.mark.parametrize(
    "pattern", ["{a,b}" * 20, "{" * 40 + "}" * 40, "{a", "a}", "{a,{b}", "", "a" * 2000, "{,}" * 300]
)
def test_braces_are_bounded_and_closed(pattern):
    begin = time.perf_counter()
    with pytest.raises(PatternInvalid):
        expand_braces(pattern)
    assert pattern_problem(pattern, output=False)
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("*.png", "A.PNG", True),
        ("*.PNG", "a.png", True),
        ("A*.png", "a.png", False),
        ("*.{jpg,png}", "x.Jpg", True),
        ("*.[pj]*", "x.JPG", True),
        ("*", "no_extension", True),
        ("*", ".hidden", False),
        (".*", ".hidden", True),
        ("[.]*", ".hidden", True),
        ("*.png", "dir/a.png", False),
        ("**/*.png", "a.png", True),
        ("**/*.png", "x/y/a.png", True),
        ("x/**/a", "x/a", True),
        ("x/**/a", "x/1/2/a", True),
        ("x/**/a", "y/a", False),
        ("**/x/**/a.*", "1/x/x/2/a.b", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("**/*", ".git/x", False),
        ("frame_??.png", "frame_07.png", True),
        ("frame_??.png", "frame_007.png", False),
        ("[!a]x", "bx", True),
        ("[^a]x", "ax", False),
        ("[]]x", "]x", True),
        ("[a-c-]x", "-x", True),
        ("a*b*c", "aXbYbc", True),
        ("a*b*c", "aXbYb", False),
        ("*.tar.gz", "a.tar.GZ", True),
        ("*.tar.gz", "a.TAR.gz", False),
        ("x?y", "x/y", False),
    ],
)
def test_paths_match(pattern, path, found):
    assert matches(pattern, path) is found


@pytest.mark.parametrize(
    "pattern",
    ["../x", "a/../b", "/x", "C:x", "a//b", "./a", "a\\b", "a\nb", "[a", "[z-a]", "a**", "**.png", "a/", "{/a,b}", ""],
)
def test_patterns_that_leave_or_cannot_be_read_are_refused(pattern):
    assert pattern_problem(pattern, output=False)


@pytest.mark.parametrize("pattern", ["a/*.png", "**", "**/a", "*_*.png", "{*_*,b}.png"])
def test_an_outputs_pattern_is_one_segment_with_one_counter(pattern):
    assert pattern_problem(pattern, output=True)


@pytest.mark.parametrize("pattern", ["*", "file_*.{jpg,png}", "{a_*,b_*}.png", "result.json"])
def test_patterns_of_outputs(pattern):
    assert pattern_problem(pattern, output=True) is None


def test_no_pattern_explodes():
    begin = time.perf_counter()
    assert not matches("*a" * 100 + "b", "a" * 250)
    assert not matches("**/a/" * 50 + "b", "/".join(["a"] * 100))
    assert not may_overlap("*a" * 100, "*b" * 100)
    assert may_overlap("*a" * 100, "*b" * 100 + "*")
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("pattern", "index", "padding", "suffix", "name"),
    [
        ("file_*.{jpg,png}", 0, 3, ".png", "file_000.png"),
        ("file_*.{jpg,png}", 12, 3, ".JPG", "file_012.JPG"),
        ("*", 0, None, ".wav", "0.wav"),
        ("*", 7, 2, "", "07"),
        ("clip_*", 1000, 3, ".mp4", "clip_1000.mp4"),
        ("out.png", 5, 3, ".png", "out.png"),
        ("*.tar.gz", 1, 1, ".gz", "1.tar.gz"),
        ("f_*.[jp]ng", 0, 1, ".png", "f_0.png"),
    ],
)
def test_names_are_numbered(pattern, index, padding, suffix, name):
    assert numbered_name(pattern, index, padding, suffix) == name


@pytest.mark.parametrize(
    ("pattern", "suffix"), [("*.png", ".gif"), ("*.png", ""), ("a?.png", ".png"), ("[ab].png", ".png")]
)
def test_a_name_that_the_pattern_does_not_give_is_an_error(pattern, suffix):
    with pytest.raises(PatternInvalid, match="allows no file"):
        numbered_name(pattern, 0, 3, suffix)


def test_natural_order():
    names = ["file10.png", "file2.png", "File1.png", "file02.png", "a/10", "a/9", "file", "9" * 5000, "1"]
    assert sorted(names, key=natural_key) == [
        "1", "9" * 5000, "a/9", "a/10", "file", "File1.png", "file02.png", "file2.png", "file10.png",
    ]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("aB1029._/é", max_size=6)))
def test_natural_order_does_not_depend_on_the_first_order(names):
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("*.png", "*.jpg", False),
        ("*.png", "*.PNG", True),
        ("*.png", "a*", True),
        ("a*b", "b*a", False),
        ("*.{png,jpg}", "*.{gif,jpg}", True),
        ("[a-c]*", "[d-f]*", False),
        ("[a-c]*", "[!a-c]*", True),  # B and b count as one
        ("[0-4]", "[!0-4]", False),
        ("[!a]", "A", True),
        ("é.png", "É.png", True),
        ("日.png", "月.png", False),
        ("[一-日]", "[月-龠]", True),
        ("images/*", "masks/*", False),
        ("**/*.png", "x/a.*", True),
        ("**/a", "**/b", False),
        ("a/**", "a/b", True),
        ("a/**/c", "a/c", True),
        ("*/a", "a", False),
        ("?", "??", False),
    ],
)
def test_patterns_that_may_match_the_same_name(one, other, overlap):
    assert may_overlap(one, other) is overlap
    assert may_overlap(other, one) is overlap


segment = st.lists(st.sampled_from(["*", "?", "1", "2", "[12]", "[!2]"]), min_size=1, max_size=3).map(
    lambda tokens: "".join(tokens).replace("**", "*").replace("**", "*")
)
NAMES = ["".join(letters) for size in range(1, 6) for letters in itertools.product("123", repeat=size)]


@settings(max_examples=100, deadline=None)
@given(segment, segment)
def test_matching_agrees_with_fnmatch_and_overlap_is_exact(one, other):
    mine = {name for name in NAMES if matches(one, name)}
    assert mine == {name for name in NAMES if fnmatch.fnmatchcase(name, one)}
    theirs = {name for name in NAMES if matches(other, name)}
    assert may_overlap(one, other) == bool(mine & theirs)


@settings(max_examples=100, deadline=None)
@given(st.text("ab*?[]{},/.!-\\", max_size=16), st.text("ab/.", max_size=8))
def test_any_text_is_a_pattern_or_has_a_problem(pattern, path):
    if pattern_problem(pattern, output=False) is None:
        assert matches(pattern, path) in (True, False)
        assert may_overlap(pattern, pattern)
