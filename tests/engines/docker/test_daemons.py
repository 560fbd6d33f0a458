import os
import signal
from pathlib import Path

import pytest

from bench import remains
from bench.daemons import DaemonMissing, docker_daemon, podman_service, process_of
from nova_spi.engines.docker.connecting import connect
from nova_spi.engines.docker.loading import ensure_loaded

pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.usefixtures("sockets_collected")]


@pytest.fixture(params=[docker_daemon, podman_service])
def start(request):
    """Each engine, where the machine has it."""
    request.getfixturevalue("docker_host" if request.param is docker_daemon else "podman_host")
    return request.param


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_nothing_of_a_daemon_stays(start, killed, tmp_path, kit, layout, shell_files, heard):
    folder, image = tmp_path / "own", None
    image = kit.make_image(layout, kit.tar_of(shell_files), name=kit.fresh_name())
    with start(folder) as address, connect(address) as connection:
        short = Path(address.removeprefix("unix://")).parent
        ensure_loaded(connection, image, heard)
        container = connection.client.containers.run(
            image.config, ["/bin/sh", "-c", "read x"], stdin_open=True, detach=True, network_mode="none"
        )
        container.reload()
        inside = container.attrs["State"]["Pid"]
        bridge = ""
        if start is docker_daemon:
            network = connection.client.networks.create("own", internal=True)
            bridge = f"br-{network.id[:12]}"
            assert Path("/sys/class/net", bridge).exists()
        groups = _cgroups_of(inside)
        assert remains.processes(folder, short)
        assert remains.mounts(folder, short)
        if killed:
            os.kill(process_of(address), signal.SIGKILL)
    assert remains.processes(folder, short) == []
    assert remains.mounts(folder, short) == []
    assert not remains.runs(inside)
    assert not bridge or not Path("/sys/class/net", bridge).exists()
    assert [group for group in groups if group.exists()] == []
    assert not short.exists()
    assert [path.name for path in folder.iterdir() if path.is_dir()] == []


def _cgroups_of(pid: int) -> list[Path]:
    """The cgroups that were made for one process, on whatever hierarchy."""
    found = []
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, place = line.split(":", 2)
        kind = names.removeprefix("name=") or "unified"
        for root in (f"/sys/fs/cgroup/{kind}{place}", f"/sys/fs/cgroup{place}"):
            if place.count("/") > 1 and Path(root).is_dir():
                found.append(Path(root))
    return found


def test_only_root_can_start_one(tmp_path):
    if os.geteuid() != 0:
        with pytest.raises(DaemonMissing, match="root"), docker_daemon(tmp_path / "own"):
            pass
        return
    os.seteuid(65534)
    try:
        for start in (docker_daemon, podman_service):
            with pytest.raises(DaemonMissing, match="root"), start(tmp_path / "own"):
                pass
    finally:
        os.seteuid(0)


def test_sweeping_refuses_a_folder_that_was_not_made_for_a_daemon(tmp_path):
    with pytest.raises(ValueError, match="not made for a daemon"):
        remains.sweep(tmp_path, Path("/tmp"))
    assert tmp_path.exists()
