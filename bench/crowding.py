"""Ten sandboxed executions at once: how many fail, and how long they take beside one after the other."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.executing import MANIFEST, PROGRAM
from bench.measuring import Figure, pairs, ratio

RUNS, ROUNDS = 10, 5


def figures() -> Iterator[Figure]:
    """Nothing where there is no sandbox."""
    from nova_spi.engines.process.engine import ProcessEngine
    from nova_spi.engines.process.isolation.levels import why_not
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
        if why_not("sandbox", settings.cache_dir):
            return
        engine, folder = ProcessEngine(settings.cache_dir, "sandbox"), open_folder(project)
        failed: list[str] = []

        def one(number: int) -> None:
            result = execute(folder, inputs={"prompt": str(number)}, engine=engine, settings=settings)
            if not result.ok or result.outputs != {"answer": str(number)}:
                failed.append(str(result.error))

        def together() -> None:
            with ThreadPoolExecutor(RUNS) as pool:
                list(pool.map(one, range(RUNS)))

        def in_turn() -> None:
            for number in range(RUNS):
                one(number)

        mine, theirs = pairs(together, in_turn, ROUNDS)
    runs = RUNS * (ROUNDS + 1)
    notes = f"{RUNS} runs at once, {len(failed)} of {runs} failed; peer: the same one after the other"
    yield Figure("failures of 10 at once", len(failed), "runs", 0, notes)
    yield ratio("10 sandboxed at once", mine, theirs, 1.2, notes)
