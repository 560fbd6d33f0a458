import dataclasses
from typing import Any

import pytest

from nova_spi.interface.facts import MediaFacts
from nova_spi.interface.media_rules import canonical_codec, check_media, parse_resolution

PICTURE = MediaFacts(kind="image", width=1920, height=1080, mode="RGB", decoded_mode="RGB")
VIDEO = MediaFacts(
    kind="video", width=1920, height=1080, fps=29.97, duration_seconds=10.0, codec="h264", chroma=True,
    color_space="BT.709", audio_codec="aac", sample_rate=48000, channels=2,
)  # fmt: skip
SOUND = MediaFacts(kind="audio", duration_seconds=3.0, codec="mp3", sample_rate=44100, channels=2, bitrate=128_000)


def judge(facts: MediaFacts, **rules: Any) -> list[str]:
    return check_media({facts.kind: rules}, facts).problems


@pytest.mark.parametrize(
    ("facts", "rules"),
    [
        (PICTURE, {"min_resolution": "32x32", "max_resolution": "1920x1080"}),
        (PICTURE, {"min_resolution": "1080p", "max_resolution": "1080p"}),
        (PICTURE, {"color_modes": ["RGB", "L"]}),
        (PICTURE, {"aspect_ratios": ["4:3", "16:9"]}),
        (dataclasses.replace(PICTURE, width=1912), {"aspect_ratios": ["16:9"]}),
        (PICTURE, {"aspect_ratios": ["1.7778:1"]}),
        (dataclasses.replace(PICTURE, mode="P"), {"color_modes": ["RGB"]}),
        (dataclasses.replace(PICTURE, mode="P"), {"color_modes": ["P"]}),
        (VIDEO, {"min_fps": 29.97, "max_fps": 30}),
        (dataclasses.replace(VIDEO, fps=30000 / 1001), {"min_fps": 29.97, "max_fps": 29.97}),
        (dataclasses.replace(VIDEO, fps=30000 / 1001), {"min_fps": 30}),
        (VIDEO, {"min_duration_seconds": 10, "max_duration_seconds": 10}),
        (dataclasses.replace(VIDEO, duration_seconds=10.03), {"max_duration_seconds": 10}),
        (VIDEO, {"color_space": ["RGB"]}),
        (VIDEO, {"color_space": ["BT.2020", "Rec. 709"]}),
        (dataclasses.replace(VIDEO, chroma=False, color_space=None), {"color_space": ["GRAY"]}),
        (VIDEO, {"codec_requirements": ["AVC", "hevc"]}),
        (SOUND, {"min_sample_rate": 16000, "max_sample_rate": 48000, "channels": [1, 2]}),
        (SOUND, {"min_bitrate": 128, "max_bitrate": 128}),
    ],
)
def test_facts_that_meet_their_rules_are_no_problem(facts: MediaFacts, rules: dict[str, Any]) -> None:
    assert judge(facts, **rules) == []
    assert check_media({facts.kind: rules}, facts).warnings == []


@pytest.mark.parametrize(
    ("facts", "rules", "told"),
    [
        (PICTURE, {"min_resolution": "2000x10"}, "is 1920x1080, smaller than 2000x10"),
        (PICTURE, {"max_resolution": "720p"}, "is 1920x1080, larger than 720p"),
        (PICTURE, {"max_resolution": "1080x1920"}, "larger"),
        (PICTURE, {"color_modes": ["RGBA", "L"]}, "has the colour mode RGB, not RGBA or L"),
        (PICTURE, {"aspect_ratios": ["4:3"]}, "which is not 4:3 within 1 %"),
        (dataclasses.replace(PICTURE, width=1880), {"aspect_ratios": ["16:9"]}, "1 %"),
        (VIDEO, {"min_fps": 50}, "has 29.97 frames per second, less than 50"),
        (VIDEO, {"max_fps": 25}, "more than 25"),
        (VIDEO, {"max_duration_seconds": 9}, "has 10 seconds, more than 9"),
        (VIDEO, {"color_space": ["GRAY"]}, "has the colour space BT.709, not GRAY"),
        (VIDEO, {"color_space": ["BT.2020"]}, "not BT.2020"),
        (dataclasses.replace(VIDEO, chroma=False), {"color_space": ["RGB"]}, "not RGB"),
        (VIDEO, {"codec_requirements": ["vp9", "aac"]}, "is coded in h264, not in vp9 or aac"),
        (SOUND, {"min_sample_rate": 48000}, "has 44100 Hz, less than 48000"),
        (SOUND, {"channels": [1]}, "has 2 channels, not 1"),
        (SOUND, {"min_bitrate": 192}, "has 128 kbit/s, less than 192"),
    ],
)
def test_facts_that_break_a_rule_are_told_with_both_numbers(
    facts: MediaFacts, rules: dict[str, Any], told: str
) -> None:
    problems = judge(facts, **rules)
    assert len(problems) == 1
    assert told in problems[0]


def test_an_untagged_video_is_a_warning_and_no_problem() -> None:
    verdict = check_media({"video": {"color_space": ["BT.709"]}}, dataclasses.replace(VIDEO, color_space=None))
    assert verdict.problems == []
    assert "no colour space tag" in verdict.warnings[0]


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("image", {"min_resolution": "1x1", "color_modes": ["RGB"], "aspect_ratios": ["1:1"]}),
        ("video", {"max_resolution": "1x1", "codec_requirements": ["h264"], "max_fps": 1, "max_duration_seconds": 1}),
        ("audio", {"channels": [1], "min_sample_rate": 1, "max_bitrate": 1, "min_duration_seconds": 1}),
    ],
)
def test_a_fact_that_is_not_known_is_a_warning(kind: Any, rules: dict[str, Any]) -> None:
    verdict = check_media({kind: rules}, MediaFacts(kind=kind))
    assert verdict.problems == []
    assert len(verdict.warnings) == len(rules)


def test_rules_of_other_media_and_unknown_rules_do_not_count() -> None:
    assert check_media({"video": {"max_fps": 1}, "image": {"sharpness": 3}}, PICTURE).problems == []
    assert check_media({"image": {"color_modes": ()}}, PICTURE).problems == []


@pytest.mark.parametrize(
    ("name", "codec"), [("AVC", "h264"), ("H.265", "hevc"), ("libvpx-vp9", "vp9"), ("opus", "opus")]
)
def test_names_of_codecs_are_read_as_people_write_them(name: str, codec: str) -> None:
    assert canonical_codec(name) == codec


def test_a_resolution_is_a_size_or_a_height() -> None:
    assert parse_resolution("1920x1080") == (1920, 1080)
    assert parse_resolution("1080p") == (None, 1080)
    with pytest.raises(ValueError, match="invalid literal"):
        parse_resolution("large")


def test_limits_of_sound_hold_for_the_sound_of_a_video() -> None:
    rules = {"audio": {"channels": [1], "min_sample_rate": 44100, "max_bitrate": 64}}
    verdict = check_media(rules, VIDEO)
    assert verdict.problems == ["has 2 channels, not 1"]
    assert verdict.warnings == ["could not be checked for max_bitrate: the file does not say"]
