import subprocess
import sys
import wave
from importlib.resources import files
from pathlib import Path

import pytest

TEMPLATES = Path(str(files("nova_spi.project"))) / "template_files"
SHIPPED = {
    "halves.png": "image",
    "horizon.png": "multimodal",
    "tone.wav": "audio",
    "scenes.mp4": "video",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    subprocess.run([sys.executable, str(Path(__file__).with_name("template_media.py")), str(folder)], check=True)
    return folder


@pytest.mark.parametrize(("name", "template"), SHIPPED.items())
def test_each_medium_is_small(name, template):
    assert 0 < (TEMPLATES / template / "tests" / name).stat().st_size < 10 * 1024


def test_the_sound_is_what_its_rule_makes(made):
    shipped = TEMPLATES / "audio/tests/tone.wav"
    assert shipped.read_bytes() == (made / "tone.wav").read_bytes()
    with wave.open(str(shipped)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)


@pytest.mark.parametrize("name", ["halves.png", "horizon.png"])
def test_each_picture_is_what_its_rule_makes(made, name):
    from PIL import Image

    with Image.open(TEMPLATES / SHIPPED[name] / "tests" / name) as shipped, Image.open(made / name) as again:
        assert shipped.size == again.size
        assert shipped.convert("RGB").tobytes() == again.convert("RGB").tobytes()


def test_the_video_is_what_its_rule_makes(made):
    import av

    with av.open(str(TEMPLATES / "video/tests/scenes.mp4")) as shipped, av.open(str(made / "scenes.mp4")) as again:
        assert len(list(shipped.decode(video=0))) == len(list(again.decode(video=0))) == 20


def test_everything_of_the_templates_belongs_to_the_distribution():
    done = subprocess.run(
        ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "--", str(TEMPLATES)],
        cwd=TEMPLATES,
        capture_output=True,
        text=True,
        check=False,
    )
    ignored = [line for line in done.stdout.splitlines() if "__pycache__" not in line]
    assert ignored == [], "the build leaves out what git ignores"
