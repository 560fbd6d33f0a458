import json

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nova_spi
from nova_spi import ManifestInvalid, Project, UsageError

COMMENTED = """\
# Our first model.
spi_version: "1"

model:
  name: first-model     # as agreed
  version: 1.0.0
  description: Says the same again, and nothing else at all.
  domain: text
  created_at: "2025-01-01T00:00:00Z"
  tags: [one, two]
  # the licence was asked for
  license: Apache-2.0

inputs:
  # what comes in
  - name: prompt
    type: string   # any text
    description: |
      Any text,
      of any length

  # how often
  - {name: times, type: integer, default: 1, description: How often}

# what goes out
outputs:
  - name: text
    type: string
    description: The text

# the end
"""


@pytest.fixture
def project(written) -> Project:
    return written(COMMENTED)


def lines(project: Project) -> list[str]:
    return project.manifest_path.read_text().splitlines()


def without_time(found: list[str]) -> list[str]:
    return [line for line in found if "modified_at" not in line]


def test_changes_stay_in_memory_until_they_are_saved(project):
    project.set_metadata(version="1.1.0")
    assert project.manifest.model.version == "1.1.0"
    assert project.manifest_path.read_text() == COMMENTED
    project.save_manifest()
    assert Project.load(project.root).manifest.model.version == "1.1.0"


def test_a_changed_key_changes_its_line_alone(project):
    project.set_metadata(version="1.1.0", name="second-model")
    project.save_manifest()
    expected = COMMENTED.replace("version: 1.0.0", "version: 1.1.0").replace(
        "name: first-model ", "name: second-model "
    )
    assert without_time(lines(project)) == expected.splitlines()


def test_a_new_input_stands_after_the_others_and_before_the_next_comment(project):
    project.add_input(name="seed", type="integer", description="For repeating", default=0)
    project.save_manifest()
    text = project.manifest_path.read_text()
    assert text.index("name: times") < text.index("name: seed") < text.index("# what goes out")
    assert without_time([line for line in lines(project) if "seed" not in line]) != []
    assert set(COMMENTED.splitlines()) <= set(lines(project))


def test_a_parameter_of_the_same_name_is_replaced_in_its_place(project):
    project.add_input(name="prompt", type="string", description="Short now", required=True)
    project.save_manifest()
    assert [one.name for one in project.manifest.inputs] == ["prompt", "times"]
    assert project.manifest.inputs[0].required
    text = project.manifest_path.read_text()
    assert "Short now" in text
    assert "# any text" in text


def test_keys_that_the_new_parameter_does_not_have_go(project):
    project.add_input(name="times", type="integer", description="How often")
    project.save_manifest()
    assert "default: 1" not in project.manifest_path.read_text()
    assert "# how often" in project.manifest_path.read_text()


def test_every_comment_survives_every_change(project):
    project.set_metadata(description="Now it says something else altogether.", tags=["three"], framework="none")
    project.add_input(name="prompt", type="string", description="Short now")
    project.add_input(name="extra", type="object", properties={"a": {"type": "string"}}, description="More")
    project.add_output(name="second", type="array", items={"type": "string"}, description="Another")
    project.save_manifest()
    text = project.manifest_path.read_text()
    for comment in [line[line.index("#") :] for line in COMMENTED.splitlines() if "#" in line]:
        assert comment in text
    assert nova_spi.validate(project.manifest_path, strict=True).ok


def test_none_removes_a_key(project):
    project.set_metadata(tags=None)
    project.save_manifest()
    assert "tags" not in project.manifest_path.read_text()


def test_saving_says_when_and_only_where_something_changed(project, monkeypatch):
    project.save_manifest()
    project.set_metadata(version="1.0.0")
    project.save_manifest()
    assert project.manifest_path.read_text() == COMMENTED
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1750000000")
    project.set_metadata(version="1.1.0")
    project.save_manifest()
    assert project.manifest.model.modified_at == "2025-06-15T15:06:40Z"


def test_nothing_is_modified_before_it_was_created(project, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    project.set_metadata(version="1.1.0")
    project.save_manifest()
    assert project.manifest.model.modified_at == "2025-01-01T00:00:00Z"


def test_what_was_edited_meanwhile_stays(project):
    project.set_metadata(version="1.1.0")
    project.manifest_path.write_text(COMMENTED.replace("Apache-2.0", "MIT"))
    project.save_manifest()
    assert (project.manifest.model.license, project.manifest.model.version) == ("MIT", "1.1.0")


def test_a_file_that_was_broken_meanwhile_stays_as_it_is(project):
    project.set_metadata(version="1.1.0")
    project.manifest_path.write_text("model: [")
    with pytest.raises(ManifestInvalid):
        project.save_manifest()
    assert project.manifest_path.read_text() == "model: ["


@pytest.mark.parametrize(
    "values",
    [{"version": "one"}, {"nmae": "x"}, {"domain": "smell"}, {"name": None}, {"tags": object()}, {"license": 3}],
)
def test_metadata_that_break_a_rule_are_refused_and_change_nothing(project, values):
    with pytest.raises(ManifestInvalid) as caught:
        project.set_metadata(**values)
    assert "would not be valid" in caught.value.message
    assert project.manifest == Project.load(project.root).manifest
    project.save_manifest()
    assert project.manifest_path.read_text() == COMMENTED


@pytest.mark.parametrize(
    "values",
    [
        {"name": "1st", "type": "string"},
        {"name": "PROMPT", "type": "string"},
        {"name": "a", "type": "strnig"},
        {"name": "a", "type": "integer", "default": "x"},
        {"name": "a", "type": "string", "requird": True},
        {"name": "a", "type": "string", "default": {1, 2}},
        {"name": 3, "type": "string"},
    ],
)
def test_a_parameter_that_breaks_a_rule_is_refused_and_changes_nothing(project, values):
    with pytest.raises(ManifestInvalid):
        project.add_input(**values)
    assert [one.name for one in project.manifest.inputs] == ["prompt", "times"]


def test_a_misspelled_key_is_told_with_the_right_one(project):
    with pytest.raises(ManifestInvalid) as caught:
        project.set_metadata(desciption="x")
    assert "description" in f"{caught.value.message} {caught.value.mend}"


def test_running_and_testing_want_the_changes_saved(project):
    project.set_metadata(version="1.1.0")
    for call in (project.run, project.test):
        with pytest.raises(UsageError, match="not saved") as caught:
            call()
        assert caught.value.mend == "project.save_manifest()"


def test_a_json_manifest_stays_json(written):
    data = yaml.safe_load(COMMENTED)
    project = written(json.dumps(data), "manifest.json")
    project.add_output(name="more", type="float", description="A number")
    project.save_manifest()
    saved = json.loads(project.manifest_path.read_text())
    assert [one["name"] for one in saved["outputs"]] == ["text", "more"]


@pytest.mark.parametrize(
    ("empty", "around"),
    [("inputs: []\n", ""), ("inputs: []   # none\n", ""), ("inputs: [  ]\n", ""), ("{before}inputs: []\n", "x-a: 1\n")],
)
def test_an_empty_list_becomes_one_in_block_style(written, empty, around):
    text = COMMENTED[: COMMENTED.index("inputs:")] + empty.replace("{before}", around) + "outputs: []\n"
    project = written(text)
    project.add_input(name="first", type="string", description="One")
    project.add_input(name="second", type="string", description="Two")
    project.add_output(name="third", type="string", description="Three")
    project.save_manifest()
    assert [one["name"] for one in yaml.safe_load(project.manifest_path.read_text())["inputs"]] == ["first", "second"]
    assert "\n  - name: second\n" in project.manifest_path.read_text()


@pytest.mark.parametrize("ending", ["", "\n", "\n\n# end"])
@pytest.mark.parametrize(
    "style", ["[{name: a, type: string}]", "\n- name: a\n  type: string", "\n    - name: a\n      type: string # c"]
)
def test_lists_of_every_style_take_one_more(written, style, ending):
    text = COMMENTED[: COMMENTED.index("inputs:")] + f"inputs: []\noutputs: {style}{ending}"
    project = written(text)
    project.add_output(name="b", type="float", constraints={"min_value": 1e-06}, description="yes")
    project.save_manifest()
    found = yaml.safe_load(project.manifest_path.read_text())["outputs"]
    assert found[1] == {"name": "b", "type": "float", "constraints": {"min_value": 1e-06}, "description": "yes"}


def test_windows_line_ends_stay(written):
    project = written("")
    project.manifest_path.write_bytes(COMMENTED.replace("\n", "\r\n").encode())
    project = Project.load(project.root)
    project.set_metadata(version="1.1.0")
    project.add_input(name="more", type="string", description="More")
    project.save_manifest()
    assert [one.name for one in project.manifest.inputs] == ["prompt", "times", "more"]
    data = project.manifest_path.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n")


def test_a_manifest_of_version_0_takes_changes_too(written):
    project = written("model: {name: old, version: 1.0.0, domain: Text}\ninputs: []\noutputs: []\n")
    project.add_input(name="prompt", type="string")
    project.save_manifest()
    assert [one.name for one in project.manifest.inputs] == ["prompt"]


HEAD = 'spi_version: "1"\nmodel: {name: a-model, version: 1.0.0, domain: text, description: Any}\n'


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "inputs: &same [{name: a, type: string}]\noutputs: *same\n",
        HEAD + "inputs:\n  - &one {name: a, type: string}\noutputs:\n  - *one\n",
        HEAD.replace("{name", "&m {name") + "inputs: [{name: a, type: string}]\noutputs: []\nx-again: *m\n",
        HEAD + '"inputs": [\n  {name: a, type: string},\n]\noutputs: []\n',
        '{"spi_version": "1", "model": {"name": "a", "version": "1.0.0", "domain": "text"},'
        ' "inputs": [], "outputs": []}',
        HEAD + "inputs:\n  - name: a\n    type: string\n    description: >\n      folded\n      text\noutputs: []\n",
        HEAD
        + "inputs:\n  - name: a\n    type: map\n    values:\n      type: array\n      items:\n        type: float\n"
        "outputs: []",
        HEAD.replace("spi_version", "---\nspi_version") + "inputs: []\noutputs: []\n...\n",
    ],
)
def test_whatever_the_shape_of_the_file_the_changes_are_in_it(written, text):
    project = written(text)
    before = [one.name for one in project.manifest.inputs]
    outputs = project.manifest.outputs
    project.set_metadata(version="2.0.0", tags=["new"], description="Another one")
    project.add_input(name="a", type="string", description="Changed")
    project.add_input(name="more", type="string")
    project.save_manifest()
    saved = Project.load(project.root).manifest
    assert (saved.model.version, saved.model.tags, saved.model.description) == ("2.0.0", ("new",), "Another one")
    assert [one.name for one in saved.inputs] == [*dict.fromkeys([*before, "a", "more"])]
    assert saved.outputs == outputs


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    description=st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), min_size=1, max_size=60),
    default=st.floats(-1e6, 1e6),
    tags=st.lists(st.text("ab: #-yn1", min_size=1, max_size=6), max_size=3),
)
def test_whatever_is_saved_reads_back_the_same(written, description, default, tags):
    project = written(COMMENTED)
    project.set_metadata(description=description, tags=tags)
    project.add_input(name="level", type="float", default=default, description=description)
    saved = project.manifest.to_dict()
    project.save_manifest()
    again = Project.load(project.root).manifest.to_dict()
    assert again["model"].pop("modified_at")
    assert again == saved
    assert yaml.safe_load(project.manifest_path.read_text())["model"]["description"] == description
