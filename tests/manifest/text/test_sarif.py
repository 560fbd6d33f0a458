import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nova_spi.manifest.codes import CODES
from nova_spi.manifest.diagnostics import Diagnostic, Severity
from nova_spi.manifest.nodes import Span
from nova_spi.manifest.reading import read
from nova_spi.manifest.showing.sarif import to_sarif

LOOSE = (Path(__file__).parent / "loose.yml").read_bytes()


def run_of(diagnostics, filename="manifest.yml"):
    log = to_sarif(diagnostics, filename)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    return run


def test_a_finding_is_a_result_with_its_region():
    item = Diagnostic("SPI-M101", Severity.WARNING, "said", ("inputs", 0, "type"), Span(2, 9, 2, 12), "mend it")
    (result,) = run_of([item])["results"]
    assert result == {
        "ruleId": "SPI-M101",
        "ruleIndex": 0,
        "level": "warning",
        "message": {"text": "said (mend it)"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "manifest.yml"},
                    "region": {"startLine": 2, "startColumn": 9, "endLine": 2, "endColumn": 12},
                },
                "logicalLocations": [{"fullyQualifiedName": "inputs[0].type"}],
            }
        ],
    }


def test_severities_are_levels():
    items = [Diagnostic("SPI-M101", severity, "x") for severity in Severity]
    assert [result["level"] for result in run_of(items)["results"]] == ["error", "warning", "note"]


def test_rules_are_those_of_the_findings_and_indexes_fit():
    run = run_of(read(LOOSE).diagnostics)
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert {rule["id"] for rule in rules} == {result["ruleId"] for result in run["results"]}


def test_every_code_has_a_rule_with_its_explanation_and_mend():
    run = run_of([Diagnostic(code, Severity.ERROR, "x") for code in CODES])
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == sorted(CODES)
    for rule in run["tool"]["driver"]["rules"]:
        assert rule["fullDescription"]["text"] == CODES[rule["id"]].explanation
        assert rule.get("help", {}).get("text", "") == CODES[rule["id"]].mend


def test_a_finding_without_a_place_has_no_region_and_its_own_file():
    (result,) = run_of([Diagnostic("SPI-M101", Severity.ERROR, "x", file="a b/run.py")])["results"]
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "a%20b/run.py"}}}]


def test_an_absolute_path_is_a_file_address():
    (result,) = run_of([Diagnostic("SPI-M101", Severity.ERROR, "x")], "/srv/m 1.yml")["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///srv/m%201.yml"


@given(st.binary(max_size=100))
def test_the_findings_of_any_bytes_are_json_with_regions_that_begin_at_one(data):
    run = run_of(read(data).diagnostics)
    json.dumps(run, allow_nan=False).encode()
    for result in run["results"]:
        region = result["locations"][0]["physicalLocation"].get("region", {})
        assert all(value >= 1 for value in region.values())
