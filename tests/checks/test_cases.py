import json
import shutil
import threading

import pytest
from PIL import Image

from nova_spi.checks.testing.cases import folder_name, run_cases
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.errors import ManifestInvalid, UsageError
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

HEAD = """
spi_version: "1"
model: {name: cased-model, version: 1.0.0, description: A model with test cases of its own., domain: image}
execution: {secrets: [TOKEN]}
inputs:
  - {name: pictures, type: file, file_pattern: "**/*.png", mime_types: [image/png], mount_path: inputs/pictures}
  - {name: prompt, type: string, default: hello}
outputs:
  - {name: said, type: string, required: true}
  - {name: copies, type: file, file_pattern: "*.png", index_padding: 2}
"""

RUN = """
import os, pathlib, shutil, sys, time
from spi.utils import SPIRuntime

spi = SPIRuntime()
inputs = spi.parse_inputs()
if inputs["prompt"] == "crash":
    os._exit(7)
if inputs["prompt"] == "raise":
    raise ValueError("as asked")
if inputs["prompt"] == "wait":
    print("waiting", flush=True)
    time.sleep(300)
copies = []
for number, path in enumerate(inputs.get("pictures", [])):
    copies.append(shutil.copy(path, f"outputs/c{number}.png"))
outputs = {"said": inputs["prompt"]}
if copies:
    outputs["copies"] = copies
spi.write_outputs(outputs)
"""


@pytest.fixture
def settings(shared_cache, tmp_path):
    return Settings.load(cache_dir=shared_cache, data_dir=tmp_path / "data", engine="process")


@pytest.fixture
def tested(tmp_path, settings, shared_cache):
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "run.py").write_text(RUN)
    for name, color in (("a2", 2), ("a10", 10), ("b", 200)):
        Image.new("RGB", (4, 4), (color,) * 3).save(root / "tests" / f"{name}.png")

    def run(cases, **options):
        (root / "manifest.yml").write_text(HEAD + cases)
        options.setdefault("output", tmp_path / "evidence")
        return run_cases(open_folder(root), engine=ProcessEngine(shared_cache), settings=settings, **options)

    run.root = root
    run.output = tmp_path / "evidence"
    return run


def statuses(report):
    return {case.name: case.status for case in report.cases}


def test_every_case_is_an_execution_with_its_evidence(tested):
    report = tested("""
test_cases:
  - {name: plain, expect: {equals: {said: hello}}}
  - name: one_file
    files: {pictures: tests/b.png}
    expect: {file_count: {copies: 1}, reference: {copies: tests/b.png}}
  - name: a_glob
    files: {pictures: tests/a*.png}
    expect: {file_count: {copies: 2}, reference: {copies: tests/b.png}, metric: {psnr: {min: 20}}}
  - {name: wrong, inputs: {prompt: bye}, expect: {equals: {said: hello}, max_seconds: 60}}
""")
    assert statuses(report) == {"plain": "passed", "one_file": "passed", "a_glob": "failed", "wrong": "failed"}
    assert not report.ok
    assert "the reference has 1" in report.cases[2].findings[0]
    assert report.cases[3].findings == ("said: 'bye' came, 'hello' was expected",)
    evidence = tested.output / "one_file"
    assert sorted(path.name for path in evidence.iterdir()) == ["00.png", "log.txt", "output.json", "run.json"]
    assert json.loads((evidence / "run.json").read_text())["status"] == "succeeded"
    assert report.cases[1].execution.outputs["copies"] == [evidence / "00.png"]


def test_the_report_as_json_says_what_was_tested_and_how(tested):
    report = tested("test_cases: [{name: plain, expect: {outputs: [said]}}]\n")
    told = json.loads(json.dumps(report.to_dict()))
    assert told["ok"]
    assert told["summary"] == {"cases": 1, "passed": 1, "failed": 0, "error": 0, "skipped": 0}
    assert told["model"] == {"name": "cased-model", "version": "1.0.0"}
    assert len(told["manifest"]["sha256"]) == 64
    assert told["cases"][0]["execution"]["timings"]["run"] > 0
    assert told["note"] == ""


def test_a_manifest_without_cases_says_that_nothing_was_tested(tested):
    report = tested("")
    assert report.cases == ()
    assert "nothing was tested" in report.note
    assert report.to_dict()["note"] == report.note


def test_a_failure_that_is_expected_passes_by_its_code(tested):
    report = tested("""
test_cases:
  - {name: crash, inputs: {prompt: crash}, expect: {error: worker.crashed}}
  - {name: raise, inputs: {prompt: raise}, expect: {error: model.error}}
  - {name: invalid, inputs: {prompt: 3}, expect: {error: input.invalid}}
  - {name: fine, expect: {error: model.error}}
  - {name: unexpected, inputs: {prompt: crash}}
""")
    found = statuses(report)
    assert found == {
        "crash": "passed",
        "raise": "passed",
        "invalid": "passed",
        "fine": "failed",
        "unexpected": "failed",
    }
    assert (tested.output / "crash" / "log.txt").exists()
    assert not (tested.output / "crash" / "output.json").exists()


def test_only_named_cases_run_and_an_unknown_one_is_refused(tested):
    cases = "test_cases: [{name: printed_sign}, {name: other}]\n"
    assert statuses(tested(cases, names=("other",))) == {"other": "passed"}
    with pytest.raises(UsageError, match="printed_sing") as raised:
        tested(cases, names=("printed_sing",))
    assert "printed_sign" in raised.value.why


def test_evidence_of_the_last_time_is_replaced_and_what_is_not_ours_stays(tested):
    cases = "test_cases: [{name: pictures, files: {pictures: tests/*.png}}, {name: plain}]\n"
    (tested.output / "plain").mkdir(parents=True)
    (tested.output / "plain" / "mine.txt").write_text("mine")
    tested(cases)
    assert len(list((tested.output / "pictures").glob("*.png"))) == 3
    assert (tested.output / "plain" / "mine.txt").exists()
    for name in ("a2", "a10"):
        (tested.root / "tests" / f"{name}.png").unlink()
    tested(cases)
    assert len(list((tested.output / "pictures").glob("*.png"))) == 1


def test_a_case_that_cannot_be_run_is_an_error_and_the_others_go_on(tested):
    report = tested("""
assets: [{name: w, uri: "file:none.bin", mount_path: w.bin}]
test_cases: [{name: one}, {name: two}]
""")
    assert statuses(report) == {"one": "error", "two": "error"}
    assert "asset.unavailable" in report.cases[0].findings[0]


def test_a_file_that_is_not_there_is_a_failed_case(tested):
    report = tested("test_cases: [{name: one, files: {pictures: tests/nothing.png}}]\n")
    assert statuses(report) == {"one": "failed"}
    assert "input.invalid" in report.cases[0].findings[0]


def test_a_file_outside_the_project_is_not_read(tested):
    (tested.root / "tests" / "out.png").symlink_to("/etc/passwd")
    report = tested("test_cases: [{name: one, files: {pictures: tests/out.png}}]\n")
    assert statuses(report) == {"one": "error"}
    assert "leads out of the project" in report.cases[0].findings[0]


def test_a_project_whose_path_looks_like_a_glob_works(tested, tmp_path):
    odd = tmp_path / "pro[j]ect *"
    shutil.move(tested.root, odd)
    (odd / "manifest.yml").write_text(HEAD + "test_cases: [{name: one, files: {pictures: tests/a*.png}}]\n")
    settings = Settings.load(cache_dir=tmp_path / "c", data_dir=tmp_path / "d")
    engine = ProcessEngine(tmp_path / "c")
    report = run_cases(open_folder(odd), engine=engine, settings=settings, output=tmp_path / "out")
    assert statuses(report) == {"one": "passed"}


def test_cancelling_skips_the_rest(tested):
    cancel = threading.Event()

    class Listening:
        def stage(self, name, detail=""):
            pass

        advance = warn = stage

        def log(self, chunk):
            if b"waiting" in chunk:
                cancel.set()

    cases = "test_cases: [{name: one}, {name: two, inputs: {prompt: wait}}, {name: three}]\n"
    report = tested(cases, cancel=cancel, progress=Listening())
    assert statuses(report) == {"one": "passed", "two": "failed", "three": "skipped"}
    assert "run.cancelled" in report.cases[1].findings[0]


def test_a_manifest_with_errors_is_not_tested(tested):
    with pytest.raises(ManifestInvalid):
        tested("test_cases: 3\n")


@pytest.mark.parametrize("name", ["..", "a/b", "Größe 1: x", "", "x" * 300, ".hidden", "a b"])
def test_any_name_of_a_case_is_one_folder(name):
    found = folder_name(name)
    assert found not in ("", ".", "..")
    assert "/" not in found
    assert not found.startswith(".")
    assert len(found) <= 100
    assert folder_name("a/b") != folder_name("a:b")
