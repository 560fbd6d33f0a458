import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.manifest.text.scalars import differs_in_yaml_1_1, needs_quotes, resolve_core

yaml = pytest.importorskip("yaml")

SIGNS = "0128-:.eE_xb+~<=yno"
WORDS = [
    "yes",
    "No",
    "ON",
    "off",
    "true",
    "False",
    "null",
    "Null",
    "nULL",
    "yEs",
    "y",
    "n",
    ".inf",
    "-.INF",
    ".NaN",
    "=",
    "<<",
]
DATES = ["2025-04-23", "2025-4-3", "2025-4-3T1:02:03", "2025-04-23 10:00:00.5 +02:00", "2025-04-23t10:00:00Z"]


def pyyaml_tag(text: str) -> str | None:
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    return next((tag for tag, pattern in resolvers.get(text[:1], []) if pattern.match(text)), None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("True", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("0", 0),
        ("-012", -12),
        ("0o17", 15),
        ("0x1F", 31),
        ("+0x1F", "+0x1F"),
        ("1_000", "1_000"),
        ("1.10", 1.1),
        ("-.5e3", -500.0),
        ("1.", 1.0),
        (".", "."),
        ("1e3", 1000.0),
        ("-.Inf", -math.inf),
        ("16:9", "16:9"),
        ("2025-04-23", "2025-04-23"),
        ("1.0.0", "1.0.0"),
    ],
)
def test_plain_text_resolves_by_the_core_schema(text, value):
    resolved = resolve_core(text)
    assert resolved == value
    assert type(resolved) is type(value)


def test_not_a_number_resolves():
    assert math.isnan(resolve_core(".NaN"))


def test_a_number_of_ten_thousand_digits_stays_text():
    assert resolve_core("1" * 10_000) == "1" * 10_000


@pytest.mark.parametrize("text", [*WORDS, *DATES])
def test_words_and_dates_differ_exactly_where_pyyaml_reads_no_string(text):
    assert (differs_in_yaml_1_1(text) is None) == (pyyaml_tag(text) is None)


def test_every_short_text_differs_exactly_where_pyyaml_reads_no_string():
    wrong = [
        text
        for length in range(4)
        for text in map("".join, itertools.product(SIGNS, repeat=length))
        if (differs_in_yaml_1_1(text) is None) != (pyyaml_tag(text) is None)
    ]
    assert wrong == []


@given(st.text(alphabet=SIGNS + "tTfFoOaul/", max_size=12))
def test_any_text_differs_exactly_where_pyyaml_reads_no_string(text):
    assert (differs_in_yaml_1_1(text) is None) == (pyyaml_tag(text) is None)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("yes", "a boolean"),
        ("16:9", "a number in base 60"),
        ("2025-04-23", "a date"),
        ("1.10", "a float"),
        ("010", "an octal number"),
        ("~", "null"),
        ("12", "an integer"),
    ],
)
def test_what_yaml_1_1_reads_is_named(text, kind):
    assert differs_in_yaml_1_1(text) == kind


@given(st.text(max_size=12))
def test_text_that_resolves_to_something_else_needs_quotes(text):
    if differs_in_yaml_1_1(text) or not isinstance(resolve_core(text), str):
        assert needs_quotes(text)
