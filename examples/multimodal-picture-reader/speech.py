"""English speech by flite, a small synthesiser that stands in most Linux distributions."""

import shutil
import subprocess
import tempfile
import unicodedata
import wave
from pathlib import Path

LIMIT_SECONDS = 60


def speak(text: str, target: Path, voice: str, speed: float) -> None:
    """Writes the spoken text as a WAV file.

    The text goes by a file, never by the command line, where it could be taken for an option.

    Raises:
        RuntimeError: flite is not installed, or says why it failed.
    """
    flite = shutil.which("flite")
    if flite is None:
        raise RuntimeError("flite is not installed, and it is what speaks: apt-get install flite (Debian, Ubuntu)")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "text.txt"
        script.write_text(plain(text) + "\n", encoding="ascii")
        stretch = f"duration_stretch={1 / speed:.3f}"
        command = [flite, "-voice", voice, "--setf", stretch, "-f", str(script), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    if done.returncode or not target.is_file():
        raise RuntimeError(f"flite ended with status {done.returncode}: {done.stderr.strip()[-500:]}")


def plain(text: str) -> str:
    """The text in ASCII, which is all that flite reads: accents are dropped, and so are other scripts."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def duration(path: Path) -> float:
    """Length of a WAV file in seconds."""
    with wave.open(str(path)) as file:
        return round(file.getnframes() / file.getframerate(), 3)
