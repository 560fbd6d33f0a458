import pytest

from nova_spi.manifest.meaning.categories import derived
from nova_spi.manifest.platform import certainty, workbench_fields
from nova_spi.manifest.reading import read
from nova_spi.manifest.text.writing import dump

yaml = pytest.importorskip("yaml")

EXPECTED = {
    "model_name": "picture-teller",
    "model_version": "1.2.0-rc.1",
    "model_company": "Tellers",
    "model_url": "https://example.org/teller",
    "model_repository_url": "https://example.org/teller",
    "model_type": "image_captioning",
    "requested_use_cases": {"2D": ["captioning"]},
    "usage_category": "non-commercial",
    "usage_description": "Tells what is in a picture, aloud and in writing.",
    "model_weights_url": "hf://tellers/teller",
    "model_documentation_url": "https://example.org/teller/docs",
    "model_forums_url": "https://example.org/teller/forum",
    "model_example_outputs_url": "https://example.org/teller/outputs",
    "model_inputs": ["image", "video", "audio"],
    "model_outputs": ["text", "audio", "json"],
    "model_license_type": "open_source",
    "trained_on_copyrighted_data": "Unsure",
    "output_specifications": {"audio": {"sample_rate": ["48000"]}},
    "is_trainable": "Yes",
    "is_fine_tunable": "No",
    "user_sentiment": "Positive",
    "technical_dependencies": ["libsndfile"],
}


def test_a_plain_yaml_reader_finds_each_field_of_the_workbench(full):
    plain = yaml.safe_load(dump(full.manifest))
    fields = workbench_fields(plain)
    assert {key: fields[key] for key in EXPECTED} == EXPECTED
    assert fields["catalog"]["thumbnail"] == "assets/thumbnail.png"
    assert fields["catalog"]["media_carousel"] == ["assets/one.png", "/app/assets/two.png"]
    assert workbench_fields(full.manifest.to_dict()) == fields


def test_what_the_manifest_does_not_say_is_unsure_or_unknown():
    fields = workbench_fields({})
    assert fields["trained_on_copyrighted_data"] == fields["is_trainable"] == fields["is_fine_tunable"] == "Unsure"
    assert fields["user_sentiment"] == "Unknown"
    assert fields["model_inputs"] == []


@pytest.mark.parametrize(
    "manifest", [{"model": []}, {"model": None, "inputs": 5}, {"model": {"inputs": "a"}, "catalog": 1}]
)
def test_nothing_makes_it_raise(manifest):
    workbench_fields(manifest)


def test_categories_are_derived_where_none_are_named():
    parameters = [
        {"name": "a", "type": "file", "mime_types": ["image/png", "image/jpeg"]},
        {"name": "b", "type": "string"},
        {"name": "c", "type": "float"},
        {"name": "d", "type": "object"},
    ]
    assert derived(parameters) == ("image", "text", "json")
    assert derived([{"name": "c", "type": "float"}]) == ("json",)
    assert derived([]) == ()
    assert workbench_fields({"inputs": parameters})["model_inputs"] == ["image", "text", "json"]


@pytest.mark.parametrize(
    ("value", "word"), [(True, "Yes"), (False, "No"), ("unsure", "Unsure"), (None, "Unsure"), ("Yes", "Yes")]
)
def test_certainty_is_said_as_the_workbench_says_it(value, word):
    assert certainty(value) == word


def test_what_we_write_reads_the_same(full):
    assert read(dump(full.manifest).encode()).manifest == full.manifest
