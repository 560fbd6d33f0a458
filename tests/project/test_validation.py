import os

import pytest

from nova_spi.manifest.diagnostics import Severity
from nova_spi.project.folder import open_folder
from nova_spi.project.validation import check_project, validate


def found(root) -> dict[str, str]:
    return {item.code: item.message for item in check_project(open_folder(root))}


def with_entry(good: str, entry: str) -> str:
    return good.replace('{callable: "model:Model"}', entry)


def test_a_good_project_has_no_findings(project):
    assert found(project()) == {}


def test_a_manifest_alone_is_not_held_against_its_folder(project):
    root = project()
    (root / "model.py").unlink()
    assert [item.code for item in validate(root)[1]].count("SPI-M401") == 1
    assert "SPI-M401" not in [item.code for item in validate(root / "manifest.yml")[1]]


def test_findings_come_sorted_with_their_place(project, good):
    root = project(manifest=good.replace("model:Model", "model:Modl"))
    _, diagnostics = validate(root)
    (finding,) = [item for item in diagnostics if item.code == "SPI-M402"]
    line = good.splitlines()[finding.span.line - 1]
    assert "callable" in line
    assert finding.where == "execution.entry_point.callable"
    assert "Model" in finding.mend


def test_two_manifests_beside_each_other_are_an_error(project):
    root = project({"manifest.json": "{}"})
    assert "manifest.json stands beside manifest.yml" in found(root)["SPI-M400"]


@pytest.mark.parametrize(
    ("entry", "code", "words"),
    [
        ('{callable: "modle:Model"}', "SPI-M401", "no modle.py"),
        ('{callable: "model.inner:Model"}', "SPI-M401", "no model/inner.py"),
        ('{module: "package"}', "SPI-M401", "package/__main__.py"),
        ('{callable: "model:Nothing"}', "SPI-M402", "model.py has no Nothing"),
        ('{callable: "broken:Model"}', "SPI-M403", "broken.py cannot be parsed"),
        ('{module: "broken"}', "SPI-M403", "broken.py cannot be parsed"),
        ("{command: [python, broken.py]}", "SPI-M403", "broken.py cannot be parsed"),
        ("{command: [python3, -u, nothing.py]}", "SPI-M404", "nothing.py does not exist"),
        ("{command: [./nothing.sh]}", "SPI-M404", "does not exist"),
        ("{command: [python, package]}", "SPI-M404", "is a folder"),
        ("{command: [python, -m, nothing]}", "SPI-M401", "no nothing.py"),
        ('{callable: "model:Empty"}', "SPI-M415", "class Empty has no method predict"),
        ('{callable: "model:takes_other"}', "SPI-M416", "does not take the input prompt"),
        ('{callable: "model:wants_more"}', "SPI-M416", "wants seed"),
    ],
)
def test_what_an_entry_point_names_and_is_not_there_is_found(project, good, entry, code, words):
    files = {
        "model.py": "class Empty: ...\ndef takes_other(text=1): ...\ndef wants_more(prompt, seed): ...\n",
        "broken.py": "ok = 1\ndef broken(:\n",
        "package/__init__.py": "",
    }
    findings = found(project(files, manifest=with_entry(good, entry)))
    assert words in findings[code]


@pytest.mark.parametrize(
    "entry",
    [
        '{callable: "package:thing"}',
        '{callable: "package.inner:made"}',
        '{callable: "model:function"}',
        '{callable: "model:Outer.predict"}',
        '{callable: "model:wrapped"}',
        '{callable: "json:loads"}',
        "{module: package.inner}",
        "{module: http.server}",
        "{command: [python, -m, http.server]}",
        "{command: [python, -X, utf8, model.py]}",
        "{command: [python, -c, 'print(1)']}",
        "{command: python model.py --fast}",
        "{command: [echo, nothing.py]}",
        "{command: [/usr/bin/env, python, nothing.py]}",
    ],
)
def test_what_is_there_or_cannot_be_known_is_not_blamed(project, good, entry):
    files = {
        "model.py": "@wrap\ndef wrapped(): ...\ndef function(prompt): ...\n"
        "class Outer:\n    def predict(self, **inputs): ...\n",
        "package/__init__.py": "from elsewhere import thing\n",
        "package/inner.py": "made = make()\n",
    }
    assert found(project(files, manifest=with_entry(good, entry))) == {}


def test_a_package_hides_a_module_of_its_name_as_in_python(project):
    assert "has no Model" in found(project({"model/__init__.py": ""}))["SPI-M402"]
    assert "model/__init__.py" in found(project({"model/__init__.py": ""}))["SPI-M402"]


def test_a_folder_without_init_hides_nothing(project):
    assert found(project({"model/code/x.py": ""})) == {}


def test_a_syntax_error_is_told_at_its_file_and_line(project, good):
    root = project({"model.py": "a = 1\nclass Model(:\n"})
    (finding,) = check_project(open_folder(root))
    assert (finding.code, finding.file, finding.span.line) == ("SPI-M403", "model.py", 2)


def test_code_for_another_python_is_only_warned_of(project, good):
    manifest = good.replace("execution:\n", 'execution:\n  python_version: "3.99"\n')
    root = project({"model.py": "class Model(:\n"}, manifest=manifest)
    (finding,) = check_project(open_folder(root))
    assert (finding.code, finding.severity) == ("SPI-M418", Severity.WARNING)


def test_a_module_that_requirements_may_bring_is_only_warned_of(project, good):
    manifest = with_entry(good, '{callable: "transformers:pipeline"}').replace(
        "execution:\n", "execution:\n  requirements: requirements.txt\n"
    )
    findings = found(project({"requirements.txt": ""}, manifest=manifest))
    assert list(findings) == ["SPI-M417"]


def test_without_an_entry_point_run_py_is_the_default(project, good):
    manifest = good.replace('execution:\n  entry_point: {callable: "model:Model"}\n', "")
    root = project(manifest=manifest)
    assert list(found(root)) == ["SPI-M412"]
    (root / "run.py").write_text("print(1)")
    assert found(root) == {}
    (root / "run.py").write_text("print(")
    assert list(found(root)) == ["SPI-M403"]


COMMANDS = """\
commands:
  score-it:
    inputs: [{name: text, type: string, description: Any}]
    outputs: [{name: score, type: float, description: Any}]
  other:
    entry_point: {callable: "model:function"}
    outputs: [{name: score, type: float, description: Any}]
  usual: {default: true}
"""


def test_each_command_is_held_against_its_own_method_and_inputs(project, good):
    files = {"model.py": "class Model:\n    def predict(self, prompt): ...\ndef function(): ...\n"}
    root = project(files, manifest=good + COMMANDS)
    (finding,) = check_project(open_folder(root))
    assert (finding.code, finding.where) == ("SPI-M415", "commands.score-it")
    assert "score_it" in finding.message
    model = "class Model:\n    def predict(self, prompt): ...\n    def score_it(self, text): ...\ndef function(): ...\n"
    (root / "model.py").write_text(model)
    assert found(root) == {}


NAMED = """\
assets:
  - {name: weights, uri: "file:model/weights.bin", mount_path: model}
  - {name: extra, uri: "file:model/extra.bin", mount_path: more, optional: true}
test_cases:
  - name: first
    inputs: {prompt: a}
    files: {picture: tests/a.png}
    expect: {reference: {text: tests/a.txt}}
  - name: second
    inputs: {prompt: a}
    files: {picture: [tests/a.png, "tests/*.png", tests]}
benchmark: {dataset: data.jsonl}
catalog: {thumbnail: assets/thumb.png, media_carousel: [/app/assets/one.png]}
"""


def named(good: str) -> str:
    picture = "  - {name: picture, type: file, mime_types: [image/png], description: Any}\noutputs:"
    manifest = good.replace("outputs:", picture).replace("execution:\n", "execution:\n  requirements: needs.txt\n")
    return manifest + NAMED


FILES = [
    "model/weights.bin",
    "tests/a.png",
    "tests/a.txt",
    "data.jsonl",
    "assets/thumb.png",
    "assets/one.png",
    "needs.txt",
]
PREDICT = {"model.py": "class Model:\n    def predict(self, **inputs): ...\n"}


def test_all_files_that_the_manifest_names_may_be_there(project, good):
    assert found(project(PREDICT | dict.fromkeys(FILES, "x"), manifest=named(good))) == {}


@pytest.mark.parametrize(
    ("missing", "codes"),
    [
        ("needs.txt", ["SPI-M405"]),
        ("model/weights.bin", ["SPI-M414"]),
        ("tests/a.png", ["SPI-M406", "SPI-M406", "SPI-M406"]),
        ("tests/a.txt", ["SPI-M408"]),
        ("data.jsonl", ["SPI-M410"]),
        ("assets/thumb.png", ["SPI-M409"]),
        ("assets/one.png", ["SPI-M409"]),
    ],
)
def test_each_file_that_the_manifest_names_is_missed(project, good, missing, codes):
    files = PREDICT | dict.fromkeys([name for name in FILES if name != missing], "x")
    findings = list(check_project(open_folder(project(files, manifest=named(good)))))
    assert [item.code for item in findings] == codes
    assert all(item.span and item.mend for item in findings)


def test_a_file_with_a_similar_name_is_suggested(project, good):
    files = PREDICT | dict.fromkeys([*FILES[1:], "model/weight.bin"], "x")
    (finding,) = check_project(open_folder(project(files, manifest=named(good))))
    assert "model/weight.bin" in finding.mend


def test_files_that_lead_out_are_folders_or_are_not_regular_are_refused(project, good):
    root = project(PREDICT | dict.fromkeys(FILES, "x"), manifest=named(good))
    outside = root.parent / "outside"
    outside.write_text("secret")
    for name in ("needs.txt", "tests/a.png", "data.jsonl"):
        (root / name).unlink()
        (root / name).symlink_to(outside)
    (root / "tests/a.txt").unlink()
    (root / "tests/a.txt").mkdir()
    (root / "assets/one.png").unlink()
    os.mkfifo(root / "assets/one.png")
    findings = found(root)
    assert "leads out" in findings["SPI-M405"]
    assert "leads out" in findings["SPI-M407"]
    assert "leads out" in findings["SPI-M410"]
    assert "is a folder" in findings["SPI-M408"]
    assert "not a regular file" in findings["SPI-M409"]


def test_links_that_leave_the_project_are_warned_of_unless_ignored(project):
    root = project({"sub/x": "", ".spiignore": "/ignored\n"})
    (root / "sub/out").symlink_to("../..")
    (root / "broken").symlink_to("nowhere")
    (root / "inside").symlink_to("sub/x")
    (root / "ignored").symlink_to("/")
    findings = [item for item in check_project(open_folder(root)) if item.code == "SPI-M411"]
    assert sorted(item.file for item in findings) == ["broken", "sub/out"]


def test_a_project_that_cannot_be_looked_through_says_so(project):
    root = project({".spiignore": "x" * 5000})
    assert ".spiignore" in found(root)["SPI-M413"]


def test_of_a_manifest_with_errors_the_folder_is_still_looked_at(project):
    root = project({"manifest.yaml": ""}, manifest="spi_version: '1'\n")
    assert list(found(root)) == ["SPI-M400"]


@pytest.mark.parametrize(
    ("pattern", "code"),
    [("tests/*.gif", "SPI-M406"), ("tests/{a,b}.gif", "SPI-M406"), ("tests/**/*.png", None), ("tests/{a,b}.png", None)],
)
def test_globs_of_test_files_must_match_something(project, good, pattern, code):
    manifest = named(good).replace('"tests/*.png"', f'"{pattern}"')
    findings = found(project(PREDICT | dict.fromkeys(FILES, "x"), manifest=manifest))
    assert list(findings) == ([code] if code else [])
