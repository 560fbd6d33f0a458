"""What of an image is put into a model's folder: nothing that a link of the image leads to on this machine."""

from types import SimpleNamespace

import pytest

from nova_spi.engines.port import Environment, Image
from nova_spi.errors import ArtifactInvalid
from nova_spi.execution.in_image import stage_app
from nova_spi.execution.staging import Stage


@pytest.fixture
def staged(tmp_path):
    """Stages what an unpacked image has below a folder."""
    root, work = tmp_path / "image", tmp_path / "work"
    (root / "app").mkdir(parents=True)
    work.mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "secret.txt").write_text("mine")

    def stage(base_work_dir):
        image = Image("docker.io/library/x:1", tmp_path, "sha256:0", "sha256:0")
        environment = Environment(root / "python", "3.11.2", "sha256:0", {}, cached=True, image=image, root=root)
        request = SimpleNamespace(execution=SimpleNamespace(base_work_dir=base_work_dir))
        stage_app(request, Stage(work, mounted=True), environment)
        return sorted(str(path.relative_to(work)) for path in work.rglob("*"))

    stage.root = root
    return stage


def test_files_folders_and_links_are_there_but_not_those_of_a_run(staged):
    app = staged.root / "app"
    for name in ("code", "outputs", "inputs"):
        (app / name).mkdir()
        (app / name / "x.py").write_text("x")
    (app / "linked").symlink_to("/etc/hostname")
    assert staged("/app") == ["code", "code/x.py", "linked"]


def test_a_link_on_the_way_to_the_work_folder_leads_nowhere(staged, tmp_path):
    (staged.root / "up").symlink_to(tmp_path)
    (staged.root / "here").symlink_to("app")
    (staged.root / "mine").symlink_to(tmp_path / "mine")
    for place in ("/up/mine", "/mine", "/here", "/app/../../mine", "/nowhere"):
        with pytest.raises(ArtifactInvalid, match="has no folder"):
            staged(place)
