"""`python -m bench`: every figure, as a table and as bench/results/latest.json.

Exit status 1 where a promise is broken.
"""

import json
import sys
from pathlib import Path

from bench import building, containing, crowding, executing, installing, isolating, starting, validating
from bench.measuring import environment
from bench.serving import quick as serving

RESULTS = Path(__file__).with_name("results")


def main() -> int:
    """Measures everything."""
    found = []
    print(f"{'figure':<22} {'median':>9} {'unit':<9} {'bound':>6}  notes")
    for part in (starting, validating, executing, isolating, crowding, containing, building, installing, serving):
        for figure in part.figures():
            found.append(figure)
            mark = " " if figure.within else "!"
            print(
                f"{figure.name:<22} {figure.value:>9.2f} {figure.unit:<9} {figure.bound:>6.2f} {mark} {figure.notes}",
                flush=True,
            )
    RESULTS.mkdir(exist_ok=True)
    report = {"environment": environment(), "figures": [figure.to_dict() for figure in found]}
    (RESULTS / "latest.json").write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    return 0 if all(figure.within for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
