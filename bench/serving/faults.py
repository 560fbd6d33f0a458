"""What a server does when the model fails: is the caller told, does the next call work, is health true?

Each fault meets a fresh server. The caller gives up after `GIVE_UP` seconds; a server that has a deadline is set to
`DEADLINE`. After that calls go on for `PATIENCE` seconds, or until one is good.
"""

import re
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from bench.serving.client import Answer
from bench.serving.peers import Peer
from bench.serving.running import TEXT, NotReady, Server, served

FAULTS = ("raise", "exit", "os_exit", "segfault", "endless")
GIVE_UP, DEADLINE, PATIENCE = 15.0, 5, 15.0
REASONS = {
    "raise": rb"the reason of this failure",
    "exit": rb"(?i)exit|status 3|code 3",
    "os_exit": rb"(?i)exit|status 4|code 4|crash|died|terminated|unexpectedly",
    "segfault": rb"(?i)segfault|segmentation|sigsegv|signal|crash|died|terminated|unexpectedly",
    "endless": rb"(?i)timed? ?out|deadline|exceeded",
}
"""What an answer must hold to name the reason; generous, since words differ."""
LOG = b"this was written before the failure"


def table(peer: Peer, bin_: Path) -> dict[str, Any]:
    """Every fault, and what is left when the server itself is killed."""
    found: dict[str, Any] = {}
    for fault in FAULTS:
        try:
            with served(peer, bin_, deadline=DEADLINE) as server:
                found[fault] = _after(server, fault)
        except NotReady as error:
            found[fault] = {"not_started": str(error)}
    for name, busy in (("killed_idle", False), ("killed_busy", True)):
        try:
            with served(peer, bin_, deadline=600) as server:
                found[name] = _killed(server, busy)
        except NotReady as error:
            found[name] = {"not_started": str(error)}
    return found


def _after(server: Server, fault: str) -> dict[str, Any]:
    """One fault and what comes after it."""
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(server.ask(f"fault:{fault}", GIVE_UP, tries=20)))
    asking.start()
    asking.join(1.0)
    meanwhile = server.health() if asking.is_alive() else None
    asking.join()
    answer, since = answers[0], time.perf_counter()
    right_after = server.health()
    first = server.ask(TEXT, PATIENCE)
    works = _is_echo(server, first)
    while not works and time.perf_counter() - since < PATIENCE:
        time.sleep(0.05)
        works = server.good(2.0)
    elapsed = time.perf_counter() - since
    server.family()
    return {
        "status": answer.status,
        "seconds": answer.seconds,
        "told": answer.body[:2000].decode("utf-8", "replace"),
        "reason": bool(re.search(REASONS[fault], answer.body)),
        "log": LOG in answer.body,
        "next_status": first.status,
        "works_after_ms": elapsed * 1000 if works else None,
        "next_call_was_good": _is_echo(server, first),
        "health_meanwhile": meanwhile,
        "health_right_after": right_after,
        "health_at_the_end": server.health(),
    }


def _is_echo(server: Server, answer: Answer) -> bool:
    return answer.status == 200 and server.peer.echo(TEXT).expected in answer.body


def _killed(server: Server, busy: bool) -> dict[str, Any]:
    """The server's own process is killed, with an endless call in its model or without; who is left after 3 seconds?"""
    asking = threading.Thread(target=lambda: server.ask("fault:endless", 6.0, tries=20))
    if busy:
        asking.start()
        time.sleep(1.0)
    server.family()
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    time.sleep(3.0)
    left = [_words(process) for process in server.family()]
    for process in server.family():
        with suppress(psutil.NoSuchProcess):
            process.kill()
    if busy:
        asking.join()
    return {"left": len(left), "processes": left}


def _words(process: psutil.Process) -> str:
    """The command of a process, without the folders of this machine."""
    try:
        return re.sub(r"/\S*/", "", " ".join(process.cmdline()))[:120]
    except psutil.Error as error:
        return type(error).__name__
