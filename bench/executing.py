"""What an execution adds to the bare program: staging, launcher, watchdogs, collecting, evidence."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from bench.measuring import Figure, milliseconds, pairs, ratio, run

MANIFEST = """spi_version: "1"
model: {name: echo, version: 1.0.0, domain: text, description: Gives back what it was given.}
execution:
  entry_point: {command: [python, run.py]}
inputs:
  - {name: prompt, type: string, required: true}
outputs:
  - {name: answer, type: string, required: true}
"""
PROGRAM = """import json, os
with open(os.environ["SPI_OUTPUT_FILE"], "w") as out:
    json.dump({"answer": os.environ["INPUT_PROMPT"]}, out)
"""


def figures() -> Iterator[Figure]:
    """One execution at level process, and at the strongest level that the machine has."""
    yield from _figures("process")
    yield from _figures("auto")


def _figures(level: Literal["process", "auto"]) -> Iterator[Figure]:
    """One execution from Python beside the same program started by hand in the same environment."""
    from nova_spi.engines.process.engine import ProcessEngine
    from nova_spi.execution.run import execute
    from nova_spi.project.folder import open_folder
    from nova_spi.settings import Settings

    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        project = root / "echo"
        project.mkdir()
        (project / "manifest.yml").write_text(MANIFEST)
        (project / "run.py").write_text(PROGRAM)
        settings = Settings.load(project, cache_dir=str(root / "cache"), data_dir=str(root / "data"))
        engine, folder = ProcessEngine(settings.cache_dir, level), open_folder(project)

        def ours() -> None:
            result = execute(folder, inputs={"prompt": "hi"}, engine=engine, settings=settings)
            result.raise_for_error()

        ours()
        python = next((root / "cache" / "envs").glob("*/bin/python"))
        variables = {"INPUT_PROMPT": "hi", "SPI_OUTPUT_FILE": str(root / "out.json"), "PATH": "/usr/bin:/bin"}
        bare = run([str(python), "run.py"], cwd=project, env=variables, stdin=subprocess.DEVNULL)
        mine, theirs = pairs(ours, bare, 25)
    over = [a - b for a, b in zip(mine, theirs, strict=True)]
    version = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    notes = f"level {engine.level}, echo model by command, cached environment, {version}"
    yield milliseconds("execution overhead", over, 60.0, f"{notes}; over the bare program")
    yield ratio("execution", mine, theirs, 10.0, f"{notes}; peer: the bare program")
