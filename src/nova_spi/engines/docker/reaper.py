"""The program that removes a container whose nova-spi has been killed. Started with ``-I -S``; standard library only.

It reads its standard input, which ends when nova-spi does, whatever ends that. Where nothing was said before, it asks
the engine to remove the container, and goes on asking: the request that creates it may still be on its way, and a
daemon that has died may be started again.

    python -I -S reaper.py SOCKET CONTAINER
"""

import os
import socket
import sys
import time

SAFE = b"0"
"""Said where the container is gone already."""
GONE_SECONDS = 10.0
"""A container that has not been there for so long will not come any more."""
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.2
TIMEOUT_SECONDS = 15.0


def main(path: str, name: str) -> None:
    """Waits, and removes the container where nobody else has."""
    if os.read(0, 1) != SAFE:
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE_SECONDS:
            status = remove(path, name)
            if status in (200, 204) or (status == 404 and time.monotonic() > began + GONE_SECONDS):
                return
            time.sleep(PAUSE_SECONDS)


def remove(path: str, name: str) -> int:
    """One request; its status, 0 where the engine does not answer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            connection.connect(path)
            request = f"DELETE /containers/{name}?force=1&v=1 HTTP/1.0\r\nHost: localhost\r\n\r\n"
            connection.sendall(request.encode("ascii"))
            return int(connection.recv(64).split()[1])
    except (OSError, ValueError, IndexError):
        return 0


if __name__ == "__main__":
    if os.fork() == 0:  # nobody has to wait for it: its parent may be long gone, or have forgotten it
        os.setsid()
        main(sys.argv[1], sys.argv[2])
