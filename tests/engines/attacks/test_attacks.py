"""Each attack at each place: it ends as the engine's report says, no better and no worse."""

import importlib

import pytest
from grounds import MODULES, Unavailable
from hostile import attempt

for module in MODULES:
    importlib.import_module(f"hostile.{module}")
ATTACKS = {found.name: found for module in MODULES for found in attempt.of(module)}
DEPENDING = {
    "be_the_last_to_be_killed",
    "become_root",
    "enter_a_namespace_of_the_first_process",
    "have_a_protocol_loaded",
    "load_a_module",
    "load_another_kernel",
    "make_a_node_of_the_disk",
    "make_a_node_of_the_kernels_memory",
    "open_the_machines_memory",
    "press_a_key_of_the_kernel",
    "raise_a_hard_limit",
    "read_the_disk",
    "read_the_kernels_log",
    "read_the_kernels_log_by_its_device",
    "read_through_the_folder_of_the_supervisor",
    "read_through_the_root_of_the_first_process",
    "set_the_clock",
    "use_calls_of_x32",
    "use_the_kernels_cryptography",
    "use_the_ports_of_the_machine",
    "write_below_sys",
}
"""Attacks that some kernels and some containers hinder themselves, root's too."""


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_as_the_report_says(request, ground, controls, name):
    attack = ATTACKS[name]
    if ground.level == "container" and attack.unbound and attack.row == "processes":
        pytest.skip("its parent is the container's own first process")
    end, how = ground.ends[name]
    alone, _ = controls[ground.who].ends[name]
    row = ground.rows.get(attack.row)
    assert end != "broken", how
    if row is None or row["by"].startswith("nothing"):
        assert attack.unbound or end == alone, f"{end}: {how}; {alone} without any engine, and the report is {row}"
    elif end == "open":
        assert attack.admitted.get(ground.level, "never") in row["by"], f"{how}; the report is {row}"
        assert not row["hard"], row
    else:
        assert ground.level not in attack.admitted or alone == "blocked", f"{how}; the report understates: {row}"


def test_whoever_is_protected_is_unharmed(ground):
    assert ground.ends
    if ground.level == "process":
        assert ground.victim.harm()
    else:
        assert ground.victim.harm() == {}


def test_no_file_is_left_that_runs_with_its_owners_rights(ground):
    assert ground.ends
    if ground.level == "process":
        pytest.skip("nothing protects here")
    modes = {path.name: path.lstat().st_mode for path in ground.work.rglob("*")}
    assert {name for name, mode in modes.items() if mode & 0o6000} == set()


def test_every_attack_gets_through_where_no_engine_is(controls):
    """Else it would show nothing that it is blocked."""
    try:
        ends = [controls[who].ends for who in ("root", "user")]
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert {name for name in ATTACKS if all(found[name][0] != "open" for found in ends)} <= DEPENDING
