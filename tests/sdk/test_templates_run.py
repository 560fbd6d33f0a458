import shutil

import pytest

from nova_spi import Project
from nova_spi.project.files import Snapshot

NEEDS_NOTHING = ("text", "audio")
NEEDS_WHEELS = ("image", "video", "multimodal")


def passes(project: Project) -> None:
    before = Snapshot.take(project.root)
    report = project.test()
    told = [(case.name, case.status, case.findings, case.execution and case.execution.error) for case in report.cases]
    assert report.ok, told
    assert len(report.cases) >= 2
    changed = [path for path in Snapshot.take(project.root).changes(before) if not path.startswith("test_outputs/")]
    assert changed == []


@pytest.mark.parametrize("domain", NEEDS_NOTHING)
def test_a_template_of_the_standard_library_passes_its_own_cases(domain):
    project = Project.create(f"a-{domain}", domain=domain)
    assert project.manifest.execution.requirements is None
    passes(project)


@pytest.mark.slow
@pytest.mark.parametrize("domain", NEEDS_WHEELS)
def test_a_template_with_requirements_passes_its_own_cases(domain):
    passes(Project.create(f"a-{domain}", domain=domain))


def test_the_first_session_gets_its_text():
    project = Project.create("my-text-model", domain="text")
    result = project.run({"prompt": "Hello, world!"})
    result.raise_for_error()
    assert result.outputs["generated_text"].startswith("Hello, world! ")


def test_the_same_seed_gives_the_same_text():
    project = Project.create("my-text-model", domain="text")
    one, other, third = (
        project.run({"prompt": "A model", "seed": seed}).outputs["generated_text"] for seed in (1, 1, 2)
    )
    assert one == other != third


def test_a_moved_project_still_runs(user):
    project = Project.create("my-text-model", domain="text")
    shutil.move(project.root, user / "elsewhere")
    Project.load(user / "elsewhere").run({"prompt": "A model"}).raise_for_error()


def test_a_template_says_what_it_does_not_read(user):
    import wave

    project = Project.create("a-meter", domain="audio")
    with wave.open(str(user / "eight.wav"), "wb") as sound:
        sound.setparams((1, 1, 8000, 0, "NONE", ""))
        sound.writeframes(bytes([128]) * 800)
    result = project.run({"recording": str(user / "eight.wav")})
    assert not result.ok
    assert "8 bits" in result.error.message + str(result.error.details)
