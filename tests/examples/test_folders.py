import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nova_spi.manifest.reading import read
from nova_spi.project.validation import validate

PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.]*")
DOMAINS = {"text", "image", "video", "audio", "multimodal"}


def test_there_is_one_example_for_each_domain(examples: Path) -> None:
    domains = [read(path.read_bytes()).manifest.model.domain for path in examples.glob("*/manifest.yml")]
    assert sorted(domains) == sorted(DOMAINS)


def test_manifest_and_project_have_no_finding_at_all(example: Path) -> None:
    _, diagnostics = validate(example)
    assert [f"{each.severity} {each.code} {each.path}: {each.message}" for each in diagnostics] == []


def test_manifest_is_exemplary(example: Path) -> None:
    manifest = read((example / "manifest.yml").read_bytes()).manifest
    assert manifest is not None
    model = manifest.model
    assert model.name == example.name
    assert all((model.license, model.authors, model.tasks, model.domain_specific, model.tags, model.created_at))
    assert manifest.execution.entry_point.callable
    assert manifest.execution.resources
    assert all(parameter.description for parameter in (*manifest.inputs, *manifest.outputs))
    assert len(manifest.test_cases) >= 3
    assert any(case.expect.error for case in manifest.test_cases)
    assert sum(metric.weight for metric in manifest.benchmark.metrics) == pytest.approx(1)
    assert (example / manifest.catalog.thumbnail).is_file()


def test_requirements_are_exact_pins_without_addresses(example: Path) -> None:
    lines = (example / "requirements.txt").read_text().splitlines()
    names = [line.split("==")[0].lower() for line in lines]
    assert names == sorted(names)
    assert [line for line in lines if not PIN.fullmatch(line)] == []


def test_pins_agree_between_the_examples(examples: Path) -> None:
    seen: dict[str, str] = {}
    for pins in examples.glob("*/requirements.txt"):
        for line in pins.read_text().split():
            package, version = line.split("==")
            assert seen.setdefault(package.lower(), version) == version, package


def test_media_are_small(example: Path) -> None:
    files = [path for path in (*example.glob("tests/*"), *example.glob("assets/*")) if path.is_file()]
    assert files
    assert [path.name for path in files if path.stat().st_size >= 100 * 1024] == []


def test_readme_says_what_it_is_how_to_run_it_and_what_it_does_not_do(example: Path) -> None:
    text = (example / "README.md").read_text()
    assert f"nova-spi run examples/{example.name}" in text
    assert "## What it does not do" in text
    assert "icence" in text
    named = [Path(word) for word in re.findall(r"=(examples/\S+)", text)]
    assert [str(path) for path in named if not (example.parents[1] / path).is_file()] == []


def test_truth_of_the_recording_stands_beside_it(examples: Path) -> None:
    truth = json.loads((examples / "audio-voice-activity/tests/speech_and_noise.json").read_text())
    assert [sorted(each) for each in truth] == [["end", "start"]] * 2


def test_system_packages_script_succeeds_where_there_is_no_apt(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "install-system-packages.sh"
    done = subprocess.run(["/bin/sh", str(script)], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0
    assert "flite" in done.stderr
    assert "skipped" in done.stderr


def test_demo_needs_no_more_than_the_core_install(examples: Path) -> None:
    source = (examples / "demo.py").read_text()
    imported = set(re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE))
    assert imported <= {*sys.stdlib_module_names, "nova_spi", "rich"}
