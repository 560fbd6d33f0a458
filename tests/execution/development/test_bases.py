import pytest

from nova_spi.artifacts.references import Reference
from nova_spi.errors import NovaSpiError
from nova_spi.execution.development.bases import CUDA_BASES, Asked, base_for, with_python
from nova_spi.images.approval import approve
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

SLIM = "docker.io/library/python"
MANIFEST = """spi_version: "1"
model: {{name: dev, version: 1.0.0, description: A model that is worked on., domain: text, license: MIT}}
execution: {execution}
inputs: []
outputs: []
"""


@pytest.fixture
def chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def chosen(execution: str = "{}", *, base_image: str | None = None, **asked: str):
        (tmp_path / "manifest.yml").write_text(MANIFEST.format(execution=execution))
        settings = Settings.load(tmp_path, base_image=base_image)
        return base_for(open_folder(tmp_path), Asked(**asked), settings)

    return chosen


def test_without_a_word_it_is_pythons_own_image_and_the_build_may_choose(chosen):
    found = chosen()
    assert (found.said, found.public, found.python) == (None, f"{SLIM}:3.12-slim", None)
    assert found.reason


def test_the_call_wins_over_the_manifest_and_that_over_the_settings(chosen):
    manifest = '{base_image: "python:3.11-slim"}'
    assert chosen(base_image="python:3.10-slim").public == "python:3.10-slim"
    assert chosen(manifest, base_image="python:3.10-slim").public == "python:3.11-slim"
    assert chosen(manifest).said is None, "what the manifest says the build knows itself, and its lock too"
    found = chosen(manifest, base_image="python:3.10-slim", base="python:3.9-slim")
    assert (found.said, found.public) == ("python:3.9-slim", "python:3.9-slim")
    assert "--base-image" in found.reason


def test_the_manifests_python_counts_and_the_calls_more(chosen):
    assert chosen('{python_version: "3.11"}').public == f"{SLIM}:3.11-slim"
    assert chosen(python="3.13.2").public == f"{SLIM}:3.13-slim"
    found = chosen('{python_version: "3.11"}', python="3.13")
    assert (found.public, found.python, found.python_said_by) == (f"{SLIM}:3.13-slim", "3.13", "--python-version")


@pytest.mark.parametrize("version", CUDA_BASES)
def test_a_cuda_version_chooses_a_base_that_has_it(chosen, version):
    found = chosen('{resources: {gpu: 1}, cuda_version: "12.1"}', cuda=version)
    assert found.said == found.public == CUDA_BASES[version]
    assert version in found.reason


def test_a_gpu_alone_has_the_models_own_base_whose_wheels_bring_cuda(chosen):
    found = chosen("{resources: {gpu: 1}}")
    assert (found.said, found.public) == (None, f"{SLIM}:3.12-slim")
    assert "CUDA" in found.reason


def test_a_python_that_is_asked_for_stands_in_the_manifest_that_is_built(tmp_path):
    (tmp_path / "manifest.yml").write_text(MANIFEST.format(execution='{python_version: "3.11"}'))
    folder = open_folder(tmp_path)
    assert with_python(folder, "3.13").manifest.execution.python_version == "3.13"
    assert with_python(folder, None) is folder
    assert folder.manifest.execution.python_version == "3.11"


@pytest.mark.parametrize("version", CUDA_BASES)
def test_every_base_for_gpus_is_approved_and_has_its_cuda(version):
    assert approve(Reference.parse(CUDA_BASES[version]))
    assert f"cuda{version}-" in CUDA_BASES[version]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"cuda": "9.9"}, "build.no_cuda_base"),
        ({"cuda": "12.4", "base": "python:3.11-slim"}, "build.no_cuda_base"),
        ({"base": "python:latest"}, "build.base_not_approved"),
        ({"base": "NOT A NAME"}, "usage.reference"),
        ({"python": "three"}, "usage.invalid"),
    ],
)
def test_a_base_that_does_not_do_is_refused(chosen, asked, code):
    with pytest.raises(NovaSpiError) as raised:
        chosen(**asked)
    assert raised.value.error_code == code
    assert raised.value.mend or raised.value.why


@pytest.mark.parametrize("said", ["base.tar", "base.tar:tag", "layout:base", "debian"])
def test_a_base_on_disk_is_taken_and_others_are_told_one_that_they_can_pull(chosen, tmp_path, monkeypatch, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.tar").write_bytes(b"")
    (tmp_path / "layout").mkdir()
    said = f"./{said}" if said.endswith("tag") else said
    found = chosen(base=said, python="3.11")
    assert (found.said, found.public) == (said, f"{SLIM}:3.11-slim")
    assert found.reason.startswith("others can pull it, and not ")
    assert tmp_path.name not in found.reason
