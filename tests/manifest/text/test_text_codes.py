"""The codes of the text side are documented, and each of them is met."""

import re
from pathlib import Path

import pytest

from nova_spi.manifest.codes import CODES, text_codes
from nova_spi.manifest.codes.text_codes import READING, SPELLINGS, TEXT_CODES
from nova_spi.manifest.diagnostics import Severity

SOURCES = sorted(Path(text_codes.__file__).parents[1].rglob("*.py"))
TESTS = sorted(Path(__file__).parent.glob("test_*.py"))


def named_in(files: list[Path]) -> set[str]:
    return {code for path in files for code in re.findall(r"SPI-M[01]\d\d", path.read_text(encoding="utf-8"))}


def test_codes_are_in_order_and_stand_once():
    names = [code.code for code in TEXT_CODES]
    assert names == sorted(set(names))
    assert all(CODES[code.code] is code for code in TEXT_CODES)


def test_reading_finds_errors_and_spellings_are_warnings():
    assert {code.severity for code in READING} == {Severity.ERROR}
    assert {code.severity for code in SPELLINGS} == {Severity.WARNING}


def test_every_code_of_the_source_is_documented_and_the_other_way_round():
    elsewhere = [path for path in SOURCES if path.name not in ("text_codes.py", "code_examples.py")]
    assert named_in(elsewhere) == {code.code for code in TEXT_CODES}


@pytest.mark.parametrize("code", [code.code for code in TEXT_CODES])
def test_every_code_is_met_in_a_test(code):
    others = [path for path in TESTS if path.name != Path(__file__).name]
    assert code in named_in(others)


def test_every_code_says_why_and_what_mends_it():
    assert all(code.title and code.explanation.endswith(".") and code.mend for code in TEXT_CODES)
