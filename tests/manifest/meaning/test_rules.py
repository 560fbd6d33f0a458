"""Rules beyond the one example that each code has."""

import pytest

from nova_spi.manifest.meaning.suggest import nearest
from nova_spi.manifest.rules.credentials import looks_like_credential
from nova_spi.manifest.rules.schemas import schema_problem
from nova_spi.manifest.rules.types import _CONSTRAINTS, KEYS
from nova_spi.manifest.showing.rendering import render_text
from nova_spi.manifest.showing.sarif import to_sarif

TYPES = ("string", "integer", "float", "decimal", "boolean", "array", "map", "object", "file", "enum")
VALUES = {
    "enum": "[a]", "precision": "64", "properties": "{}", "items": "{type: string}", "values": "{type: string}",
    "mime_types": "[image/png]", "file_pattern": "'*'", "mount_path": "inputs/a", "index_padding": "3",
    "domain_specific": "{}", "pattern": "a", "unique_items": "true", "multiple_of": "1",
}  # fmt: skip


def codes(document):
    return [item.code for item in document.diagnostics if item.code[5] in "0123" and item.code != "SPI-M200"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("key", [*KEYS, *_CONSTRAINTS])
def test_a_key_is_told_where_it_does_not_belong_to_the_type(check, key, kind):
    kinds = KEYS.get(key) or _CONSTRAINTS[key]
    value = VALUES.get(key, "1")
    if key == "enum" and kind in ("integer", "float"):
        value = "[1]"
    inside = f"{key}: {value}" if key in KEYS else f"constraints: {{{key}: {value}}}"
    enum = "enum: [a], " if kind == "enum" and key != "enum" else ""
    side = "outputs" if key == "index_padding" else "inputs"
    document = check(f"{side}:\n  - {{name: a, type: {kind}, {enum}{inside}}}\n")
    told = [item for item in document.errors if item.code == "SPI-M303"]
    assert len(told) == (kind not in kinds)
    if told:
        assert told[0].path[-1] == key


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_two_files_that_could_be_the_same_are_told(check, side):
    def pair(one, other):
        files = f"[{{name: a, type: file, {one}}}, {{name: b, type: file, {other}}}]"
        return codes(check(f"{side}: {files}"))

    assert pair("file_pattern: '*.png'", "file_pattern: '*.PNG'") == ["SPI-M319"]
    assert pair("file_pattern: '*.{png,jpg}'", "file_pattern: 'x*.jpg'") == ["SPI-M319"]
    assert pair("file_pattern: '*.png'", "file_pattern: '*.jpg'") == []
    assert pair("mount_path: data/a", "mount_path: data/b") == []
    assert pair("mount_path: data/a", "mount_path: ./data//a/") != []


def test_a_pattern_over_folders_reaches_the_folder_of_another(check):
    fragment = "inputs: [{name: a, type: file, file_pattern: '**/*.png'}, {name: b, type: file, mount_path: inputs/b}]"
    assert codes(check(fragment)) == ["SPI-M319"]


def test_an_input_and_an_output_may_share_a_name_but_two_inputs_may_not(check):
    assert codes(check("inputs: [{name: a, type: string}]\noutputs: [{name: a, type: string}]")) == []
    assert codes(check("inputs: [{name: a, type: string}, {name: A, type: string}]")) == ["SPI-M300"]


@pytest.mark.parametrize("name", ["a", "aa"])
def test_a_name_that_stands_twice_is_told_however_short_it_is(check, name):
    two = f"[{{name: {name}, type: string}}, {{name: {name}, type: string}}]"
    assert codes(check(f"inputs: {two}")) == ["SPI-M300"]
    assert codes(check(f"benchmark: {{metrics: [{{name: {name}}}, {{name: {name}}}]}}")) == ["SPI-M301"]


@pytest.mark.parametrize(
    ("low", "high", "wrong"),
    [
        ("32x32", "64x64", False),
        ("32x64", "64x32", True),
        ("64x64", "64x64", False),
        ("480p", "1080p", False),
        ("1080p", "480p", True),
        ("100x2000", "1080p", False),
        ("1200x2000", "1080p", True),
    ],
)
def test_resolutions_are_compared_by_their_sides(check, low, high, wrong):
    limits = f"{{image: {{min_resolution: {low}, max_resolution: {high}}}}}"
    found = codes(check(f"inputs: [{{name: a, type: file, domain_specific: {limits}}}]"))
    assert found == (["SPI-M309"] if wrong else [])


@pytest.mark.parametrize(
    ("kind", "least", "low", "high", "wrong"),
    [
        ("decimal", "min_value", "0.30", "'0.3'", False),
        ("decimal", "min_value", "0.31", "0.3", True),
        ("integer", "min_value", "2", "1", True),
        ("string", "min_length", "2", "1", True),
        ("array", "min_items", "2", "1", True),
        ("map", "min_items", "2", "1", True),
        ("file", "min_files", "2", "1", True),
        ("file", "min_size_bytes", "2", "1", True),
    ],
)
def test_a_least_above_the_greatest_is_told_for_every_constraint(check, kind, least, low, high, wrong):
    bounds = f"{{{least}: {low}, {least.replace('min', 'max')}: {high}}}"
    for fragment, place in (
        (f"inputs: [{{name: a, type: {kind}, constraints: {bounds}}}]", ("inputs", 0)),
        (
            f"outputs: [{{name: a, type: map, values: {{type: {kind}, constraints: {bounds}}}}}]",
            ("outputs", 0, "values"),
        ),
    ):
        told = [item.path for item in check(fragment).errors if item.code == "SPI-M309"]
        assert told == ([(*place, "constraints", least)] if wrong else [])


def test_a_least_above_the_greatest_is_told_outside_of_parameters(check):
    (told,) = check("operations: {scaling: {min_replicas: 2, max_replicas: 1}}").errors
    assert (told.code, told.where) == ("SPI-M309", "operations.scaling.min_replicas")
    case = "{name: a, expect: {metric: {psnr: {min: 2, max: 1}}}}"
    (told,) = check(f"test_cases: [{case}]").errors
    assert (told.code, told.where) == ("SPI-M309", "test_cases[0].expect.metric.psnr.min")


@pytest.mark.parametrize(
    ("parameter", "count"),
    [
        ("{name: a, type: string, default: abc, constraints: {max_length: 2, pattern: '^x'}}", 2),
        ("{name: a, type: array, items: {type: integer, constraints: {max_value: 1}}, default: [1, 2, 3]}", 2),
        ("{name: a, type: enum, enum: [x, y], default: z}", 1),
        ("{name: a, type: decimal, default: 0.3, constraints: {multiple_of: 0.1}}", 0),
        ("{name: a, type: float, default: 1.0e300}", 1),
        ("{name: a, type: float, precision: 64, default: 1.0e300}", 0),
        ("{name: a, type: object, properties: {b: {type: string, required: true}}, default: {}}", 1),
    ],
)
def test_a_default_meets_everything_that_its_parameter_says(check, parameter, count):
    document = check(f"inputs: [{parameter}]")
    assert [item.code for item in document.errors] == ["SPI-M307"] * count


def test_a_secret_is_never_shown(check):
    value = "hunter2hunter2"
    parameter = (
        f"{{name: a, type: string, secret: true, default: {value}, enum: [b, c], constraints: {{max_length: 3}}}}"
    )
    document = check(
        f"inputs: [{parameter}]\n"
        f"execution: {{environment: {{A_TOKEN: {value}}}, config: {{inner: [{{password: {value}}}]}}}}"
    )
    assert {"SPI-M307", "SPI-M322", "SPI-M342"} <= set(codes(document))
    assert len([item for item in document.diagnostics if item.code == "SPI-M342"]) == 2
    for item in document.diagnostics:
        assert value not in item.message + item.mend
    assert value not in render_text(document, document.text, document.filename)
    assert value not in str(to_sarif(document.diagnostics, document.filename))


def test_the_password_of_an_address_is_never_shown(check):
    document = check(
        "model:\n  repository_url: https://user:hunter2@example.org/a\n"
        "assets:\n  - {name: a, uri: 'https://user:hunter2@example.org/a', mount_path: a}\n"
    )
    assert set(codes(document)) == {"SPI-M342", "SPI-M221"}
    assert all("hunter2" not in item.message + item.mend for item in document.diagnostics)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "sk-abcdefghijklmnopqrstuvwx"),
        ("", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
        ("", "AKIAABCDEFGHIJKLMNOP"),
        ("URL", "postgres://user:pass@example.org/db"),
        ("", "-----BEGIN RSA PRIVATE KEY-----"),
        ("DB_PASSWORD", "correct horse"),
        ("API_KEY", "0123456789"),
    ],
)
def test_a_credential_is_known_by_its_form_or_its_name(name, value):
    assert looks_like_credential(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENIZERS_PARALLELISM", "false"),
        ("MAX_TOKENS", "4096409640"),
        ("TOKEN_FILE", "/run/secrets/token"),
        ("API_KEY", "${API_KEY}"),
        ("API_KEY", "short"),
        ("URL", "https://example.org/a@b"),
        ("MODE", "fast and precise"),
    ],
)
def test_settings_are_no_credentials(name, value):
    assert not looks_like_credential(name, value)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"},
        {"anyOf": [{"$ref": "#/anyOf/1"}, {"$ref": "#/$defs/a~1b%20c"}], "$defs": {"a/b c": {}}},
        {"const": {"$ref": "#/nowhere"}, "items": {"$id": "urn:a", "$ref": "#/$defs/x", "$defs": {"x": {}}}},
        {},
    ],
)
def test_a_json_schema_is_one(schema):
    assert schema_problem(schema) is None


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"properties": {"a": {"type": "text"}}}, ("properties", "a", "type")),
        ({"allOf": [{"$ref": "https://example.org/a"}]}, ("allOf", 0, "$ref")),
        ({"$schema": 5}, ("$schema",)),
        ({"items": {"$ref": "#/$defs/a"}, "$defs": {"b": {}}}, ("items", "$ref")),
        ({"allOf": [{"$ref": "#/allOf/1"}]}, ("allOf", 0, "$ref")),
        ({"minimum": "1"}, ("minimum",)),
    ],
)
def test_other_objects_are_no_json_schemas(schema, path):
    assert schema_problem(schema)[0] == path


def test_facts_of_a_multimodal_model_stand_in_blocks(check):
    def facts(domain, text):
        return codes(check(f"model: {{name: a, version: 1.0.0, domain: {domain}, domain_specific: {text}}}"))

    assert facts("multimodal", "{image: {max_resolution: 1x1}, audio: {max_bitrate: 1}}") == []
    assert facts("multimodal", "{max_resolution: 1x1}") == ["SPI-M330"]
    assert facts("video", "{max_resolution: 1x1, max_fps: 1}") == []
    assert facts("video", "{max_sample_rate: 1}") == ["SPI-M330"]
    assert facts("video", "{image: {max_resolution: 1x1}}") == ["SPI-M330"]
    assert facts("video", "{max_fsp: 1}") == ["SPI-M202"]


def test_an_unknown_medium_of_the_output_specifications_is_warned_of(check):
    document = check("output_specifications: {vidoe: {codec: [h264]}, x-own: {a: [b]}}")
    (told,) = [item for item in document.diagnostics if item.code == "SPI-M202"]
    assert told.mend == "did you mean video?"
    assert document.ok


def test_a_health_check_of_each_kind(check):
    assert codes(check("execution: {health_check: {command: [a]}}")) == []
    assert codes(check("execution: {health_check: {command: [a], callable: 'a:b'}}")) == ["SPI-M344"]


def test_a_wrong_entry_point_is_told_once(check):
    assert codes(check("execution: {entry_point: {callable: nowhere}}")) == ["SPI-M237"]
    assert codes(check("execution: {entry_point: {}}")) == ["SPI-M340"]
    assert codes(check("commands: {a: {entry_point: {}}}")) == ["SPI-M340"]


def test_a_default_command_with_another_name_is_the_default_command(check):
    fragment = "inputs: [{name: a, type: string}]\ncommands: {tell: {default: true}, run: {}}\n"
    assert codes(check(fragment + "test_cases: [{name: x, command: tell, inputs: {a: b}}]")) == []
    assert codes(check(fragment + "test_cases: [{name: x, inputs: {a: b}}]")) == []
    assert codes(check(fragment + "test_cases: [{name: x, command: run, inputs: {a: b}}]")) == ["SPI-M361"]


def test_weights_may_be_given_in_percent_or_not_at_all(check):
    def weighed(*weights):
        metrics = ", ".join(f"{{name: m{i}{f', weight: {w}' if w is not None else ''}}}" for i, w in enumerate(weights))
        return codes(check(f"benchmark: {{metrics: [{metrics}]}}"))

    assert weighed(0.1, 0.2, 0.7) == []
    assert set(weighed(30, 70)) == {"SPI-M111"}
    assert weighed(None, None) == []
    assert weighed(30, 60) == ["SPI-M380"]
    assert weighed(0.5, None) == ["SPI-M381"]


def test_many_file_parameters_do_not_take_for_ever(check):
    files = ", ".join(f"{{name: p{i}, type: file, mount_path: d{i}}}" for i in range(2000))
    assert check(f"inputs: [{files}]").ok


def test_the_nearest_word_is_found_whatever_its_case_and_its_joints():
    known = ("max_length", "min_length", "pattern")
    assert nearest("maxLength", known) == "max_length"
    assert nearest("max-lenght", known) == "max_length"
    assert nearest("colour", known) is None
    assert nearest("timeout", ("timeout_seconds", "entry_point")) == "timeout_seconds"
    assert nearest("mime", ("mime_types", "mime_names")) is None
    assert nearest("", known) is None
    assert nearest("x" * 100_000, known) is None


@pytest.mark.parametrize("folder", ["a{b", "a}b", "a[b", "a]b", "a*b", "a?b", "{a,b}", "[", "a{b,{c}"])
def test_letters_of_a_folder_that_mean_something_in_patterns_do_not_break_the_comparison(check, folder):
    document = check(
        f"inputs: [{{name: a, type: file, mount_path: '{folder}'}}, {{name: b, type: file, mount_path: '{folder}'}},"
        " {name: c, type: file, mount_path: elsewhere}]"
    )
    assert [item.where for item in document.errors] == ["inputs[1].mount_path"]


def only(document):
    """The one error or warning of a document."""
    (found,) = (item for item in document.diagnostics if item.code[5] != "5")
    return found


@pytest.mark.parametrize(
    ("fragment", "mend"),
    [
        ("inputs: [{name: a, type: string, min_length: 3}]", "did you mean constraints.min_length?"),
        ("execution: {command: python run.py}", "did you mean entry_point.command?"),
        ("execution: {timeout: 3}", "did you mean timeout_seconds?"),
        ("execution: {nothing_like_it: 3}", "remove it, or let its name begin with x-"),
    ],
)
def test_a_key_that_stands_one_level_too_far_out_is_asked_for(check, fragment, mend):
    assert only(check(fragment)).mend == mend


@pytest.mark.parametrize(
    ("fragment", "code"),
    [
        ("model:\n  created_at: 2025-04-23\n", "SPI-M241"),
        ("execution: {cuda_version: 12}", "SPI-M233"),
        ("execution: {network: false}", "SPI-M205"),
        ("inputs: [{name: a, type: enum, enum: []}]", "SPI-M207"),
        ("inputs: [{name: a, type: file, enum: [a]}]", "SPI-M303"),
        ("inputs: [{name: a, type: file, mount_path: /app/../etc}]", "SPI-M223"),
        ("benchmark: {metrics: [{name: a, weight: 33.33}, {name: b, weight: 66.66}]}", "SPI-M380"),
    ],
)
def test_one_fault_is_one_finding(check, fragment, code):
    assert only(check(fragment)).code == code


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        (
            "execution: {health_check: {retries: 2}}",
            "health_check takes exactly one of command and callable; none stands here",
        ),
        ("model:\n  is_trainable: maybe\n", "is_trainable takes true, false or unsure; here stands the text 'maybe'"),
        ("execution: {resources: {gpu: nvidia}}", "gpu takes a whole number or a map; here stands the text 'nvidia'"),
        ("execution: {network: }", "network takes none, egress or full, and nothing stands there"),
        ("model:\n  license: ''\n", "license: '' is not a licence"),
        (
            "inputs: [{name: a, type: object, properties: {b: {type: string, required: true}}, default: {}}]",
            "b of the default is required",
        ),
    ],
)
def test_a_finding_is_a_sentence(check, fragment, said):
    assert only(check(fragment)).message == said


def test_what_is_cut_short_in_a_message_keeps_its_quotation_mark(check):
    message = only(check(f"inputs: [{{name: {'a' * 80}, type: string}}]")).message
    assert message.startswith(f"name: '{'a' * 55}...' is not a parameter name")


def test_a_value_that_stands_for_an_object_is_pointed_at(check):
    found = only(check("execution: {resources: {gpu: -1}}"))
    assert found.where == "execution.resources.gpu.count"
    assert found.span.end_column - found.span.column == len("-1")


def test_a_password_in_an_address_is_not_sent_to_the_secrets(check):
    found = only(check("model:\n  repository_url: https://ada:hunter22@example.org/x\n"))
    assert found.code == "SPI-M342"
    assert "execution.secrets" not in found.mend
