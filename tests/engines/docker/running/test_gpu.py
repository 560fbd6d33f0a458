"""GPUs by CDI names, with a made-up device; what is missing where there is none."""

import fcntl
import json
import os
from pathlib import Path

import pytest

from nova_spi.engines.docker.gpu import devices_for, specs
from nova_spi.engines.port import Gpus
from nova_spi.errors import EngineUnavailable

VENDOR = "made-up.nova-spi.test"
FOLDER = Path("/etc/cdi")


def spec(names=("0", "1", "all"), kind=f"{VENDOR}/gpu"):
    def device(name):
        node = {"path": f"/dev/made-up-{name}", "hostPath": "/dev/null", "type": "c", "major": 1, "minor": 3}
        mount = {"hostPath": "/etc/hostname", "containerPath": "/etc/made-up", "options": ["ro", "bind"]}
        edits = {"env": [f"MADE_UP_{name}=yes"], "deviceNodes": [node], "mounts": [mount]}
        return {"name": name, "containerEdits": edits}

    return {"cdiVersion": "0.5.0", "kind": kind, "devices": [device(name) for name in names]}


@pytest.fixture(autouse=True)
def _alone(tmp_path_factory):
    """Engines read one folder of the machine: tests of other workers see what this one writes there."""
    with (tmp_path_factory.getbasetemp().parent / "cdi.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def made_up_gpu():
    if os.geteuid() != 0:
        pytest.skip("only root can write /etc/cdi")
    made = not FOLDER.exists()
    FOLDER.mkdir(exist_ok=True)
    place = FOLDER / "made-up-nova-spi-test.json"
    place.write_text(json.dumps(spec()))
    yield place
    place.unlink()
    if made:
        FOLDER.rmdir()


def test_a_model_gets_the_devices_that_it_asks_for(harbour, made_up_gpu):
    if not harbour.engine.connection.cdi:
        pytest.skip("this engine has no CDI")
    source = (
        "import os;print(os.environ.get('MADE_UP_0'), os.environ.get('MADE_UP_1'));print(*sorted(os.listdir('/dev')))"
    )
    source += ";open('/dev/made-up-0','wb').write(b'x');print(os.path.exists('/etc/made-up'))"
    assert harbour.python(source, gpus=Gpus(1, VENDOR)).exit_code == 0
    words = harbour.text().split()
    assert words[:2] == ["yes", "None"]
    assert "made-up-0" in words
    assert "made-up-1" not in words
    assert words[-1] == "True"


def test_a_vendor_that_is_not_named_is_found(harbour, made_up_gpu):
    if not harbour.engine.connection.cdi or Path("/dev/nvidiactl").exists():
        pytest.skip("this engine has no CDI, or the machine has a GPU")
    harbour.python("import os;print(os.environ.get('MADE_UP_0'), os.environ.get('MADE_UP_1'))", gpus=Gpus(2))
    assert harbour.text().split() == ["yes", "yes"]


def test_more_than_there_are_is_refused(harbour, made_up_gpu):
    with pytest.raises(EngineUnavailable, match="asks for 3"):
        harbour.python("pass", gpus=Gpus(3, VENDOR))


@pytest.mark.parametrize("vendor", ["", "nvidia", "amd", "intel"])
def test_without_a_gpu_one_message_says_what_is_missing(harbour, vendor):
    if any(Path(path).exists() for path in ("/dev/nvidiactl", "/dev/kfd", "/etc/cdi", "/var/run/cdi")):
        pytest.skip("this machine has a GPU")
    with pytest.raises(EngineUnavailable, match="asks for 1") as failed:
        harbour.python("pass", gpus=Gpus(1, vendor))
    assert "CDI spec" in failed.value.why
    assert failed.value.details["gpus"] == 1


def test_no_gpu_is_no_question(connection):
    assert devices_for(connection, None) == devices_for(connection, Gpus(0)) == devices_for(connection, Gpus(0, "x"))


def test_specs_are_read_in_both_spellings_and_damaged_ones_are_none(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(spec(("0", "GPU-1"))))
    (tmp_path / "b.yaml").write_text("cdiVersion: 0.6.0\nkind: nvidia.com/gpu\ndevices:\n- name: '0'\n- name: all\n")
    damaged = [
        "{",
        "[]",
        '{"kind": 1, "devices": {}}',
        '{"kind": "x/gpu", "devices": [1, {"name": ""}]}',
        "[" * 100_000,
    ]
    for number, text in enumerate(damaged):
        (tmp_path / f"c{number}.json").write_text(text)
        (tmp_path / f"d{number}.yaml").write_text(text[:1000])
    (tmp_path / "e.txt").write_text(json.dumps(spec()))
    (tmp_path / "f.json").mkdir()
    assert specs([tmp_path, tmp_path / "nowhere"]) == {
        f"{VENDOR}/gpu": ("0", "GPU-1"),
        "nvidia.com/gpu": ("0", "all"),
    }
