"""What a container reaches, against a server of the test's own."""

import socket
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest

from nova_spi.engines.docker.networks import EGRESS, remove_egress
from nova_spi.engines.port import Limits
from nova_spi.errors import EngineUnavailable

CONNECT = """
import socket, sys
for place in sys.argv[1:]:
    host, port = place.rsplit(':', 1)
    try:
        socket.create_connection((host, int(port)), 2).close()
        print('reached')
    except OSError as e:
        print('no')
"""


@contextmanager
def server(address):
    """Takes connections on one address; yields its port."""
    with socket.socket() as listening:
        listening.bind((address, 0))
        listening.listen()
        listening.settimeout(0.1)
        over = threading.Event()

        def take():
            while not over.is_set():
                try:
                    listening.accept()[0].close()
                except TimeoutError:
                    continue

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            thread.join()


@pytest.fixture
def egress(harbour):
    """Skips where this machine's engine cannot make a network, and removes it."""
    try:
        harbour.python("print('ok')", network="egress")
        harbour.log.unlink()
        yield harbour
    except EngineUnavailable as error:
        pytest.skip(f"no network can be made here: {error.why[-200:]}")
    finally:
        remove_egress(harbour.engine.connection)


def network_row(harbour, network):
    return next(row for row in harbour.engine.protection(Limits(5.0), network) if row.what == "network")


def test_none_has_nothing_but_loopback_of_its_own(harbour):
    with server("127.0.0.1") as port, server("0.0.0.0") as open_port:
        source = "import os;print(*os.listdir('/sys/class/net'));" + CONNECT
        here = socket.gethostbyname(socket.gethostname())
        harbour.python(source, f"127.0.0.1:{port}", f"{here}:{open_port}")
    assert harbour.text().split() == ["lo", "no", "no"]
    assert network_row(harbour, "none").hard


def test_loopback_of_its_own_works(harbour):
    source = (
        "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n"
        "socket.create_connection(s.getsockname()).close()\nprint('talks')"
    )
    harbour.python(source)
    assert harbour.text() == "talks\n"


def test_abstract_sockets_of_the_machine_are_out_of_reach(harbour):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0nova-spi-{harbour.id}")
        listening.listen()
        source = f"import socket\ntry: socket.socket(1).connect('\\0nova-spi-{harbour.id}');print('in')\n"
        source += "except OSError: print('no')"
        harbour.python(source)
    assert harbour.text() == "no\n"


def test_egress_has_a_way_out_but_not_to_the_machines_loopback(egress):
    source = (
        "import os\nnames = sorted(os.listdir('/sys/class/net'))\nprint(len(names) > 1)\n"
        "print(any(line.split()[1] == '00000000' for line in open('/proc/net/route').read().splitlines()[1:]))\n"
    ) + CONNECT
    with server("127.0.0.1") as port:
        egress.python(source, f"127.0.0.1:{port}", network="egress")
    assert egress.text().split() == ["True", "True", "no"]
    row = network_row(egress, "egress")
    assert not row.hard
    assert EGRESS in row.by


def test_the_machines_own_address_is_within_reach_as_the_report_says(egress):
    gateway = (
        "import socket,struct,sys\n"
        "lines = (line.split() for line in open('/proc/net/route').read().splitlines()[1:])\n"
        "line = next(words for words in lines if words[1] == '00000000')\n"
        "gateway = socket.inet_ntoa(struct.pack('<L', int(line[2], 16)))\nsys.argv[1] = gateway + sys.argv[1]\n"
    )
    with server("0.0.0.0") as port:
        egress.python(gateway + CONNECT, f":{port}", network="egress")
    assert egress.text().split() == ["reached"]
    assert "its own too" in network_row(egress, "egress").by


def test_the_network_for_egress_is_ours_and_kept(egress):
    found = [each for each in egress.api.networks(names=[EGRESS]) if each["Name"] == EGRESS]
    assert len(found) == 1
    assert found[0]["Labels"] == {"dev.nova-spi.network": "egress"}
    assert not found[0]["Internal"]
    if not egress.is_podman:
        assert found[0]["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    egress.python("pass", network="egress")
    assert [each["Id"] for each in egress.api.networks(names=[EGRESS])] == [found[0]["Id"]]
    assert ("they reach each other" in network_row(egress, "egress").by) == egress.is_podman


def test_nothing_is_published(egress):
    seen = []

    class Looking:
        def log(self, chunk):
            seen.append(egress.api.inspect_container(f"nova-spi-{egress.id}")["HostConfig"].get("PortBindings"))

    egress.run(egress.job("import time;print('x', flush=True);time.sleep(0.5)", network="egress"), Looking())
    assert seen in ([{}], [None])


def test_runs_that_make_the_network_at_once_make_one(harbour, egress):
    remove_egress(harbour.engine.connection)
    codes = []

    def one(number):
        job = replace(harbour.job("pass", network="egress"), log=harbour.folder / f"log{number}", labels={})
        codes.append(harbour.run(job).exit_code)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert codes == [0, 0, 0]
    assert len([each for each in harbour.api.networks(names=[EGRESS]) if each["Name"] == EGRESS]) == 1


def test_full_is_the_engines_default_and_called_open(harbour):
    try:
        harbour.python("pass", network="full")
    except EngineUnavailable as error:
        pytest.skip(f"this engine has no default network: {error.why[-200:]}")
    assert not network_row(harbour, "full").hard
