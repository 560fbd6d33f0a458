"""What validating costs, in process: a manifest of 300 lines, beside ruamel.yaml's round-trip load of the same text."""

import io
from collections.abc import Iterator

from bench.measuring import Figure, milliseconds, pairs, ratio

HEAD = """spi_version: "1"
model:
  name: wide-model
  version: 1.0.0
  description: A model with many parameters, to measure how long reading takes.
  domain: text
  license: Apache-2.0
execution:
  entry_point: {callable: "model:run"}
inputs:
"""
PARAMETER = """  - name: parameter_{number}
    type: float
    description: The parameter number {number} of many.
    default: 0.5
    constraints:
      min_value: 0.0
      max_value: 1.0
"""
TAIL = """outputs:
  - name: answer
    type: string
    description: What the model says.
"""


def manifest(lines: int) -> bytes:
    """A valid manifest of about that many lines."""
    count = (lines - HEAD.count("\n") - TAIL.count("\n")) // PARAMETER.count("\n")
    return (HEAD + "".join(PARAMETER.format(number=number) for number in range(count)) + TAIL).encode()


def figures() -> Iterator[Figure]:
    """Reading with every rule, beside the bare round-trip load."""
    import ruamel.yaml

    from nova_spi.manifest.reading import read

    data = manifest(300)

    def load() -> object:
        return ruamel.yaml.YAML().load(io.BytesIO(data))

    mine, theirs = pairs(lambda: read(data), load, 15)
    lines = data.count(b"\n")
    notes = f"{lines} lines, in process, after one warm-up"
    yield milliseconds("validate 300 lines", mine, 80.0, notes)
    yield ratio("validate 300 lines", mine, theirs, 2.0, "peer: ruamel.yaml round-trip load alone")
