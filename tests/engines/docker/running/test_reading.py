"""What is read of foreign words: frames of a log, control groups, times, statistics."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_spi.engines.docker.attached import Frames
from nova_spi.engines.docker.ending import End, moment, outcome_of
from nova_spi.engines.docker.preparing import number_of
from nova_spi.engines.docker.resources import Cgroup, Meter, StreamedMeter, groups_of, mounts_of, pairs
from nova_spi.engines.port import Limits

MB = 1 << 20


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_frames_give_back_what_was_framed_however_it_is_cut(contents, cuts):
    stream = b"".join(b"\1\0\0\0" + len(each).to_bytes(4, "big") + each for each in contents)
    frames, found = Frames(), b""
    while stream:
        size = cuts[len(stream) % len(cuts)]
        found, stream = found + frames.feed(stream[:size]), stream[size:]
    assert found == b"".join(contents)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_frames_take_any_bytes(data):
    assert len(Frames().feed(data)) <= len(data)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300))
def test_any_text_can_be_read(text):
    assert all(isinstance(value, int) for value in pairs(text).values())
    assert all(path.startswith("/") or not path for path in groups_of(text).values())
    mounts_of(text)
    moment(text)
    assert number_of(text) > 0


def test_groups_of_both_versions():
    text = "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/x\n0::/user.slice\n9:pids:/a/../b\nodd\n"
    assert groups_of(text) == {
        "cpu": "/docker/abc",
        "cpuacct": "/docker/abc",
        "memory": "/docker/abc",
        "name=systemd": "/x",
        "": "/user.slice",
    }


def test_mounts_of_roots_alone():
    text = (
        "33 1 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "34 1 0:30 / /sys/fs/cgroup/me\\040mory rw shared:9 - cgroup cgroup rw,memory\n"
        "35 1 0:31 /docker/abc /elsewhere rw - cgroup cgroup rw,memory\n"
        "36 1 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n37 1 8:1 / / rw - ext4 /dev/vda rw\n"
    )
    found = mounts_of(text)
    assert found["cpuacct"] == "/sys/fs/cgroup/cpu,cpuacct"
    assert found["memory"] == "/sys/fs/cgroup/me mory"
    assert found[""] == "/sys/fs/cgroup/unified"


@pytest.mark.parametrize("version", [1, 2])
def test_a_group_of_each_version_is_sampled(tmp_path, version):
    names = ("memory", "stat", "events", "mark", "cpu")
    texts = {
        1: (
            "100\n",
            "cache 5\ntotal_inactive_file 30\n",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            "120\n",
            "5\n",
        ),
        2: ("100\n", "anon 5\ninactive_file 30\n", "low 0\noom 1\noom_kill 2\n", "120\n", "usage_usec 2500000\n"),
    }
    for name, text in zip(names, texts[version], strict=True):
        (tmp_path / name).write_text(text)
    (tmp_path / "cpu").write_text("2500000000\n" if version == 1 else "usage_usec 2500000\nuser_usec 1\n")
    cgroup = Cgroup({name: tmp_path / name for name in names}, version)
    meter = Meter(cgroup)
    assert meter.sample()
    (tmp_path / "memory").write_text("60\n")
    meter.sample()
    meter.close()
    assert (meter.peak_bytes, meter.mark_bytes, meter.cpu_seconds, meter.killed) == (70, 120, 2.5, True)
    assert cgroup.sample() is None


def test_a_group_that_is_not_there_has_no_samples(tmp_path):
    meter = Meter(Cgroup({"memory": tmp_path / "nowhere"}, 2))
    assert not meter.sample()
    assert meter.peak_bytes is None


def test_a_process_whose_group_does_not_name_the_container_has_none():
    assert Cgroup.of_process(1, "0" * 64) is None
    assert Cgroup.of_process(2**22 + 1, "x") is None


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)), st.integers(0, 999_999_999))
def test_times_with_nanoseconds(when, nanoseconds):
    when = when.replace(microsecond=0, tzinfo=UTC)
    text = f"{when:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}"
    for zone in ("Z", "+00:00"):
        assert moment(text + zone) == pytest.approx(when.timestamp() + nanoseconds / 1e9, abs=1e-5)


def test_never_is_no_time():
    assert moment("0001-01-01T00:00:00Z") is None
    assert moment("2025-01-01T00:00:00") is None


def ended(code, **state):
    return End({"ExitCode": code, "Running": False, **state}, None, 2.0)


def test_a_kill_at_the_limit_is_want_of_memory_also_where_nobody_noticed(tmp_path):
    meter = Meter(Cgroup({}, 1))
    limits = Limits(5.0, memory_bytes=100 * MB)
    meter.mark_bytes = 99 * MB
    assert outcome_of(ended(137), meter, limits).reason == "signalled"
    meter.mark_bytes = 100 * MB
    outcome = outcome_of(ended(137), meter, limits)
    assert (outcome.reason, outcome.peak_memory_bytes) == ("out_of_memory", 100 * MB)
    assert outcome_of(ended(1), meter, limits).reason == "exited"
    assert outcome_of(ended(0, OOMKilled=True), None, limits).reason == "out_of_memory"


def test_a_status_above_128_is_a_signal_where_there_is_such_a_signal():
    found = {code: outcome_of(ended(code), None, Limits(5.0)) for code in (0, 1, 128, 139, 153, 250)}
    assert {code: each.reason for code, each in found.items()} == {
        0: "exited",
        1: "exited",
        128: "exited",
        139: "signalled",
        153: "out_of_disk",
        250: "exited",
    }
    assert (found[139].signal, found[139].exit_code, found[250].exit_code) == (11, None, 250)


def test_the_time_is_the_engines_unless_it_cannot_be():
    day = "2025-01-01T00:00:"
    said = ended(0, StartedAt=day + "01.5Z", FinishedAt=day + "03.0Z")
    assert outcome_of(said, None, Limits(5.0)).wall_seconds == 1.5
    for started, finished in (("03.0Z", "01.0Z"), ("01.0Z", "59.0Z"), ("x", "01Z")):
        wrong = ended(0, StartedAt=day + started, FinishedAt=day + finished)
        assert outcome_of(wrong, None, Limits(5.0)).wall_seconds == 2.0


def test_where_the_control_group_cannot_be_seen_the_engines_statistics_count(harbour):
    source = "import time\nx = bytearray(50_000_000)\nt = time.monotonic()\nwhile time.monotonic() < t + 60: pass"
    name = f"nova-spi-{harbour.id}"
    meter = StreamedMeter()
    harbour.api.create_container(
        harbour.environment.image.config,
        ["-c", source],
        entrypoint=["/opt/model/bin/python"],
        name=name,
        use_config_proxy=False,
    )
    try:
        harbour.api.start(name)
        seen = []

        def until_enough():
            for each in harbour.api.stats(name, stream=True, decode=True):
                seen.append(json.dumps(each))
                yield each
                if (meter.peak_bytes or 0) > 50_000_000 or len(seen) > 60:
                    return

        meter.follow(until_enough)
        assert meter.peak_bytes > 50_000_000
        assert meter.cpu_seconds > 0
        assert not meter.sample()
        assert meter.due > time.monotonic() + 1e9
        meter.close()
    finally:
        harbour.api.remove_container(name, force=True)


def test_the_reaper_and_its_half_of_the_package_need_nothing_else():
    source = Path(__import__("nova_spi.engines.docker.reaper", fromlist=["x"]).__file__).read_text()
    imports = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imports == {"os", "socket", "sys", "time"}
