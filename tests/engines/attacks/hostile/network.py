"""The network, and the sockets of other programs."""

# Calls to the kernel, as they are and not as pathlib would make them.
# ruff: noqa: PTH123

import contextlib
import socket

from hostile.attempt import FACTS, attack

NETLINK_ROUTE = 0
AF_VSOCK = 40
TCP_FAST_OPEN, MPTCP = 0x20000000, 262


def _talk(made, address):
    made.settimeout(1)
    made.connect(address)
    if made.type & socket.SOCK_DGRAM:
        made.send(b"x")
    assert made.recv(9) == b"hello"


@attack("network")
def talk_tcp():
    _talk(socket.socket(), ("127.0.0.1", FACTS["tcp"]))


@attack("network")
def talk_tcp_by_another_protocol():
    _talk(socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP), ("127.0.0.1", FACTS["tcp"]))


@attack("network")
def talk_tcp_without_a_connection_of_its_own():
    made = socket.socket()
    made.setblocking(False)
    with contextlib.suppress(BlockingIOError):  # it is on its way
        made.sendto(b"x", TCP_FAST_OPEN, ("127.0.0.1", FACTS["tcp"]))
    made.settimeout(1)
    assert made.recv(9) == b"hello"


@attack("network")
def talk_tcp_by_version_six():
    _talk(socket.socket(socket.AF_INET6), ("::ffff:127.0.0.1", FACTS["tcp"]))


@attack("network")
def talk_udp():
    _talk(socket.socket(type=socket.SOCK_DGRAM), ("127.0.0.1", FACTS["udp"]))


@attack("network")
def talk_to_an_abstract_socket():
    _talk(socket.socket(socket.AF_UNIX), FACTS["abstract"])


@attack("network")
def talk_to_a_socket_with_a_path():
    _talk(socket.socket(socket.AF_UNIX), FACTS["path"])


@attack("network")
def send_a_datagram_to_a_path():
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", FACTS["datagrams"])


@attack("network")
def send_a_datagram_by_one_of_a_pair():
    made, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.sendto(b"x", FACTS["datagrams"])


@attack("network")
def send_a_raw_datagram_by_one_of_a_pair():
    made, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_RAW)
    made.sendto(b"x", FACTS["datagrams"])


@attack("network")
def see_the_machines_interfaces():
    assert {name for _, name in socket.if_nameindex()} & set(FACTS["interfaces"]), "none of the machine's"


@attack("network")
def see_the_machines_sockets():
    with open("/proc/net/tcp") as file:
        assert f"{FACTS['tcp']:04X}" in file.read(), "none of the machine's"


@attack("network")
def make_a_raw_socket():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


@attack("network")
def listen_to_every_packet():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)


@attack("network")
def talk_to_the_hypervisor():
    socket.socket(AF_VSOCK, socket.SOCK_STREAM)


@attack("network")
def take_part_in_the_machines_network():
    """Netlink, and what it tells is the machine's."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
    made.settimeout(1)
    made.send(b"\x11\0\0\0\x12\0\x01\x03\0\0\0\0\0\0\0\0\0")
    said = made.recv(65536)
    assert any(name.encode() + b"\0" in said for name in FACTS["interfaces"]), "none of the machine's"
