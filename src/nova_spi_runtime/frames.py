"""The wire between a worker and its supervisor: frames of JSON over a unix stream socket.

A frame is a header of nine bytes, big-endian, and a payload::

    u32  length of the payload in bytes
    u8   kind, a letter
    u32  number of the call that it belongs to; 0 is the worker itself
    ...  payload: one JSON value in UTF-8, or nothing

A worker has two sockets and a pipe. What it calls *calls* is named by ``SPI_WORKER``: the number of a descriptor that
it inherits, or the absolute path of a socket to connect to. The first byte that comes there is `HAND_OVER`, and with it
two descriptors (``SCM_RIGHTS``): *control*, a socket on which the supervisor alone speaks, and *log*, a pipe that
becomes standard output and error. After that only frames come. The end of *calls* means that the supervisor is gone.

From the supervisor, on *calls*:

=====  ==============================================================================================================
``C``  one call: {id, command, inputs, files, stream, timeout_seconds}. ``inputs`` are the values that are no files, as
       JSON has them, checked already; ``files`` the absolute paths of the file inputs by name; with ``stream`` the
       pieces of a generator are sent as they come
``B``  several calls of one command, taken together: {command, calls: [as above, without command and stream]}
``H``  is the model well?
=====  ==============================================================================================================

On *control*: ``X``, end the call of this number, if it is still going on.

From the worker, on *calls*:

=====  ==============================================================================================================
``A``  it is ready: {protocol, pid, python, setup_seconds, batch: [commands that take several calls together]}
``P``  a piece of a stream: {output: value}
``G``  progress: {fraction: 0 to 1 or null, message}
``R``  the result: {output: value}; a file output is a list of paths below ``calls/NUMBER`` of the work folder
``S``  the results of several calls, in their order: [{outputs} or {error}]; paths are below ``calls/NUMBER/INDEX``
``E``  it failed: {code, message, problems, traceback}; of call 0, the model could not be loaded
``W``  the answer to ``H``: {ok, message}
=====  ==============================================================================================================

After ``R``, ``S`` or ``E`` of a call nothing more comes of it. What the model wrote before that is in the pipe by then.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from typing import Optional

PROTOCOL = 1
VARIABLE = "SPI_WORKER"
HAND_OVER = b"F"
CALL, BATCH, HEALTH, CANCEL = b"C", b"B", b"H", b"X"
READY, PIECE, PROGRESS, RESULT, RESULTS, ERROR, WELL = b"A", b"P", b"G", b"R", b"S", b"E", b"W"
HEADER = struct.Struct(">IcI")
MAX_PAYLOAD = 256 * 1024 * 1024
"""Bytes. What is larger goes by file."""
_COPIED = 64 * 1024
_AHEAD = 16 * 1024


class FrameInvalid(Exception):
    """What came is no frame, or one that is too large."""


def pack(kind: bytes, number: int, payload: bytes = b"") -> bytes:
    """A frame's bytes.

    Raises:
        FrameInvalid: The payload is over `MAX_PAYLOAD`.
    """
    if len(payload) > MAX_PAYLOAD:
        raise FrameInvalid(f"A frame of {len(payload)} bytes is over {MAX_PAYLOAD}.")
    return HEADER.pack(len(payload), kind, number) + payload


def send(connection: socket, kind: bytes, number: int, payload: bytes = b"") -> None:
    """Send a frame whole; a large payload is not copied for it.

    Raises:
        FrameInvalid: The payload is over `MAX_PAYLOAD`; nothing was sent.
        OSError: The connection is broken.
    """
    if len(payload) <= _COPIED:
        connection.sendall(pack(kind, number, payload))
        return
    if len(payload) > MAX_PAYLOAD:
        raise FrameInvalid(f"A frame of {len(payload)} bytes is over {MAX_PAYLOAD}.")
    connection.sendall(HEADER.pack(len(payload), kind, number))
    connection.sendall(payload)


def receive(connection: socket) -> Optional[tuple[bytes, int, bytes]]:
    """Wait for one frame: its kind, number and payload; None where the other side has closed.

    Raises:
        FrameInvalid: It is too large, or the stream ends inside of it.
        OSError: The connection is broken.
    """
    head = _exactly(connection, HEADER.size)
    if not head:
        return None
    length, kind, number = HEADER.unpack(head)
    if length > MAX_PAYLOAD:
        raise FrameInvalid(f"A frame of {length} bytes is over {MAX_PAYLOAD}.")
    payload = _exactly(connection, length) if length else b""
    if len(payload) < length:
        raise FrameInvalid("The stream ends inside a frame.")
    return kind, number, payload


class Reader:
    """Reads frame after frame from one connection, with one system call for a small one."""

    def __init__(self, connection: socket) -> None:
        self._connection = connection
        self._rest = b""

    @property
    def ahead(self) -> bool:
        """Whether a part of the next frame is here already, so that nobody may wait for it at the connection."""
        return bool(self._rest)

    def receive(self) -> Optional[tuple[bytes, int, bytes]]:
        """As `receive`."""
        found = self._rest or self._connection.recv(_AHEAD)
        self._rest = b""
        if not found:
            return None
        if len(found) < HEADER.size:
            found += self._more(HEADER.size - len(found))
        length, kind, number = HEADER.unpack_from(found)
        if length > MAX_PAYLOAD:
            raise FrameInvalid(f"A frame of {length} bytes is over {MAX_PAYLOAD}.")
        end = HEADER.size + length
        if len(found) > end:
            self._rest = found[end:]
        elif len(found) < end:
            return kind, number, found[HEADER.size :] + self._more(end - len(found))
        return kind, number, found[HEADER.size : end]

    def _more(self, count: int) -> bytes:
        found = _exactly(self._connection, count)
        if not found:
            raise FrameInvalid("The stream ends inside a frame.")
        return found


def _exactly(connection: socket, count: int) -> bytes:
    """So many bytes; none where nothing comes any more."""
    found = connection.recv(min(count, 1 << 20))
    if len(found) == count or not found:
        return found
    pieces, missing = [found], count - len(found)
    while missing:
        piece = connection.recv(min(missing, 1 << 20))
        if not piece:
            raise FrameInvalid("The stream ends inside a frame.")
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
