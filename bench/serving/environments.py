"""One virtual environment for each peer, made once and used again as long as its packages are the same."""

import subprocess
import sys
import venv
from importlib.metadata import distributions
from pathlib import Path

from bench.serving.peers import Peer

ROOT = Path(__file__).parents[2] / ".build" / "bench"


class NotInstalled(Exception):
    """A peer cannot be installed here; the message says why."""


def environment(peer: Peer) -> Path:
    """The folder of its programs.

    Raises:
        NotInstalled: With the last line of what pip says.
    """
    if not peer.packages:
        return Path(sys.executable).parent
    folder = ROOT / "environments" / peer.name.lower()
    done, wanted = folder / "packages.txt", "\n".join(peer.packages)
    if done.is_file() and done.read_text("utf-8") == wanted:
        return folder / "bin"
    venv.create(folder, clear=True, with_pip=True)
    words = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *peer.packages]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    if found.returncode:
        raise NotInstalled((found.stderr.strip().splitlines() or ["pip failed"])[-1])
    done.write_text(wanted, "utf-8")
    return folder / "bin"


def version(peer: Peer, bin_: Path) -> str:
    """The version of its first package."""
    if not peer.packages:
        from nova_spi.version import __version__

        return __version__
    name = peer.packages[0].partition("==")[0].partition("[")[0]
    for found in distributions(path=[str(path) for path in (bin_.parent / "lib").glob("python*/site-packages")]):
        if found.name.lower() == name:
            return found.version
    return "?"
