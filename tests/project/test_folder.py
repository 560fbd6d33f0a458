import os
from pathlib import Path

import pytest

from nova_spi.errors import ManifestInvalid, ManifestUnreadable
from nova_spi.project.folder import MAX_MANIFEST_BYTES, find_manifest, open_folder


def test_a_folder_and_its_manifest_open_the_same_project(project):
    root = project()
    by_folder, by_file = open_folder(root), open_folder(root / "manifest.yml")
    assert by_folder.root == by_file.root == root
    assert by_folder.manifest_path == root / "manifest.yml"
    assert by_folder.manifest.model.name == "tried-model"


def test_a_manifest_may_have_any_name(project):
    root = project()
    (root / "manifest.yml").rename(root / "other.yaml")
    assert open_folder(root / "other.yaml").manifest.model.name == "tried-model"


def test_the_document_names_the_file_as_the_user_did_and_the_root_is_absolute(project, monkeypatch):
    monkeypatch.chdir(project())
    folder = open_folder(".")
    assert folder.document.filename == "manifest.yml"
    assert folder.root == Path.cwd()


@pytest.mark.parametrize("name", ["manifest.yml", "manifest.yaml", "manifest.json"])
def test_each_name_of_a_manifest_is_found(tmp_path, name):
    (tmp_path / name).write_text("{}")
    assert find_manifest(tmp_path).name == name


def test_without_a_manifest_the_error_says_how_to_make_one(tmp_path):
    with pytest.raises(ManifestUnreadable) as caught:
        open_folder(tmp_path)
    assert "manifest.json" in caught.value.why
    assert "nova-spi create" in caught.value.mend


def test_a_path_that_is_not_there_a_pipe_and_a_broken_link_are_unreadable(tmp_path):
    with pytest.raises(ManifestUnreadable, match="no file"):
        open_folder(tmp_path / "nothing.yml")
    os.mkfifo(tmp_path / "pipe.yml")
    with pytest.raises(ManifestUnreadable, match="not a regular file"):
        open_folder(tmp_path / "pipe.yml")
    (tmp_path / "manifest.yml").symlink_to("nowhere")
    with pytest.raises(ManifestUnreadable, match="no file"):
        open_folder(tmp_path)
    with pytest.raises(ManifestUnreadable, match="cannot be read"):
        open_folder(Path("a\0b"))


def test_a_manifest_with_errors_opens_and_says_so_when_it_is_asked_for(project):
    root = project(manifest="spi_version: '1'\ninputs: []\noutputs: []\n")
    folder = open_folder(root)
    assert folder.document.manifest is None
    with pytest.raises(ManifestInvalid) as caught:
        _ = folder.manifest
    assert "1 error" in caught.value.message
    assert caught.value.details["diagnostics"][0]["code"].startswith("SPI-M")
    assert caught.value.mend.startswith("nova-spi validate")


def test_of_a_manifest_that_is_too_long_only_the_beginning_is_read(tmp_path):
    path = tmp_path / "manifest.yml"
    with path.open("wb") as file:
        file.truncate(MAX_MANIFEST_BYTES * 50)
    document = open_folder(tmp_path).document
    assert document.manifest is None
    assert [found.code for found in document.diagnostics] == ["SPI-M001"]
