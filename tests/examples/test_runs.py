"""Each example through the SDK, in an environment of its own; and its model against what it promises."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nova_spi import Project

Copy = Callable[[str], Path]

pytestmark = pytest.mark.slow


def test_every_case_of_the_manifest_passes(
    example: Path, copied: Copy, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if example.name == "multimodal-picture-reader":
        request.getfixturevalue("needs_flite")
    report = Project.load(copied(example.name)).test(output=tmp_path / "out")
    assert {case.name: (case.status, case.findings) for case in report.cases if case.status != "passed"} == {}
    assert len(report.cases) >= 3


def run(folder: Path, **inputs: Any) -> dict[str, Any]:
    return Project.load(folder).run(inputs=inputs).raise_for_error().outputs


def test_character_error_rate_of_the_pictures_is_what_the_readme_says(copied: Copy, load: Any) -> None:
    media = load("image-ocr", "make_media")
    folder = copied("image-ocr")
    rates = {}
    for picture, truth in (("sign.jpg", media.SIGN), ("note.png", media.NOTE)):
        text = run(folder, picture=folder / "tests" / picture)["text"]
        rates[picture] = errors(text, "\n".join(truth)) / len("\n".join(truth))
    told = (folder / "README.md").read_text()
    assert rates["sign.jpg"] == 0
    assert rates["note.png"] <= 0.015
    assert "character error rate is 0 (`sign.jpg`" in told
    assert "1.5 % (`note.png`" in told


def errors(text: str, truth: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(truth) + 1))
    for i, letter in enumerate(text, 1):
        previous, row = row, [i]
        for j, wanted in enumerate(truth, 1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (letter != wanted)))
    return row[-1]


@pytest.mark.usefixtures("needs_flite")
def test_speech_of_the_picture_reader_is_speech_for_the_voice_activity_example(copied: Copy) -> None:
    reader = copied("multimodal-picture-reader")
    read = run(reader, picture=reader / "tests/lakeside.jpg")
    (speech,) = read["speech"]
    heard = run(copied("audio-voice-activity"), recording=speech)
    words = len(read["text"].split())
    assert heard["duration_seconds"] == pytest.approx(read["speech_seconds"], abs=0.01)
    assert 0.2 * words < heard["speech_seconds"] < 0.8 * words
    assert heard["speech_ratio"] > 0.5


def test_second_command_rates_many_texts(copied: Copy) -> None:
    project = Project.load(copied("text-sentiment"))
    result = project.run(command="batch", inputs={"texts": ["I love it", "I hate it", "It is Monday"]})
    rated = result.raise_for_error().outputs
    assert [each["label"] for each in rated["results"]] == ["positive", "negative", "neutral"]
    assert rated["counts"] == {"positive": 1, "neutral": 1, "negative": 1}


def test_film_has_the_name_of_the_pattern_with_a_padded_counter(copied: Copy) -> None:
    folder = copied("video-frame-interpolation")
    (film,) = run(folder, video=folder / "tests/scene_25fps.mp4")["film"]
    assert film.name == "interpolated_000.mp4"
    assert film.is_file()


def test_boxes_stand_where_the_lines_are(copied: Copy) -> None:
    folder = copied("image-ocr")
    lines = run(folder, picture=folder / "tests/sign.jpg")["lines"]
    tops = [line["box"]["top"] for line in lines]
    assert tops == sorted(tops)
    assert all(line["box"]["left"] < 60 < line["box"]["width"] for line in lines)
