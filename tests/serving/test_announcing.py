"""What the server says on a terminal, and that a model cannot say it in the server's name."""

import json

import pytest

from nova_spi.errors import ModelError
from nova_spi.serving.announcing import Announcer

FORGED = "no weights\n✓ The model is ready (0.1 s)\r\x1b[2K\x1b]0;title\x07\u2028Serving other\u202e"


def test_what_a_model_made_up_begins_no_line_and_moves_no_cursor(capfd):
    Announcer(machine=False, silent=False).fail(ModelError(FORGED, why=FORGED, mend=FORGED, log=FORGED))
    said = capfd.readouterr().err
    lines = said.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["✗ no weights"]
    assert not [character for character in said if not character.isprintable() and character != "\n"]


def test_a_program_reads_one_line_for_each_thing_that_happened(capfd):
    Announcer(machine=True, silent=False).fail(ModelError(FORGED, log=FORGED))
    (line,) = capfd.readouterr().out.splitlines()
    assert json.loads(line)["error"]["message"] == FORGED


def test_a_line_of_a_model_says_whose_it_is(capfd):
    Announcer(machine=False, silent=False).log("worker 1", "50%\x1b[2K")
    Announcer(machine=True, silent=False).log("worker 1", "50%\x1b[2K")
    Announcer(machine=False, silent=True).log("worker 1", "50%")
    found = capfd.readouterr()
    assert found.err == "worker 1 | 50%\\x1b[2K\n"
    assert json.loads(found.out) == {"schema_version": "1", "event": "log", "from": "worker 1", "text": "50%\x1b[2K"}


@pytest.mark.parametrize("silent", [True, False])
def test_errors_are_told_even_where_little_is(capfd, silent):
    announcer = Announcer(machine=False, silent=silent)
    announcer.tell("ready", "Ready")
    announcer.warn("Beware")
    announcer.fail(ModelError("It fails."))
    failed = "✗ It fails. [model.error]\n"
    assert capfd.readouterr() == (("", failed) if silent else ("Ready\n", "! Beware\n" + failed))
