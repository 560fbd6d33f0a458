import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.manifest.nodes import Scalar, Span, at
from nova_spi.manifest.spelling.edits import Action, edited, plain_data, quote_edits
from nova_spi.manifest.spelling.spelled import colour_space, relative_mount_path, snake_case, word
from nova_spi.manifest.spelling.spellings import normalise, yaml11_warning
from nova_spi.manifest.text.source import parse

KEYS = [
    "type", "model", "inputs", "domain", "metrics", "weight", "benchmark", "catalog", "scorecard", "mime_types",
    "required", "mount_path", "execution", "entry_point", "operations", "minReplicas",
]  # fmt: skip
HEAD = 'spi_version: "1"\n'


def normalised(text: str):
    return normalise(parse((HEAD + text).encode()).node)


def value(text: str, *path):
    node = at(normalised(text).node, path)
    return plain_data(node)


def codes(text: str) -> list[str]:
    return [item.code for item in normalised(text).findings]


@pytest.mark.parametrize(
    ("text", "path", "becomes", "code"),
    [
        ("inputs: [{type: int}]", ("inputs", 0, "type"), "integer", "SPI-M101"),
        ("inputs: [{type: Number}]", ("inputs", 0, "type"), "float", "SPI-M101"),
        ("outputs: [{type: bool}]", ("outputs", 0, "type"), "boolean", "SPI-M101"),
        ("commands: {x: {inputs: [{type: str}]}}", ("commands", "x", "inputs", 0, "type"), "string", "SPI-M101"),
        ("commands: {x: {outputs: [{type: LIST}]}}", ("commands", "x", "outputs", 0, "type"), "array", "SPI-M101"),
        ("inputs: [{items: {type: dict}}]", ("inputs", 0, "items", "type"), "map", "SPI-M101"),
        ("inputs: [{values: {type: int}}]", ("inputs", 0, "values", "type"), "integer", "SPI-M101"),
        ("inputs: [{properties: {a: {type: int}}}]", ("inputs", 0, "properties", "a", "type"), "integer", "SPI-M101"),
        ("inputs: [{type: String}]", ("inputs", 0, "type"), "string", "SPI-M102"),
        ("model: {domain: MultiModal}", ("model", "domain"), "multimodal", "SPI-M102"),
        ("model: {usage_category: Non_Commercial}", ("model", "usage_category"), "non-commercial", "SPI-M102"),
        ("model: {user_sentiment: Positive}", ("model", "user_sentiment"), "positive", "SPI-M102"),
        ("model: {inputs: [text, 3D]}", ("model", "inputs"), ["text", "3d"], "SPI-M102"),
        ("execution: {network: EGRESS}", ("execution", "network"), "egress", "SPI-M102"),
        ("execution: {restart: {policy: On-Failure}}", ("execution", "restart", "policy"), "on-failure", "SPI-M102"),
        ("benchmark: {metrics: [{direction: Lower}]}", ("benchmark", "metrics", 0, "direction"), "lower", "SPI-M102"),
        ("benchmark: {preset: Quick}", ("benchmark", "preset"), "quick", "SPI-M102"),
        ("operations: {serving: {protocol: HTTP}}", ("operations", "serving", "protocol"), "http", "SPI-M102"),
        ("model: {is_trainable: Yes}", ("model", "is_trainable"), "true", "SPI-M103"),
        ('model: {is_trainable: "NO"}', ("model", "is_trainable"), "false", "SPI-M103"),
        ("model: {is_trainable: Unsure}", ("model", "is_trainable"), "unsure", "SPI-M102"),
        ("inputs: [{required: on}]", ("inputs", 0, "required"), "true", "SPI-M103"),
        ("inputs: [{mount_path: /app/in}]", ("inputs", 0, "mount_path"), "in", "SPI-M104"),
        ("assets: [{mount_path: /app/model/}]", ("assets", 0, "mount_path"), "model", "SPI-M104"),
        ("inputs: [{mime_types: image/png}]", ("inputs", 0, "mime_types"), ["image/png"], "SPI-M105"),
        ("model: {tags: x}", ("model", "tags"), ["x"], "SPI-M105"),
        ("model: {tasks: {VFX: a}}", ("model", "tasks", "VFX"), ["a"], "SPI-M105"),
        ("model: {domain: [text]}", ("model", "domain"), "text", "SPI-M106"),
        ("inputs: [{type: [string]}]", ("inputs", 0, "type"), "string", "SPI-M106"),
        ("inputs: [{mime_types: [image/jpg]}]", ("inputs", 0, "mime_types"), ["image/jpeg"], "SPI-M108"),
        ("inputs: [{mime_types: [audio/x-wav]}]", ("inputs", 0, "mime_types"), ["audio/wav"], "SPI-M108"),
        (
            "execution: {entry_point: python run.py}",
            ("execution", "entry_point"),
            {"command": "python run.py"},
            "SPI-M109",
        ),
        ("execution: {entry_point: [a, b]}", ("execution", "entry_point"), {"command": ["a", "b"]}, "SPI-M109"),
        ("commands: {x: {entry_point: a}}", ("commands", "x", "entry_point"), {"command": "a"}, "SPI-M109"),
        ("pipeline: {dependencies: [{specRef: a}]}", ("pipeline", "dependencies", 0), {"spec_ref": "a"}, "SPI-M112"),
    ],
)
def test_each_spelling_is_read_with_one_warning(text, path, becomes, code):
    assert value(text, *path) == becomes
    assert codes(text) == [code]


@pytest.mark.parametrize(
    "text",
    [
        "inputs: [{type: integer, required: true, mount_path: inputs/a}]",
        "inputs: [{type: wrong, required: maybe, mount_path: /elsewhere}]",
        "inputs: [{mount_path: /application/in}]",
        "inputs: [{mount_path: /app/../etc}]",
        "benchmark: {metrics: [{weight: 33.33}, {weight: 33.33}, {weight: 33.33}]}",
        "inputs: [{default: Yes, enum: [Yes]}]",
        "test_cases: [{inputs: {type: int}, files: {a: x}, expect: {contains: {a: b}}}]",
        "execution: {config: {type: int, required: Yes, camelCase: 1}, environment: {A: Yes}}",
        "execution: {entry_point: {command: python run.py}, resources: {gpu: 1}}",
        "x-own: {type: int, domain: Text}",
        "model: {tags:, domain: }",
        "benchmark: {metrics: [{weight: 0.7}, {weight: 0.3}]}",
        "benchmark: {metrics: [{weight: 70}, {weight: 20}]}",
        "benchmark: {metrics: [{weight: 70}, {weight: thirty}]}",
        "operations: {scaling: {min_replicas: 1, ownKey: 2}}",
        "operations: {scaling: {min_replicas: 1, minReplicas: 2}}",
        "model: {domain: [text, image]}",
    ],
)
def test_what_is_no_spelling_of_anything_is_left_alone(text):
    before = parse((HEAD + text).encode()).node
    done = normalise(before)
    assert done.node is before or plain_data(done.node) == plain_data(before)
    assert done.edits == ()
    assert len(done.findings) == 0


def test_a_canonical_document_is_the_same_object():
    node = parse((HEAD + "model: {name: a, domain: text}\ninputs: []\n").encode()).node
    assert normalise(node).node is node


def test_without_a_version_a_document_is_migrated():
    done = normalise(parse(b"model: {}\n").node)
    assert plain_data(done.node) == {"spi_version": "1", "model": {}}
    assert [item.code for item in done.findings] == ["SPI-M100"]
    assert done.edits[0].action is Action.INSERT


def test_version_0_is_migrated_and_later_ones_are_left_alone():
    assert plain_data(normalise(parse(b"spi_version: 0\n").node).node) == {"spi_version": "1"}
    newer = parse(b"spi_version: '2'\nmodel: {domain: Text}\n").node
    assert normalise(newer).node is newer


def test_mount_paths_are_held_against_the_documents_own_base():
    text = "execution: {base_work_dir: /srv/model}\ninputs: [{mount_path: /srv/model/in}, {mount_path: /app/in}]"
    assert value(text, "inputs") == [{"mount_path": "in"}, {"mount_path": "/app/in"}]


def test_color_spaces_have_other_names_in_lists_and_alone():
    assert value("model: {domain_specific: {color_space: Rec. 709}}", "model", "domain_specific", "color_space") == [
        "BT.709"
    ]
    assert codes("model: {domain_specific: {color_space: [Rec.2020]}}") == ["SPI-M107"]
    text = "inputs: [{domain_specific: {video: {color_space: rec709, codec_requirements: h264}}}]"
    assert value(text, "inputs", 0, "domain_specific", "video") == {
        "color_space": ["BT.709"],
        "codec_requirements": ["h264"],
    }


def test_the_catalogs_scorecard_moves_up():
    done = normalised("catalog: {summary: x, scorecard: {summary: good}}")
    assert plain_data(done.node) == {"spi_version": "1", "catalog": {"summary": "x"}, "scorecard": {"summary": "good"}}
    assert [edit.action for edit in done.edits] == [Action.REMOVE, Action.INSERT]
    assert [item.code for item in done.findings] == ["SPI-M110"]


def test_a_scorecard_that_is_a_text_is_its_summary():
    done = normalised("catalog:\n  scorecard: 89 %\n")
    assert plain_data(done.node) == {"spi_version": "1", "scorecard": {"summary": "89 %"}}


def test_two_scorecards_stay_for_the_rules_to_judge():
    assert codes("catalog: {scorecard: {}}\nscorecard: {}") == []


def test_weights_in_percent_become_exact_fractions():
    text = "benchmark: {metrics: [{name: a, weight: 33.3}, {name: b, weight: 66.7}, {name: c}]}"
    assert value(text, "benchmark", "metrics") == [
        {"name": "a", "weight": "0.333"},
        {"name": "b", "weight": "0.667"},
        {"name": "c"},
    ]
    assert codes(text) == ["SPI-M111", "SPI-M111"]
    assert value("benchmark: {metrics: [{weight: 100}]}", "benchmark", "metrics") == [{"weight": "1"}]


@pytest.mark.parametrize(
    ("camel", "snake"),
    [
        ("targetLatencyMsP95", "target_latency_ms_p95"),
        ("targetCostPer1kTokensUsd", "target_cost_per_1k_tokens_usd"),
        ("minReplicas", "min_replicas"),
        ("port", "port"),
    ],
)
def test_keys_of_modelspec_become_snake_case(camel, snake):
    assert snake_case(camel) == snake


def test_every_key_of_serving_is_reached_from_its_camel_case():
    from nova_spi.manifest.meaning.expecting import keys_of
    from nova_spi.manifest.models.serving import (
        Cost,
        DependencyInterface,
        Pii,
        PricingHints,
        Retention,
        Scaling,
        Serving,
    )

    for model in (Cost, DependencyInterface, Pii, PricingHints, Retention, Scaling, Serving):
        for name in keys_of(model):
            first, *rest = name.split("_")
            assert snake_case(first + "".join(part[0].upper() + part[1:] for part in rest)) == name


def test_one_value_in_another_spelling_is_one_edit():
    done = normalised("inputs: [{mime_types: image/jpg}]")
    (edit,) = done.edits
    assert edit.to_dict() == {"action": "set", "path": ["inputs", 0, "mime_types"], "value": ["image/jpeg"]}
    assert [item.code for item in done.findings] == ["SPI-M105", "SPI-M108"]


def test_every_warning_has_a_place_and_the_command_that_mends_it():
    done = normalised("model: {domain: Text, tags: x}\nexecution: {entry_point: a}\n")
    assert all(item.span and item.mend == "nova-spi validate --fix" for item in done.findings)


def test_edits_replayed_on_the_tree_give_the_canonical_tree():
    text = HEAD + "model: {domain: Text, tags: x, is_trainable: Yes}\noperations: {scaling: {minReplicas: 1}}\n"
    node = parse(text.encode()).node
    done = normalise(node)
    assert plain_data(edited(node, done.edits)) == plain_data(done.node)


def test_a_plain_text_that_yaml_1_1_reads_otherwise_is_warned_of_with_its_edit():
    scalar = Scalar("16:9", True, Span(1, 1, 1, 5))
    finding, edit = yaml11_warning(scalar, ("a",))
    assert finding.code == "SPI-M113"
    assert edit.value == Scalar("16:9", False, Span(1, 1, 1, 5))
    assert yaml11_warning(Scalar("16:9", False, scalar.span), ("a",)) is None
    assert yaml11_warning(Scalar("16x9", True, scalar.span), ("a",)) is None


def test_findings_of_bare_text_become_edits_of_values_and_of_keys():
    node = parse(b"a: yes\non: 1\n").node
    first, _ = yaml11_warning(node.get("a"), ("a",))
    from nova_spi.manifest.finding import finding

    second = finding("SPI-M114", "", ("on",), node.entry("on").key.span)
    assert [edit.action for edit in quote_edits(node, [first, second])] == [Action.SET, Action.RENAME]
    assert quote_edits(node, [finding("SPI-M113", "", ("b",))]) == ()


@given(st.text(max_size=20))
def test_words_without_another_name_stay(text):
    assert relative_mount_path(text, "/app") == text or text.startswith("/app/")
    assert colour_space(text) == text or colour_space(text) in ("BT.709", "BT.2020", "RGB", "GRAY")
    assert word(text, ("non-commercial",)) in (None, "non-commercial")


@given(
    st.recursive(
        st.sampled_from(["int", "Yes", "Text", "/app/x", "image/jpg", "70", ""]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=4,
            )
        ),
        max_leaves=15,
    )
)
def test_normalising_twice_changes_nothing_more(data):
    from nova_spi.manifest.text.writing import to_node

    done = normalise(to_node(data))
    again = normalise(done.node)
    assert again.edits == ()
    assert plain_data(again.node) == plain_data(done.node)
