"""A program with a channel has that and nothing else of ours, and whoever holds the other end hears its end."""

import json
from dataclasses import asdict

import pytest
from channel_driver import CHANNEL_DRIVER

from nova_spi.engines import port
from nova_spi.engines.process import request

LEVELS = [
    ("root", "process"),
    ("user", "process"),
    ("root", "sandbox"),
    ("user", "sandbox"),
    ("user", "landlock"),
]
EVERYWHERE = pytest.mark.parametrize("field", LEVELS, indirect=True, ids="-".join)

LOOK = """
import os, socket, sys, time
def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
channel = socket.socket(fileno=3)
channel.sendall(repr([number for number in range(256) if is_open(number)]).encode())
assert channel.recv(2) == b"go"
"""
FOUND = "[0, 1, 2, 3]"


def drive(field, program, *, cancel=False):
    """Runs a program with a channel; what the driver saw."""
    asked = {"folder": field.work, "work": field.work, "log": field.folder / "log.txt", "program": program}
    asked |= {"cache": field.folder / "cache", "level": field.level, "image": None, "cancel": cancel}
    asked |= {"python": field.python}
    found = field.drive(CHANNEL_DRIVER, asked)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_the_launchers_number_of_the_channel_is_the_ports():
    assert request.CHANNEL == port.CHANNEL


@EVERYWHERE
def test_a_program_finds_its_channel_at_three_and_inherits_nothing_else(field):
    answer = drive(field, f"{LOOK}channel.sendall(b'done')\nos._exit(3)")
    assert answer["seen"] == FOUND
    assert answer["then"] == "done"
    assert answer["outcome"] == ["exited", 3, None, 0]


@pytest.mark.parametrize("field", LEVELS[:3:2], indirect=True, ids="-".join)  # root sees the launcher's descriptors
def test_nobody_but_the_program_holds_its_end(field):
    assert drive(field, f"{LOOK}os._exit(0)")["holders"] == 1


@EVERYWHERE
def test_the_death_of_the_program_is_the_end_of_the_channel(field):
    answer = drive(field, f"{LOOK}os.kill(os.getpid(), 9)")
    assert answer["then"] == ""
    assert answer["outcome"] == ["signalled", None, 9, 0]


@EVERYWHERE
def test_a_child_that_lives_on_keeps_the_channel_open_no_longer_than_it_is_let(field):
    answer = drive(field, f"{LOOK}\nif os.fork() == 0:\n    os.setsid(); time.sleep(60)\nos._exit(0)")
    assert answer["then"] == ""
    assert answer["silent_after"] < 20
    assert answer["outcome"] == ["exited", 0, None, 1]


@EVERYWHERE
def test_a_cancel_ends_a_program_that_has_no_deadline(field):
    answer = drive(field, LOOK.replace("channel.recv", "time.sleep(60) or channel.recv"), cancel=True)
    assert answer["then"] == ""
    assert answer["outcome"][0] == "cancelled"


@EVERYWHERE
def test_a_program_without_a_deadline_may_use_the_processor_for_ever(field):
    program = f"import resource\nassert resource.getrlimit(resource.RLIMIT_CPU)[0] == resource.RLIM_INFINITY\n{LOOK}"
    assert drive(field, program)["outcome"] == ["exited", 0, None, 0]


def test_a_program_in_an_image_has_the_same(images):
    asked = {"folder": images.folder, "work": "/app", "log": images.log, "program": f"{LOOK}os._exit(3)"}
    asked |= {"cache": images.cache, "level": "sandbox", "image": asdict(images.image), "cancel": False}
    images.log.unlink(missing_ok=True)
    found = images.driven(["-B", "-c", CHANNEL_DRIVER], json.dumps(asked | {"python": "python"}, default=str))
    assert found.returncode == 0, found.stderr
    answer = json.loads(found.stdout)
    assert answer["seen"] == FOUND
    assert answer["then"] == ""
    assert answer["outcome"] == ["exited", 3, None, 0]
    assert images.who != "root" or answer["holders"] == 1
