import pytest

from nova_spi.manifest.diagnostics import Severity
from nova_spi.manifest.reading import read


def model_of(check, line):
    document = check(f"model:\n  {line}\n")
    assert document.ok, document.errors
    return document


@pytest.mark.parametrize(
    "text", ["yes", "16:9", "2025-04-23", "1.10", "1e3", "0x10", "on", "true", "12", "1_000", "07"]
)
def test_where_text_is_wanted_a_plain_scalar_is_the_text_that_stands_there(check, text):
    document = model_of(check, f"description: {text}")
    assert document.manifest.model.description == text


@pytest.mark.parametrize("text", ["yes", "16:9", "2025-04-23", "1.10", "0x10", "on", "true", "12", "1_000"])
def test_text_that_yaml_1_1_reads_otherwise_is_warned_of(check, text):
    warned = [item for item in model_of(check, f"description: {text}").diagnostics if item.code == "SPI-M113"]
    assert [item.path for item in warned] == [("model", "description")]
    assert not [i for i in model_of(check, f"description: '{text}'").diagnostics if i.code == "SPI-M113"]


def test_a_key_that_yaml_1_1_reads_otherwise_is_warned_of(check):
    document = model_of(check, "tasks: {1: [a]}")
    assert document.manifest.model.tasks == {"1": ("a",)}
    warned = [item for item in document.diagnostics if item.code == "SPI-M114"]
    assert [item.path for item in warned] == [("model", "tasks", "1")]


@pytest.mark.parametrize("nothing", ["", "~", "null", "Null"])
def test_nothing_is_no_text(check, nothing):
    document = check(f"model:\n  description: {nothing}\n")
    assert [item.code for item in document.errors] == ["SPI-M204"]


def test_quoted_null_is_text(check):
    assert model_of(check, "description: 'null'").manifest.model.description == "null"


@pytest.mark.parametrize(
    ("fragment", "path"),
    [
        ('execution: {timeout_seconds: "60"}', ("execution", "timeout_seconds")),
        ('execution: {restart: {max_retries: "3"}}', ("execution", "restart", "max_retries")),
        ("execution: {restart: {max_retries: 3.0}}", ("execution", "restart", "max_retries")),
        ("execution: {resources: {cpu: two}}", ("execution", "resources", "cpu")),
        ("execution: {resources: {gpu: one}}", ("execution", "resources", "gpu")),
        ("inputs: {}", ("inputs",)),
        ("inputs: [[]]", ("inputs", 0)),
        ("commands: [a]", ("commands",)),
    ],
)
def test_nothing_is_converted_silently(check, fragment, path):
    assert [item.path for item in check(fragment).errors if item.code == "SPI-M203"] == [path]


def test_quotation_marks_around_a_number_have_their_mend(check):
    (told,) = check('execution: {timeout_seconds: "60"}').errors
    assert told.message == "timeout_seconds takes a number; here stands the text '60'"
    assert told.mend == "leave out the quotation marks"


def test_yaml_1_2_decides_what_a_number_is(check):
    document = check("execution: {config: {a: 010, b: 0o10, c: 1_000, d: 1e3, e: .5, f: 0x1f, g: yes, h: ~}}")
    assert document.manifest.execution.config == {
        "a": 10, "b": 8, "c": "1_000", "d": 1000.0, "e": 0.5, "f": 31, "g": "yes", "h": None,
    }  # fmt: skip


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan", "1e999"])
def test_a_number_that_json_cannot_hold_is_told(check, number):
    assert [item.code for item in check(f"execution: {{config: {{a: [{number}]}}}}").errors] == ["SPI-M208"]
    assert [item.code for item in check(f"execution: {{timeout_seconds: {number}}}").errors] == ["SPI-M208"]


@pytest.mark.parametrize("digits", [400, 5000, 100_000])
def test_a_number_of_very_many_digits_is_told(check, digits):
    document = check(f"execution: {{timeout_seconds: {'9' * digits}, restart: {{max_retries: {'9' * digits}}}}}")
    assert not document.ok or digits == 400


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("string", "1.10", "1.10"),
        ("string", "yes", "yes"),
        ("integer", "12", 12),
        ("float", "12", 12),
        ("float", "1.50", 1.5),
        ("decimal", "1.50", "1.50"),
        ("decimal", "'1.50'", "1.50"),
        ("boolean", "true", True),
        ("array, items: {type: string}", "[1.0, yes]", ["1.0", "yes"]),
        ("array, items: {type: integer}", "[1, 2]", [1, 2]),
        ("array", "[1, a]", [1, "a"]),
        ("map, values: {type: decimal}", "{a: 1.0}", {"a": "1.0"}),
        ("object, properties: {a: {type: string}, b: {type: float}}", "{a: 1.0, b: 1.0}", {"a": "1.0", "b": 1.0}),
    ],
)
def test_a_default_is_read_as_its_type_says(check, kind, written, value):
    document = check(f"inputs:\n  - {{name: a, type: {kind}, default: {written}}}\n")
    assert document.ok, document.errors
    found = document.manifest.inputs[0].default
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "written", "path"),
    [
        ("integer", "'1'", ()),
        ("integer", "1.5", ()),
        ("float", "much", ()),
        ("decimal", "much", ()),
        ("decimal", "NaN", ()),
        ("boolean", "1", ()),
        ("array", "a", ()),
        ("array, items: {type: integer}", "[1, a]", (1,)),
        ("map, values: {type: integer}", "{a: b}", ("a",)),
        ("object, properties: {a: {type: integer}}", "{a: b}", ("a",)),
        ("string", "[a, b]", ()),
    ],
)
def test_a_default_of_another_type_is_told_at_its_place(check, kind, written, path):
    (told,) = check(f"inputs:\n  - {{name: a, type: {kind}, default: {written}}}\n").errors
    assert (told.code, told.path) == ("SPI-M203", ("inputs", 0, "default", *path))


def test_a_word_for_true_is_read_and_warned_of_where_the_type_is_boolean(check):
    document = check("inputs:\n  - {name: a, type: boolean, default: Yes}\n")
    assert document.manifest.inputs[0].default is True
    assert [item.code for item in document.diagnostics if item.severity is Severity.WARNING] == ["SPI-M103"]
    assert document.edits


def test_bounds_and_enums_are_read_as_their_type_says(check):
    document = check(
        "inputs:\n"
        "  - {name: a, type: decimal, constraints: {min_value: 0.10, max_value: '0.20'}}\n"
        "  - {name: b, type: enum, enum: [1.0, yes]}\n"
        "  - {name: c, type: integer, enum: [1, 2], constraints: {min_value: 1}}\n"
    )
    a, b, c = document.manifest.inputs
    assert (a.constraints.min_value, a.constraints.max_value) == ("0.10", "0.20")
    assert b.enum == ("1.0", "yes")
    assert c.enum == (1, 2)


def test_the_values_of_a_test_case_are_read_as_their_parameters_say(check):
    document = check(
        "inputs: [{name: text, type: string}, {name: count, type: integer}]\n"
        "outputs: [{name: words, type: array, items: {type: string}}]\n"
        "commands: {other: {inputs: [{name: text, type: float}]}}\n"
        "test_cases:\n"
        "  - {name: a, inputs: {text: 1.0, count: 1}, expect: {equals: {words: [1.0]}}}\n"
        "  - {name: b, command: other, inputs: {text: 1.0}}\n"
        "  - {name: c, inputs: {count: many}}\n"
        "  - {name: d, inputs: {count: many}, expect: {error: input.invalid}}\n"
    )
    (told,) = document.errors
    assert told.path == ("test_cases", 2, "inputs", "count")
    assert [item.code for item in document.diagnostics if item.path[:2] == ("test_cases", 3)] == []


def test_a_short_form_stands_for_an_object(check):
    document = check("execution: {resources: {gpu: 2}, entry_point: {command: python 'run me.py'}}")
    assert document.manifest.execution.resources.gpu.count == 2
    assert document.manifest.execution.entry_point.command == ("python", "run me.py")


def test_a_command_with_an_open_quotation_mark_is_told(check):
    (told,) = check('execution: {entry_point: {command: "python \'run.py"}}').errors
    assert told.code == "SPI-M216"
    assert "no closing quotation" in told.message


def test_own_keys_are_kept_everywhere(check):
    document = check("x-top: {a: [1]}\nmodel:\n  x-in: 1.5\nexecution: {resources: {x-more: yes}}")
    assert document.ok
    data = document.manifest.to_dict()
    assert data["x-top"] == {"a": [1]}
    assert data["model"]["x-in"] == 1.5
    assert data["execution"]["resources"] == {"x-more": "yes"}


def test_a_wrong_entry_does_not_move_the_others(check):
    document = check("inputs:\n  - wrong\n  - {name: a, type: strin}\n  - {name: 1a, type: string}\n")
    assert [item.path for item in document.errors] == [("inputs", 0), ("inputs", 1, "type"), ("inputs", 2, "name")]


def test_all_findings_come_at_once_and_in_the_order_of_the_text():
    document = read(b"modle: {}\nmodel: {name: A, version: 1, domain: pictures}\ninputs: [{name: a}]\nexecution: 5\n")
    places = [(item.span.line, item.span.column) for item in document.diagnostics]
    assert places == sorted(places)
    assert {item.where for item in document.errors} >= {
        "modle", "model.name", "model.version", "model.domain", "inputs[0].type", "execution", "outputs",
    }  # fmt: skip


def test_json_is_strict_about_text_and_numbers():
    text = '{"spi_version": "1", "model": {"name": "a", "version": 1.0, "domain": "text"}, "inputs": [], "outputs": []}'
    (told,) = read(text.encode(), filename="manifest.json").errors
    assert (told.code, told.path) == ("SPI-M203", ("model", "version"))


@pytest.mark.parametrize(
    ("fragment", "place"),
    [
        ("execution: {timeout_seconds: %s}", "execution.timeout_seconds"),
        ("execution: {restart: {max_retries: %s}}", "execution.restart.max_retries"),
        ("execution: {resources: {cpu: %s}}", "execution.resources.cpu"),
        ("inputs: [{name: a, type: string, constraints: {max_length: %s}}]", "inputs[0].constraints.max_length"),
    ],
)
def test_a_number_beyond_what_can_be_held_is_told(check, fragment, place):
    (told,) = check(fragment % ("9" * 400)).errors
    assert (told.code, told.where) == ("SPI-M206", place)


def test_a_wrong_entry_of_a_list_or_text_is_told_once(check):
    document = check(
        "outputs: [{name: a, type: string}]\ninputs: [{name: p, type: file}]\n"
        "test_cases: [{name: a, files: {p: [a, ../b]}, expect: {contains: {a: [b, {}]}}}]"
    )
    assert [(item.code, item.where) for item in document.errors] == [
        ("SPI-M223", "test_cases[0].files.p[1]"),
        ("SPI-M203", "test_cases[0].expect.contains.a[1]"),
    ]
