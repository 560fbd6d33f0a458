import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from nova_spi.cli.main import run
from nova_spi.cli.state import State
from nova_spi.cli.table import COMMANDS

HEAVY = {"pydantic", "ruamel", "httpx", "rich", "jsonschema", "docker", "PIL", "av", "jinja2", "psutil", "puremagic"}


def call(*words):
    return run(list(words), State())


def test_help_lists_every_command_and_exits_with_zero(capsys):
    assert call("--help") == 0
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if f"  {name} " not in shown] == []


def test_help_loads_click_and_the_table_of_commands_and_nothing_else():
    program = (
        "import sys\nfrom nova_spi.cli.main import run\nfrom nova_spi.cli.state import State\n"
        "run(['--help'], State())\nprint(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)\n"
        "print([name for name in sys.modules if name.startswith('nova_spi.cli.commands')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules, commands = done.stderr.strip().splitlines()
    assert set(json.loads(modules.replace("'", '"'))) & HEAVY == set()
    assert commands == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name):
    module = importlib.import_module(COMMANDS[name].module)
    assert isinstance(module.command, click.Command)
    assert module.command.name == name
    assert all(example.startswith(f"nova-spi {name}") for example in module.EXAMPLES)
    assert module.EXAMPLES


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_help_and_the_global_options(name, capsys):
    for flag in ("--help", "-h"):
        assert call(name, flag) == 0
        shown = capsys.readouterr().out
        assert all(option in shown for option in ("--verbose", "--very-verbose", "--silent", "--output-format"))


def test_version_is_one_line(capsys):
    assert call("--version") == 0
    assert capsys.readouterr().out.startswith("nova-spi 0.")


def test_an_unknown_command_is_wrong_use_with_a_did_you_mean(capsys):
    assert call("valdate") == 2
    assert "Did you mean 'validate'?" in capsys.readouterr().err


def test_an_unknown_option_is_wrong_use(capsys):
    assert call("validate", "--sctrict") == 2
    assert "--strict" in capsys.readouterr().err


def test_global_options_stand_before_or_after_the_command(tmp_path, capsys):
    for words in (["-s", "validate", str(tmp_path)], ["validate", str(tmp_path), "-s"]):
        state = State()
        assert run(words, state) == 2
        assert state.silent
    capsys.readouterr()


def test_errors_are_one_json_object_where_a_program_reads(tmp_path, capsys):
    assert call("validate", str(tmp_path / "nowhere"), "--output-format", "json") == 2
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert told["error"]["code"] == "manifest.unreadable"
    assert told["error"]["mend"]


def test_no_traceback_without_very_verbose_and_one_with_it(tmp_path, capsys):
    assert call("validate", str(tmp_path / "nowhere")) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert call("-vv", "validate", str(tmp_path / "nowhere")) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error():
    program = f"{sys.executable} -m nova_spi help --verbose | head -n 1"
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("Usage")


def test_colours_are_off_for_a_pipe_and_for_no_color():
    done = subprocess.run([sys.executable, "-m", "nova_spi", "nope"], capture_output=True, text=True)
    assert "\x1b[" not in done.stderr


def test_output_that_the_encoding_cannot_show_is_replaced(tmp_path):
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "nova_spi", "nope"], capture_output=True, env=environment)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_help_with_verbose_shows_examples(capsys):
    assert call("help", "validate", "--verbose") == 0
    assert "nova-spi validate --fix" in capsys.readouterr().out
    assert call("help", "nope") == 2


@pytest.mark.parametrize("words", ["--help", "help", "schema --manifest", "validate {project}", "doctor"])
def test_a_closed_standard_output_is_no_error(words, project):
    command = f"{sys.executable} -m nova_spi {words.format(project=project)} >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", ["--help", "schema --manifest", "nope", "doctor --output-format json"])
def test_a_standard_output_that_is_full_is_one_clear_error(words):
    command = f"{sys.executable} -m nova_spi {words} > /dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if words != "nope":
        assert done.returncode == 1
        assert "could not be written. [run.system]\n  why: No space left on device" in done.stderr


def test_no_command_at_all_shows_the_help_and_is_wrong_use(capsys):
    assert call() == 2
    assert capsys.readouterr().err.startswith("Usage: nova-spi")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["help", "valdate"], "Did you mean 'validate'?"),
        (["create", "x", "--domain", "imge"], "Did you mean 'image'?"),
        (["run", "--engine", "dokcer"], "Did you mean 'docker'?"),
        (["schema", "--format", "opnapi"], "Did you mean 'openapi'?"),
        (["validate", "--output-format", "sarf"], "Did you mean 'sarif'?"),
        (["create", "x"], "Missing option '--domain'. Choose one of text, image, video, audio, multimodal."),
    ],
)
def test_a_misspelled_word_has_a_did_you_mean_on_one_line(words, hint, capsys):
    assert call(*words) == 2
    assert hint in capsys.readouterr().err.splitlines()[0]


OPTIONS = {
    "create": "--domain --template --description --version --output-dir",
    "validate": "--strict --fix --output",
    "schema": "--command --format --draft --manifest",
    "run": "--command --input --input-file --secret --output --engine --require-isolation --timeout",
    "test": "--case --command --input --input-file --secret --output --engine --require-isolation --timeout"
    " --debug --interactive",
    "batch": "--inputs --output --workers --command --input --input-file --secret --engine --require-isolation"
    " --timeout --address --max-failures --retry-failed --restart",
    "serve": "--host --port --workers --token-file --engine --require-isolation --secret --queue-size --max-body-size"
    " --max-file-size --start-timeout --idle-timeout --drain-timeout",
    "build": "--tag --serving --base-image --platform --push --registry --no-cache --archive",
    "inspect-image": "--platform --output",
    "init-env": "--cuda-version --python-version --base-image --force --with-jupyter --attach",
    "container": "",
    "doctor": "--network",
    "help": "",
}
DEFAULTS = {
    "init-env": ("the manifest's, else 3.12",),
    "create": ("the domain's", "0.1.0", "."),
    "validate": ("text",),
    "schema": ("the default command", "json-schema", "2020-12"),
    "run": ("the default command", "outputs", "the settings' engine, else auto", "the manifest's"),
    "batch": ("the default command", "batch_outputs", "the settings' engine, else auto", "the manifest's"),
    "serve": ("127.0.0.1", "the manifest's, else 1", "the settings' engine, else auto", "never"),
    "test": ("the default command", "test_outputs", "the settings' engine, else auto", "the manifest's"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_the_commands_own_options_first_with_their_defaults(name, capsys):
    assert call(name, "--help") == 0
    shown = capsys.readouterr().out
    options = re.findall(r"^  (?:-\w+, )?(--[\w-]+)", shown, re.M)
    assert options == [*OPTIONS[name].split(), "--verbose", "--very-verbose", "--silent", "--output-format", "--help"]
    words = " ".join(shown.split())
    assert [text for text in DEFAULTS.get(name, ()) if f"[default: {text}]" not in words] == []
    assert f"Examples: nova-spi help {name} --verbose" in shown


@pytest.mark.parametrize("columns", [50, 80])
@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_the_terminal(name, columns):
    environment = os.environ | {"COLUMNS": str(columns), "LC_ALL": "C"}
    words = [sys.executable, "-m", "nova_spi", *name.split(), "--help"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    long = [line for line in done.stdout.splitlines() if len(line) > columns]
    assert [line for line in long if not re.match(r"\s+--|Usage:", line)] == []


def test_v_counts_before_and_after_the_command(tmp_path, capsys):
    for words, verbosity in ((["-v"], 1), (["-vv"], 2), (["-v", "-v"], 2), (["-vvv"], 2), (["--very-verbose"], 2)):
        for line in ([*words, "validate", str(tmp_path)], ["validate", str(tmp_path), *words]):
            state = State()
            run(line, state)
            assert state.verbosity == verbosity, line
    capsys.readouterr()


@pytest.mark.parametrize("form", [["--output-format", "json"], ["--output-format=json"]])
def test_wrong_use_is_json_too_wherever_the_wrong_word_stands(form, capsys):
    for words in (["run", "--nonsense", *form], ["run", *form, "--nonsense"], ["create", *form], ["valdate", *form]):
        assert call(*words) == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage.invalid", words
