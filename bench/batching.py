"""`python -m bench.batching [ITEMS [MOST]]`: items a second of a batch beside a plain loop, and memory beside items.

The model is an echo: it does nothing, so what is measured is all that stands around a model. The plain loop reads the
same file, calls the same function in its own process, and writes the same values; no isolation, no deadlines, no
journal. Both are processes of their own, in turn; a batch is measured whole, with making its workers. Figures are for
the machine that they were taken on: compare ratios.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.measuring import environment

MANIFEST = """spi_version: "1"
model: {name: echo, version: 1.0.0, domain: text, description: Gives back what it was given.}
execution:
  entry_point: {callable: "model:answer"}
inputs:
  - {name: prompt, type: string, required: true}
outputs:
  - {name: answer, type: string, required: true}
"""
MODEL = """def answer(prompt):
    return prompt
"""
LOOP = """import json, sys
from model import answer
with open(sys.argv[1]) as lines, open(sys.argv[2], "w") as out:
    for line in lines:
        out.write(json.dumps({"answer": answer(**json.loads(line))}) + "\\n")
"""
ROUNDS = 3


def main(count: int = 20_000, most: int = 200_000) -> None:
    """Takes the figures and prints them."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "manifest.yml").write_text(MANIFEST)
        (root / "model.py").write_text(MODEL)
        (root / "loop.py").write_text(LOOP)
        _batch(root, _lines(root, 10), 1)  # makes the model's environment
        few, many = _lines(root, count), _lines(root, most)
        print(json.dumps(environment()))
        print(f"echo model, prompts of some 40 characters, {count} items, medians of {ROUNDS} in turn")
        loop, ours = [], {1: [], 2: []}
        for _ in range(ROUNDS):
            loop.append(_spent([sys.executable, "loop.py", str(few), "out"], root)[0])
            for workers, found in ours.items():
                found.append(_batch(root, few, workers)[0])
        print(f"plain loop in one process  {count / statistics.median(loop):>9.0f} items/s")
        for workers, found in ours.items():
            named = f"nova-spi batch, {workers} worker{'s' * (workers > 1)}"
            print(f"{named:<25} {count / statistics.median(found):>10.0f} items/s")
        for lines, items in ((few, count), (many, most)):
            spent, peak = _batch(root, lines, 2)
            print(f"nova-spi batch, {items:>7} items  {items / spent:>9.0f} items/s, {peak / 1e6:.0f} MB at most")


def _lines(root: Path, count: int) -> Path:
    place = root / f"{count}.jsonl"
    with place.open("w") as stream:
        for number in range(count):
            stream.write(json.dumps({"prompt": f"Say something about the number {number}."}) + "\n")
    return place


def _batch(root: Path, lines: Path, workers: int) -> tuple[float, int]:
    words = ["batch", str(root), "--inputs", str(lines), "--output", str(root / "outputs"), "--restart", "--silent"]
    words += ["--engine", "process", "--workers", str(workers)]
    return _spent([sys.executable, "-m", "nova_spi", *words], root)


def _spent(words: list[str], folder: Path) -> tuple[float, int]:
    """Seconds, and the largest resident size of the process itself in bytes; its children are not in it."""
    settings = {"NOVA_SPI_CACHE_DIR": str(folder / "cache"), "NOVA_SPI_DATA_DIR": str(folder / "data")}
    start = time.perf_counter()
    child = subprocess.Popen(words, cwd=folder, env=os.environ | settings)
    _, status, use = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise SystemExit(f"{words[:3]} ended with {child.returncode}")
    return time.perf_counter() - start, use.ru_maxrss * 1024


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
