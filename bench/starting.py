"""What a start costs: the command line's help, and the import of the package."""

import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measuring import Figure, milliseconds, pairs, ratio, run


def figures() -> Iterator[Figure]:
    """`nova-spi --help` beside a bare interpreter and beside Click alone; `import nova_spi`."""
    program = str(Path(sys.executable).with_name("nova-spi"))
    bare = run([sys.executable, "-c", "pass"])
    mine, theirs = pairs(run([program, "--help"]), bare, 15)
    yield ratio("nova-spi --help", mine, theirs, 6.0, "peer: python -c pass")
    mine, theirs = pairs(run([sys.executable, "-c", "import click"]), bare, 15)
    yield ratio("Click alone", mine, theirs, 6.0, "python -c 'import click', for orientation; peer: python -c pass")
    mine, theirs = pairs(run([sys.executable, "-c", "import nova_spi"]), bare, 15)
    over = [max(a - b, 0.0) for a, b in zip(mine, theirs, strict=True)]
    yield milliseconds("import nova_spi", over, 80.0, "over python -c pass")
