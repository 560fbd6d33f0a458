"""What a program is given to see."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.engines.port import Job, Limits
from nova_spi.engines.process.isolation.order import Isolation
from nova_spi.engines.process.isolation.plan import isolation

PATHS = st.lists(st.binary(max_size=30), max_size=4)


@pytest.fixture
def job(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    return Job(("sh",), run, run, {}, tmp_path / "log", Limits(5.0), network="none")


def places(found):
    return {os.fsdecode(path) for path in (*found.system, *found.readable, *found.writable, *found.links)}


@given(PATHS, PATHS, st.binary(max_size=9), st.integers(0, 2**40))
def test_an_order_arrives_as_it_was_sent(system, writable, base, memory):
    sent = Isolation(b"sandbox")
    sent.system, sent.writable, sent.base, sent.memory = system, writable, base, memory
    sent.sources, sent.targets, sent.made, sent.root, sent.inside = writable, system, system[:1], base, memory
    found = Isolation.decode(sent.encode())
    assert {name: getattr(found, name) for name in Isolation.__slots__} == {
        name: getattr(sent, name) for name in Isolation.__slots__
    }


def test_a_program_in_ones_home_does_not_bring_the_home_along(job, tmp_path):
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "tool").write_text("#!/bin/sh\n")
    found = isolation(job, str(home / "bin" / "tool"), "sandbox")
    assert found.readable == [os.fsencode(home / "bin" / "tool")]


def test_a_python_comes_with_its_library_and_the_links_that_lead_to_it(job, tmp_path):
    python = tmp_path / "python"
    for path in ("bin", "lib/python3.11"):
        (python / path).mkdir(parents=True)
    (python / "bin" / "python3.11").write_text("")
    (python / "lib" / "python3.11" / "os.py").write_text("")
    (tmp_path / "link").symlink_to("python/bin/python3.11")
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(tmp_path / "link")
    found = isolation(replace(job, variables={"VIRTUAL_ENV": str(venv)}), str(venv / "bin" / "python"), "sandbox")
    assert sorted(found.readable) == [os.fsencode(python), os.fsencode(venv)]
    assert os.fsencode(tmp_path / "link") in found.links
    assert os.fsencode(tmp_path) not in (*found.system, *found.readable, *found.writable)


def test_what_lies_in_what_is_seen_anyway_is_not_named_again(job):
    found = isolation(
        replace(job, readable=(job.folder / "x", Path("/usr/bin"), Path("/nowhere"))), "/bin/sh", "sandbox"
    )
    assert found.readable == []


@pytest.mark.parametrize("base", ["/", "/usr", "/usr/app", "/proc/app", "/dev", "/etc", "/tmp", "relative", "/tmp/.."])
def test_a_work_folder_covers_nothing_of_the_machine(job, base):
    assert isolation(replace(job, base_work_dir=Path(base)), "/bin/sh", "sandbox").base == b""


def test_a_work_folder_that_would_hold_itself_stands_at_one_place(job):
    for base in (job.work_dir.parent, job.work_dir, job.work_dir / "inside"):
        assert isolation(replace(job, base_work_dir=base), "/bin/sh", "sandbox").base == b""
    assert isolation(replace(job, base_work_dir=Path("/srv/app")), "/bin/sh", "sandbox").base == b"/srv/app"


def test_no_home_and_no_root_is_ever_seen(job):
    for level in ("sandbox", "landlock"):
        seen = places(isolation(job, "/bin/sh", level))
        assert not seen & {"/", "/home", "/root", "/etc", "/proc", "/sys", "/var", "/run", "/tmp", str(Path.home())}


def test_a_device_is_seen_where_it_is_named_and_there(job):
    named = replace(job, devices=(Path("/dev/full"), Path("/dev/nothing-of-this-name")))
    found = isolation(named, "/bin/sh", "sandbox")
    assert os.fsencode("/dev/nothing-of-this-name") not in found.devices
    plain = isolation(job, "/bin/sh", "sandbox")
    assert b"/sys/devices" in found.system
    assert b"/sys/devices" not in plain.system
    assert {b"/dev/null", b"/dev/urandom"} <= set(plain.devices)


def test_names_of_hosts_are_looked_up_only_with_a_network(job):
    assert "/etc/resolv.conf" not in places(isolation(job, "/bin/sh", "sandbox"))
    if Path("/etc/resolv.conf").exists():
        assert "/etc/resolv.conf" in places(isolation(replace(job, network="full"), "/bin/sh", "sandbox"))
