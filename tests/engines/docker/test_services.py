import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.engines.docker.flags import Flags
from nova_spi.engines.docker.owning import User
from nova_spi.engines.docker.seccomp import profile
from nova_spi.engines.docker.service_starting import (
    Health,
    Port,
    Restarting,
    Staying,
    docker_staying,
    podman_staying,
)
from nova_spi.engines.docker.service_stats import use_of
from nova_spi.engines.docker.services import Service, must_run, service_of
from nova_spi.engines.port import Job, Limits
from nova_spi.errors import UsageError

SERVICE = Service("a" * 64, "it", "service", "p", "m:1", "image", "running")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def flags(tmp_path) -> Flags:
    job = Job(("python", "serve.py"), tmp_path, Path("/app"), {"A": "1"}, tmp_path / "log", Limits(60, 1.5, 1 << 28))
    return Flags("it", "sha256:1", job, User("1000:1000"), "none", labels={"dev.nova-spi.kind": "service"})


STAYING = Staying(
    Restarting("on-failure", 3),
    Health(("python", "-m", "nova_spi_runtime.health"), 30, 5, 4),
    (Port(80, 8080), Port(53, 0, "::1", "udp")),
)


def test_a_container_that_stays_is_as_hardened_as_a_runs(flags):
    host = docker_staying(flags, STAYING)["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges", f"seccomp={profile()}"]
    assert host["Memory"] == host["MemorySwap"] == 1 << 28
    assert host["PidsLimit"] > 0
    body = podman_staying(flags, STAYING, health=True)
    assert (body["read_only_filesystem"], body["cap_drop"], body["no_new_privileges"]) == (True, ["ALL"], True)
    assert body["resource_limits"]["memory"] == {"limit": 1 << 28, "swap": 1 << 28}


def test_debuggers_work_where_somebody_develops_and_an_engine_without_filters_gets_none(flags):
    host = docker_staying(replace(flags, tracing=True), Staying())["HostConfig"]
    assert host["SecurityOpt"] == ["no-new-privileges", f"seccomp={profile(tracing=True)}"]
    host = docker_staying(replace(flags, filtered=False), Staying())["HostConfig"]
    assert host["SecurityOpt"] == ["no-new-privileges"]


def test_docker_is_told_of_restarts_health_and_ports(flags):
    body = docker_staying(flags, STAYING)
    assert body["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert body["HostConfig"]["PortBindings"] == {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "::1", "HostPort": "0"}],
    }
    assert body["Healthcheck"] == {
        "Test": ["CMD", "python", "-m", "nova_spi_runtime.health"],
        "Interval": 30 * 10**9,
        "Timeout": 15 * 10**9,
        "Retries": 4,
    }
    assert body["HostConfig"]["LogConfig"]["Type"] == "json-file"
    assert docker_staying(flags, Staying())["Healthcheck"] == {"Test": ["NONE"]}


def test_podman_is_told_the_same_in_its_words_and_of_no_check_that_would_keep_it_from_starting(flags):
    body = podman_staying(flags, STAYING, health=True)
    assert (body["restart_policy"], body["restart_tries"]) == ("on-failure", 3)
    assert body["portmappings"][0] == {
        "host_ip": "127.0.0.1",
        "host_port": 8080,
        "container_port": 80,
        "protocol": "tcp",
    }
    assert body["healthconfig"]["Retries"] == 4
    assert "healthconfig" not in podman_staying(flags, STAYING, health=False)
    assert "restart_tries" not in podman_staying(flags, Staying(Restarting("always")), health=True)


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("8080:80", Port(80, 8080)),
        ("80", Port(80, 0)),
        ("0.0.0.0:8080:80", Port(80, 8080, "0.0.0.0")),
        ("53:53/udp", Port(53, 53, protocol="udp")),
        ("[::1]:8080:80", Port(80, 8080, "::1")),
    ],
)
def test_a_port_is_read_as_docker_reads_it_but_on_the_loopback(text, port):
    assert Port.parse(text) == port


@pytest.mark.parametrize(
    "text",
    ["", ":", "a:b", "80:0", "0", "65536:80", "80:65536", "1:2:3", "h:1:2", "1:2:3:4", "80/sctp", "-1:80", "[::1:80"],
)
def test_what_is_no_port_is_refused(text):
    with pytest.raises(UsageError):
        Port.parse(text)


@given(st.text(max_size=30))
@settings(max_examples=100)
def test_any_text_is_a_port_or_a_clear_error(text):
    try:
        port = Port.parse(text)
    except UsageError:
        return
    assert 0 < port.inside < 65536
    assert 0 <= port.outside < 65536


@given(st.integers(1, 65535), st.integers(0, 65535), st.sampled_from(["tcp", "udp"]))
@settings(max_examples=50)
def test_every_pair_of_ports_is_read(inside, outside, protocol):
    assert Port.parse(f"{outside}:{inside}/{protocol}") == Port(inside, outside, protocol=protocol)


def test_an_engines_words_become_a_service():
    found = service_of(
        {
            "Id": "f" * 64,
            "Name": "/it",
            "Created": "2026-01-01T00:00:00Z",
            "RestartCount": 2,
            "Config": {
                "Image": "sha256:1",
                "Labels": {"dev.nova-spi.kind": "development", "dev.nova-spi.image": "i:1"},
            },
            "State": {
                "Status": "running",
                "Running": True,
                "StartedAt": "2026-01-01T00:00:01Z",
                "Pid": 7,
                "ExitCode": 0,
            },
            "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "81/tcp": None}},
        }
    )
    assert (found.name, found.kind, found.image, found.restarts) == ("it", "development", "i:1", 2)
    assert (found.running, found.exit_code, found.ports) == (True, None, ("127.0.0.1:8080->80/tcp",))
    assert json.dumps(found.to_dict())


def test_a_container_that_never_ran_has_no_start_and_no_status():
    found = service_of({"State": {"Status": "created", "StartedAt": "0001-01-01T00:00:00Z", "ExitCode": 0}})
    assert (found.started, found.exit_code, found.running, found.kind) == ("", None, False, "run")


def test_one_that_has_ended_says_how():
    state = {"Status": "exited", "StartedAt": "2026-01-01T00:00:01Z", "ExitCode": 137, "OOMKilled": True}
    found = service_of({"Name": "/it", "State": state})
    assert (found.exit_code, found.out_of_memory) == (137, True)
    with pytest.raises(UsageError, match="is not running"):
        must_run(found)


LOOK = {
    "cpu_stats": {"cpu_usage": {"total_usage": 3 * 10**9}},
    "memory_stats": {"usage": 5000, "limit": 10**6, "stats": {"inactive_file": 1000}},
    "pids_stats": {"current": 4},
    "networks": {"eth0": {"rx_bytes": 10, "tx_bytes": 20}, "eth1": {"rx_bytes": 1, "tx_bytes": 2}},
    "blkio_stats": {"io_service_bytes_recursive": [{"op": "Read", "value": 7}, {"op": "write", "value": 8}]},
    "clock": 12.0,
}


def test_two_looks_say_what_is_used():
    before = {"cpu_stats": {"cpu_usage": {"total_usage": 1 * 10**9}}, "clock": 10.0}
    use = use_of(SERVICE, before, LOOK)
    assert use.cpu_percent == 100.0
    assert (use.memory_bytes, use.memory_limit_bytes, use.processes) == (4000, 10**6, 4)
    assert (use.network_in_bytes, use.network_out_bytes) == (11, 22)
    assert (use.disk_read_bytes, use.disk_written_bytes) == (7, 8)


def test_one_look_alone_says_nothing_of_the_processor():
    assert use_of(SERVICE, {}, LOOK).cpu_percent == 0.0


def test_a_limit_of_all_the_machines_memory_is_none():
    assert use_of(SERVICE, {}, LOOK | {"memory_stats": {"usage": 1, "limit": 1 << 62}}).memory_limit_bytes is None


@given(st.dictionaries(st.sampled_from([*LOOK, "x"]), JSON, max_size=6))
@settings(max_examples=100)
def test_whatever_an_engine_says_of_use_is_numbers(look):
    look["clock"] = 2.0
    assert json.dumps(use_of(SERVICE, LOOK | {"clock": 1.0}, look).to_dict())
