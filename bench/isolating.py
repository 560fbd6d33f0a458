"""What a sandbox adds to the start of a program."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measuring import Figure, pairs, ratio, run


def figures() -> Iterator[Figure]:
    """A plain Python start in a sandbox beside the same start without anything; nothing where there is no sandbox."""
    from nova_spi.engines.port import Job, Limits
    from nova_spi.engines.process.isolation.levels import why_not
    from nova_spi.engines.process.running import run as run_job
    from nova_spi.progress import Silent

    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        if why_not("sandbox", root / "cache"):
            return
        folder = root / "run"
        folder.mkdir()
        python = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
        argv = (python, "-c", "pass")
        limits = Limits(timeout_seconds=20)
        job = Job(argv, folder, folder, {"PATH": "/usr/bin:/bin"}, root / "log.txt", limits, network="none")
        bare = run(argv, cwd=folder, env={"PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL)
        mine, theirs = pairs(lambda: run_job(job, Silent(), level="sandbox"), bare, 25)
    notes = f"python -c pass, Python {sys.version_info[0]}.{sys.version_info[1]}, with launcher; peer: no sandbox"
    yield ratio("sandbox start", mine, theirs, 3.0, notes)
