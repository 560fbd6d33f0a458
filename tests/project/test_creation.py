import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_spi.errors import NovaSpiError, ProjectError, SettingsInvalid
from nova_spi.manifest.diagnostics import Severity
from nova_spi.project.creation import TREE, create, list_templates, slug
from nova_spi.project.validation import validate

DOMAINS = ("text", "image", "video", "audio", "multimodal")


@pytest.mark.parametrize("domain", [*DOMAINS, None])
def test_a_project_as_created_is_valid_even_when_strict(tmp_path, domain):
    folder = create("a-model", domain=domain, output_dir=tmp_path)
    _, diagnostics = validate(folder.root)
    assert [item for item in diagnostics if item.severity is not Severity.SUGGESTION] == []
    assert folder.manifest.model.domain == (domain or "text")


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_template_has_all_that_a_good_model_has(tmp_path, domain):
    manifest = create("a-model", domain=domain, output_dir=tmp_path).manifest
    assert manifest.model.license == "Apache-2.0"
    assert manifest.test_cases
    assert manifest.test_cases[0].expect.outputs
    assert manifest.benchmark
    assert abs(sum(metric.weight for metric in manifest.benchmark.metrics) - 1) < 1e-9
    assert all(parameter.description for parameter in (*manifest.inputs, *manifest.outputs))


def test_the_tree_is_that_of_an_image(tmp_path):
    root = create("a-model", domain="text", output_dir=tmp_path).root
    for relative in TREE:
        assert (root / relative).is_dir()
        assert any((root / relative).iterdir()), "git keeps no empty folder"
    for relative in ("manifest.yml", "model.py", "README.md", ".gitignore", ".spiignore", "spi/utils.py"):
        assert (root / relative).is_file()
    assert "SPIRuntime" in (root / "spi/utils.py").read_text()


def test_no_word_of_a_template_stays_unfilled(tmp_path):
    for domain in (*DOMAINS, None):
        root = create(f"a-{domain}".lower(), domain=domain, output_dir=tmp_path).root
        for name in ("manifest.yml", "README.md"):
            assert "{{" not in (root / name).read_text()
        assert not list(root.rglob("dot_*"))


def test_name_version_and_description_stand_in_the_manifest(tmp_path):
    folder = create("a-model", domain="text", output_dir=tmp_path, version="2.0.0-rc.1", description="It  says: #1 — ✓")
    model = yaml.safe_load(folder.manifest_path.read_text())["model"]
    assert (model["name"], model["version"], model["description"]) == ("a-model", "2.0.0-rc.1", "It says: #1 — ✓")
    assert datetime.fromisoformat(folder.manifest.model.created_at).tzinfo == UTC


@pytest.mark.parametrize("name", ["on", "null", "1", "1.10", "0x10", "1e3", "y", "2025-04-23", "class", "a", "1_000"])
def test_a_name_that_yaml_takes_for_something_else_stays_a_name(tmp_path, name):
    folder = create(name, domain="text", output_dir=tmp_path)
    assert folder.manifest.model.name == name
    assert yaml.safe_load(folder.manifest_path.read_text())["model"]["name"] == name


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(description=st.text(max_size=80))
def test_any_description_reads_back_or_is_refused(tmp_path_factory, description):
    try:
        folder = create("a-model", domain=None, output_dir=tmp_path_factory.mktemp("created"), description=description)
    except ProjectError as error:
        assert "description" in error.message  # noqa: PT017 - both ways are good, and each has its own condition
    else:
        assert folder.manifest.model.description == " ".join(description.split())
        assert yaml.safe_load(folder.manifest_path.read_text())["model"]["description"] == " ".join(description.split())


def test_the_time_of_creation_can_be_fixed(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert create("a-model", domain="text", output_dir=tmp_path).manifest.model.created_at == "1970-01-02T00:00:00Z"


@pytest.mark.parametrize("epoch", ["yesterday", "1e9", "9" * 30])
def test_a_fixed_time_that_is_none_is_an_error(tmp_path, monkeypatch, epoch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(SettingsInvalid, match="SOURCE_DATE_EPOCH"):
        create("a-model", domain="text", output_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("My Model!", "my-model"),
        ("Émile", "emile"),
        ("a--b", "a-b"),
        ("-a-", "a"),
        ("a" * 64, "a" * 63),
        ("models/mine", "mine"),
        ("../mine", "mine"),
        ("a\nb", "a-b"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_one_that_can(tmp_path, name, suggestion):
    with pytest.raises(ProjectError) as caught:
        create(name, domain="text", output_dir=tmp_path)
    assert f"Did you mean {suggestion!r}" in caught.value.message
    assert f"create {suggestion} --domain text" in caught.value.mend
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "✓", "..", "/", "---"])
def test_a_name_of_nothing_is_refused_without_a_guess(tmp_path, name):
    with pytest.raises(ProjectError) as caught:
        create(name, domain="text", output_dir=tmp_path)
    assert "Did you mean" not in caught.value.message


@given(text=st.text(max_size=100))
@settings(max_examples=100, deadline=None)
def test_a_slug_is_a_name_or_nothing(text):
    found = slug(text)
    assert found == "" or slug(found) == found
    assert len(found) <= 63


@pytest.mark.parametrize("version", ["1", "1.0", "01.0.0", "1.0.0+build", "", "latest", "1.0.0\n"])
def test_a_version_that_is_not_semver_is_refused_and_nothing_is_left(tmp_path, version):
    with pytest.raises(ProjectError, match="version"):
        create("a-model", domain="text", output_dir=tmp_path, version=version)
    assert list(tmp_path.iterdir()) == []


def test_a_domain_or_template_that_is_not_there_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(ProjectError, match="Did you mean 'image'"):
        create("a-model", domain="imgae", output_dir=tmp_path)
    with pytest.raises(ProjectError, match="Did you mean 'audio'"):
        create("a-model", domain="audio", template="adio", output_dir=tmp_path)
    with pytest.raises(ProjectError, match="is for the domain video"):
        create("a-model", domain="audio", template="video", output_dir=tmp_path)


def test_a_template_brings_its_domain_and_the_bare_one_takes_any(tmp_path):
    assert create("first", domain=None, template="audio", output_dir=tmp_path).manifest.model.domain == "audio"
    assert create("second", domain="image", template="bare", output_dir=tmp_path).manifest.model.domain == "image"
    assert [item.name for item in list_templates("video")] == ["video", "bare"]
    assert {item.domain for item in list_templates()} == {*DOMAINS, None}


def test_a_folder_with_anything_in_it_is_not_touched(tmp_path):
    (tmp_path / "a-model").mkdir()
    (tmp_path / "a-model/mine.txt").write_text("mine")
    with pytest.raises(ProjectError, match="not empty"):
        create("a-model", domain="text", output_dir=tmp_path)
    assert [path.name for path in (tmp_path / "a-model").iterdir()] == ["mine.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["a-model"]


def test_an_empty_folder_is_taken_and_a_file_or_link_is_not(tmp_path):
    (tmp_path / "empty").mkdir()
    assert create("empty", domain="text", output_dir=tmp_path).manifest_path.is_file()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("empty")
    for name in ("file", "link"):
        with pytest.raises(ProjectError, match="not a folder"):
            create(name, domain="text", output_dir=tmp_path)


def test_the_folder_around_it_is_made_and_the_umask_is_kept(tmp_path):
    before = os.umask(0o027)
    try:
        root = create("a-model", domain="text", output_dir=tmp_path / "new/place").root
    finally:
        os.umask(before)
    assert stat.S_IMODE(root.stat().st_mode) == 0o750
    assert root == tmp_path / "new/place/a-model"


def test_where_nothing_can_be_written_the_error_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match="cannot be written"):
        create("a-model", domain="text", output_dir=tmp_path / "file/below")


def test_what_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NovaSpiError, match="cannot be written") as caught:
        create("a-model", domain="text", output_dir=tmp_path)
    assert "No space left" in caught.value.why
    assert list(tmp_path.iterdir()) == []
