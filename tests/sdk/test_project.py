import os
from pathlib import Path

import pytest

import nova_spi
from nova_spi import (
    EngineUnavailable,
    InputInvalid,
    ManifestInvalid,
    ManifestUnreadable,
    Project,
    ProjectError,
    UsageError,
)

EXAMPLE = """\
import nova_spi
project = nova_spi.Project.create("my-model")
project.set_metadata(name="my-model", version="1.0.0", description="Example text generation model", domain="text")
project.add_input(name="prompt", type="string", description="Input prompt", required=True)
project.add_output(name="generated_text", type="string", description="Generated text output")
project.save_manifest()
print(project.validate().summary())
"""


@pytest.fixture
def example(capsys) -> Project:
    found: dict[str, object] = {}
    exec(EXAMPLE, found)
    return found["project"]


def test_the_documented_example_runs_as_it_stands(example, capsys):
    assert capsys.readouterr().out.startswith("✓ Manifest is valid")
    assert example.root == Path.cwd() / "my-model"
    assert [one.name for one in example.manifest.inputs] == ["prompt"]


def test_the_bare_project_answers_with_an_example_made_from_the_inputs(example):
    result = example.run(inputs={"prompt": "Hello, world!"})
    result.raise_for_error()
    assert "Hello, world!" in result.outputs["generated_text"]
    assert "to be replaced" in (example.root / "run.py").read_text().lower()


def test_the_bare_project_answers_outputs_of_every_type(example):
    example.add_input(name="numbers", type="array", items={"type": "integer"}, default=[1, 2])
    example.add_output(name="an_integer", type="integer", constraints={"min_value": 3, "max_value": 9})
    example.add_output(name="a_float", type="float", constraints={"max_value": 0.5})
    example.add_output(name="a_decimal", type="decimal")
    example.add_output(name="a_boolean", type="boolean")
    example.add_output(name="a_choice", type="enum", enum=["one", "two"])
    example.add_output(name="a_list", type="array", items={"type": "string"}, constraints={"min_items": 2})
    example.add_output(name="a_map", type="map", values={"type": "float"})
    example.add_output(name="an_object", type="object", properties={"inner": {"type": "boolean"}})
    example.add_output(name="a_short_text", type="string", constraints={"max_length": 5})
    example.add_output(name="a_file", type="file", mime_types=["application/json"], file_pattern="*.json")
    example.save_manifest()
    result = example.run({"prompt": "Hello"})
    result.raise_for_error()
    outputs = result.outputs
    assert (outputs["an_integer"], outputs["a_choice"], len(outputs["a_list"])) == (3, "one", 2)
    assert outputs["a_float"] <= 0.5
    assert len(outputs["a_short_text"]) == 5
    assert set(outputs["an_object"]) == {"inner"}
    assert "Hello" in outputs["a_file"][0].read_text()


def test_the_bare_project_says_so_where_it_makes_no_picture(example):
    example.add_output(name="picture", type="file", mime_types=["image/png"], file_pattern="*.png")
    example.save_manifest()
    result = example.run({"prompt": "Hello"})
    assert not result.ok
    assert "image/png" in result.error.message + str(result.error.details)


def test_a_run_that_fails_is_a_result(example):
    result = example.run({})
    assert not result.ok
    assert isinstance(result.error, InputInvalid)
    with pytest.raises(InputInvalid):
        result.raise_for_error()


def test_a_command_that_is_not_there_is_wrong_use(example):
    with pytest.raises(UsageError):
        example.run({"prompt": "a"}, command="rnu")


def test_outputs_go_where_they_are_wanted(example, tmp_path):
    example.run({"prompt": "a"}, output=tmp_path / "out").raise_for_error()
    assert (tmp_path / "out/output.json").is_file()


def test_one_call_does_what_the_object_does(example):
    assert nova_spi.validate("my-model").ok
    result = nova_spi.run("my-model", {"prompt": "Hello"}, timeout=60)
    assert "Hello" in result.outputs["generated_text"]


def test_an_engine_of_later_releases_is_not_there(example):
    with pytest.raises(EngineUnavailable):
        example.run({"prompt": "a"}, engine="ray")


def test_create_refuses_a_folder_that_is_not_empty(example):
    with pytest.raises(ProjectError, match="not empty"):
        Project.create("my-model")


def test_create_takes_a_place_a_domain_a_version_and_a_description(tmp_path):
    project = Project.create(
        "other", path=tmp_path, domain="audio", version="3.0.0", description="Hears what is there."
    )
    assert project.root == tmp_path / "other"
    assert (project.manifest.model.version, project.manifest.model.domain) == ("3.0.0", "audio")
    assert repr(project) == f"Project({str(tmp_path / 'other')!r})"


def test_loading_what_is_not_there_is_an_error():
    with pytest.raises(ManifestUnreadable):
        Project.load("nothing")


def test_a_manifest_with_errors_loads_and_shows_them(written):
    project = written("spi_version: '1'\n")
    report = project.validate()
    assert not report.ok
    assert report.summary().startswith("✗")
    assert [item.code for item in report.diagnostics]
    for call in (project.run, project.test, lambda: project.set_metadata(version="1.0.0")):
        with pytest.raises(ManifestInvalid):
            call()


def test_validation_sees_changes_that_are_not_saved(example):
    example.set_metadata(catalog=None, description="Now it says something else.")
    example.add_input(name="on", type="string")
    report = example.validate()
    assert "on" in report.text
    assert report.ok
    assert 'name: "on"' in report.text


def test_strict_validation_fails_on_a_warning(example):
    (example.root / "link").symlink_to("/")
    assert example.validate().ok
    assert not example.validate(strict=True).ok


def test_the_settings_of_the_project_count(example):
    (example.root / ".nova-spi.toml").write_text('engine = "ray"\n')
    with pytest.raises(EngineUnavailable):
        example.run({"prompt": "a"})


def test_cases_can_be_chosen_by_name():
    project = Project.create("chosen", domain="text")
    report = project.test("empty_prompt")
    assert report.ok
    assert [case.name for case in report.cases] == ["empty_prompt"]
    with pytest.raises(UsageError):
        project.test(["nothing"])
    assert (project.root / "test_outputs").is_dir()
    assert not os.path.lexists("test_outputs")
