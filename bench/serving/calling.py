"""`nova_spi.load(...).predict(...)`: the same model from Python, without HTTP."""

import tempfile
import time
from pathlib import Path
from typing import Any

from bench.serving.client import Tally
from bench.serving.peers import OURS, Place
from bench.serving.running import TEXT
from bench.serving.speed import CALLS, WARM_UP, summary


def measured() -> dict[str, Any]:
    """Calls, one after the other, from one thread."""
    import nova_spi

    tally, clock = Tally(), time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        OURS.lay_out(Place(Path(folder), Path(), (0,), "echo", 60))
        with nova_spi.load(folder, engine="process") as model:
            for _ in range(WARM_UP):
                model.predict(prompt=TEXT)
            begin = clock()
            for _ in range(CALLS):
                start = clock()
                found = model.predict(prompt=TEXT)
                tally.count(200, found["output"].encode(), TEXT.encode(), clock() - start)
            tally.elapsed = clock() - begin
    return summary(tally)
