"""Does as a test asks."""

import os
import signal
import time
from pathlib import Path

from nova_spi_runtime import progress


def echo(text):
    return {"text": text}


def wait(seconds):
    print(f"waiting {seconds}", flush=True)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.02)
    return {"waited": seconds}


def count(to, pause, width):
    for number in range(1, to + 1):
        print(f"at {number}", flush=True)
        progress(number / to, f"number {number}")
        yield {"words": f"{number} ".rjust(width)}
        time.sleep(pause)


def fail(how):
    print("last words", flush=True)
    if how == "exit":
        os._exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise ValueError("as you wish")


def kinds(**values):
    return {"seen": {name: value for name, value in values.items() if value is not None}}


def copy(papers, note=None):
    found = []
    for paper in papers:
        target = Path("outputs") / f"copy_{paper.name}"
        target.write_bytes(paper.read_bytes())
        found.append(target)
    return {"copies": found, "note": note or "none"}
