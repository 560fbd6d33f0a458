"""Everything that a page can show."""

import shutil
import sys
import time
from pathlib import Path

from nova_spi_runtime import progress


def greet(who, times, **others):
    sys.stdout.write(f"greeting {who}\n")
    if who == "nobody":
        raise ValueError("there is nobody to greet")
    seen = {name: str(value) for name, value in others.items() if value is not None}
    return {"greeting": " ".join([f"Hello, {who}!"] * times), "seen": seen, "count": times}


def copy(image, mask=None, note=None):
    picture = Path(f"made{image.suffix}")
    shutil.copyfile(image, picture)
    found = {"picture": picture}
    if note:
        Path("note.txt").write_text(note)
        found["note"] = Path("note.txt")
    return found


def count(to, pause):
    for number in range(1, to + 1):
        progress(number / to, f"at {number}")
        yield f"{number} "
        time.sleep(pause)


def hang():
    sys.stderr.write("on and on\n")
    while True:
        time.sleep(0.1)


def weigh(files):
    return {"sizes": {file.name: file.stat().st_size for file in files}}
