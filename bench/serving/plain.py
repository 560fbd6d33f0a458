"""`python -m bench.serving.plain PROJECT PORT`: what `nova-spi serve` does, with a worker at level ``process``.

`nova-spi serve` takes the strongest isolation that the machine has, and has no option for less. The peers isolate their
model no further than in a process, so this row is beside theirs.
"""

import os
import sys
from pathlib import Path

from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.project.folder import open_folder
from nova_spi.serving.plan_text import write
from nova_spi.serving.preparing.plans import prepare
from nova_spi.settings import Settings

if __name__ == "__main__":
    folder = open_folder(Path(sys.argv[1]))
    settings = Settings.load(folder.settings_root)
    plan = prepare(folder, engine=ProcessEngine(settings.cache_dir, "process"), settings=settings)
    write(plan, plan.folder / "plan.json")
    words = [sys.executable, "-m", "nova_spi.serving.server", str(plan.folder / "plan.json"), "--port", sys.argv[2]]
    os.execv(sys.executable, words)
