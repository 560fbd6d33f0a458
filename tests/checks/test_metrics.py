import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nova_spi.checks.testing.metrics import METRICS, NotMeasured, edit_distance, measure


def slow_distance(first, second):
    row = list(range(len(second) + 1))
    for i, one in enumerate(first, 1):
        last, row[0] = row[0], i
        for j, other in enumerate(second, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (one != other))
    return row[-1]


@given(st.text(alphabet="abc", max_size=12), st.text(alphabet="abc", max_size=12))
def test_the_distance_is_that_of_the_table(first, second):
    assert edit_distance(first, second) == slow_distance(first, second)


def test_the_distance_works_over_words_and_any_length():
    assert edit_distance(list("abc"), list("axcd")) == 2
    long = "abcdefghij" * 2000
    assert edit_distance(long, long[5:]) == 5


def test_error_rates_are_of_the_reference():
    assert measure("character_error_rate", "EX1T", "EXIT") == 0.25
    assert measure("word_error_rate", "the cat sat", "the cat sat down") == 0.25
    assert measure("character_error_rate", "", "") == 0
    assert measure("character_error_rate", "ab", "") == 2


@pytest.mark.parametrize(
    ("value", "reference", "figure"),
    [
        ("a", "a", 1),
        ("a", "b", 0),
        (1, 1, 1),
        (1, True, 0),
        ([1], [1], 1),
        ({"a": 1}, {"a": 2}, 0),
    ],
)
def test_exact_is_all_or_nothing(value, reference, figure):
    assert measure("exact", value, reference) == figure


def test_exact_compares_files_byte_by_byte(tmp_path):
    for name, content in (("a", b"12"), ("b", b"12"), ("c", b"123"), ("d", b"")):
        (tmp_path / name).write_bytes(content)
    figures = [measure("exact", tmp_path / "a", tmp_path / other) for other in "bcd"]
    assert figures == [1, 0, 0]
    assert measure("exact", tmp_path / "c", tmp_path / "a") == 0


def test_mae_is_the_mean_distance():
    assert measure("mae", 3, 1.0) == 2
    assert measure("mae", [[1, 2], [3]], [[1, 4], [0]]) == pytest.approx(5 / 3)


@pytest.mark.parametrize(("value", "reference"), [([1], [1, 2]), ("1", 1), (True, 1), ([], []), ([1], 1), (None, 1)])
def test_mae_of_what_has_no_distance_is_not_measured(value, reference):
    with pytest.raises(NotMeasured):
        measure("mae", value, reference)


@pytest.fixture
def pictures(tmp_path):
    def make(name, color, size=(8, 8), mode="RGB"):
        Image.new(mode, size, color).save(tmp_path / name)
        return tmp_path / name

    return make


def test_pictures_are_compared_by_their_pixels(pictures):
    black, grey = pictures("a.png", (0, 0, 0)), pictures("b.png", (51, 51, 51))
    assert measure("mae", black, grey) == 51
    assert measure("psnr", black, grey) == pytest.approx(20 * math.log10(255 / 51))
    assert measure("psnr", black, black) == math.inf
    assert measure("mae", pictures("l.png", 10, mode="L"), pictures("m.png", (10, 10, 10))) == 0


def test_pictures_that_do_not_fit_are_not_measured(pictures, tmp_path):
    small, large = pictures("a.png", 0), pictures("b.png", 0, (9, 8))
    with pytest.raises(NotMeasured, match="9x8"):
        measure("psnr", small, large)
    (tmp_path / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(NotMeasured, match="cannot be read"):
        measure("mae", tmp_path / "c.png", small)
    with pytest.raises(NotMeasured):
        measure("psnr", "a", "b")


def test_text_of_a_file_counts_as_text(tmp_path):
    (tmp_path / "said.txt").write_text("hallo")
    assert measure("character_error_rate", tmp_path / "said.txt", "hello") == 0.2
    (tmp_path / "said.bin").write_bytes(b"\xff")
    with pytest.raises(NotMeasured):
        measure("word_error_rate", tmp_path / "said.bin", "x")


def test_an_unknown_metric_is_not_measured():
    with pytest.raises(NotMeasured, match="no metric 'vmaf'"):
        measure("vmaf", 1, 1)


@given(
    st.sampled_from(sorted(METRICS)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    ),
    st.text() | st.floats(allow_nan=False),
)
def test_any_two_values_give_a_figure_or_a_reason(name, value, reference):
    with contextlib.suppress(NotMeasured):
        assert isinstance(measure(name, value, reference), float)
