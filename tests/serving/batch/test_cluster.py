"""Two real nodes of Ray on this machine's loopback, each with processes of its own; one is killed in the middle.

Everything of Ray is in processes of its own, so that what it prints and warns of is not this session's.
"""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra 'ray' is not installed")

CLUSTER = """
import sys
from ray.cluster_utils import Cluster

small = dict(num_cpus=1, memory=2 << 30, object_store_memory=100 << 20)
cluster = Cluster(
    initialize_head=True, head_node_args=small | dict(include_dashboard=False, node_ip_address="127.0.0.2")
)
node = None
try:
    for line in sys.stdin:
        if line == "add\\n" and node is None:
            node = cluster.add_node(**small, node_ip_address="127.0.0.3")
        if line == "kill\\n":
            cluster.remove_node(node, allow_graceful=False)
            node = None
        print(cluster.address, flush=True)
finally:
    cluster.shutdown()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, shared_cache):
    """A cluster with a head; ``add`` and ``kill`` make and end its second node. Gives its address."""
    data = tmp_path_factory.mktemp("nodes")
    environment = os.environ | {
        "RAY_USAGE_STATS_ENABLED": "0",
        "NOVA_SPI_CACHE_DIR": str(shared_cache),
        "NOVA_SPI_DATA_DIR": str(data),
        "NOVA_SPI_ENGINE": "process",
        "HOME": str(data),
    }
    with (data / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-c", CLUSTER], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )

    def tell(word):
        child.stdin.write(f"{word}\n".encode())
        child.stdin.flush()
        said = child.stdout.readline().decode().strip()
        assert said, (data / "log").read_text()
        return said

    try:
        yield tell
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(60)


@pytest.fixture
def batch_on(cluster, project, isolated_environment, tmp_path):
    """Starts a batch on the cluster, in a process of its own."""

    def batch_on(inputs, *words, address=None):
        command = [sys.executable, "-m", "nova_spi", "batch", str(project), "--inputs", str(inputs), "--engine", "ray"]
        command += ["--output", str(tmp_path / "results"), "--address", address or cluster("where"), *words]
        return subprocess.Popen(
            command,
            env=isolated_environment | {"RAY_USAGE_STATS_ENABLED": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )

    return batch_on


def end(child, seconds=200):
    out, err = child.communicate(timeout=seconds)
    return child.returncode, out, err


@pytest.mark.slow
def test_a_batch_runs_where_there_is_room_and_files_come_and_go(cluster, batch_on, lines, results, tmp_path):
    cluster("add")
    (tmp_path / "small.txt").write_text("one\ntwo")
    (tmp_path / "large.txt").write_text("x" * 200_000 + "\nend")
    place = lines(
        {"page": "small.txt"}, {"page": "large.txt", "mark": "+"}, {"page": "none.txt"}, {"page": "small.txt"}
    )
    status, out, err = end(batch_on(place, "--command", "draw", "--output-format", "json"))
    assert status == 1, err
    told = json.loads(out)
    assert (told["counts"]["succeeded"], told["counts"]["failed"]) == (3, 1)
    assert (told["engine"]["name"], told["engine"]["on"]) == ("ray", "process")
    texts = [
        [(tmp_path / "results" / page).read_text() for page in one["outputs"]["pages"]] if "outputs" in one else None
        for one in results()
    ]
    assert texts == [["-one", "-two"], ["+" + "x" * 200_000, "+end"], None, ["-one", "-two"]]
    assert not (tmp_path / "results" / ".coming").exists()


@pytest.mark.slow
def test_a_node_that_dies_loses_no_item_and_doubles_none(cluster, batch_on, lines, results, tmp_path, project):
    cluster("add")
    manifest = project / "manifest.yml"
    manifest.write_text(manifest.read_text().replace("cpu: 0.25", "cpu: 0.6"))  # one worker a node
    place = lines(*({"text": "slow", "custom_id": str(number)} for number in range(80)))
    child = batch_on(place, "--workers", "2", "--output-format", "json")
    written = tmp_path / "results" / "results.jsonl"
    waited = time.monotonic() + 120
    while time.monotonic() < waited and child.poll() is None:
        if written.exists() and written.read_bytes().count(b"\n") >= 20:
            break
        time.sleep(0.1)
    cluster("kill")
    status, out, err = end(child)
    assert status == 0, err
    assert "A worker of the cluster was lost" in err
    assert json.loads(out)["counts"] == {"total": 80, "succeeded": 80, "failed": 0, "left": 0}
    assert [one["custom_id"] for one in results()] == [str(number) for number in range(80)]


@pytest.mark.slow
def test_what_the_cluster_has_no_room_for_is_told_at_once(batch_on, lines, project):
    manifest = project / "manifest.yml"
    manifest.write_text(manifest.read_text().replace("cpu: 0.25", "cpu: 64"))
    status, _, err = end(batch_on(lines({"text": "a"})))
    assert status == 3
    assert "No node of the cluster has room for one worker of this model." in err
    assert "It needs CPU 64" in err


@pytest.mark.slow
def test_a_model_that_does_not_load_ends_the_batch(batch_on, lines, project):
    (project / "model.py").write_text("import nothing_of_this_name\n")
    status, _, err = end(batch_on(lines({"text": "a"}), "--workers", "1"))
    assert status == 3, err
    assert "nothing_of_this_name" in err


@pytest.mark.parametrize(
    ("address", "status", "message"),
    [
        ("127.0.0.2:1", 3, "No Ray cluster answers at 127.0.0.2:1"),
        ("ray://127.0.0.2:10001", 2, "An address of Ray Client does not work here"),
        ("nonsense", 2, "nonsense is no address of a Ray cluster"),
    ],
)
def test_an_address_without_a_cluster_is_told_at_once(batch_on, lines, address, status, message):
    code, _, err = end(batch_on(lines({"text": "a"}), address=address))
    assert (code, message in err) == (status, True), err
