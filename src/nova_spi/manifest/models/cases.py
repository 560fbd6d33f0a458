"""What ``test`` and ``evaluate`` run: ``test_cases``."""

from typing import Annotated, Any

from pydantic import Field

from nova_spi.manifest.models.fields import (
    Count,
    Many,
    NotNegative,
    Number,
    ParameterName,
    Quantity,
    RelativePath,
    Seconds,
    Text,
    Title,
)
from nova_spi.manifest.models.quantities import to_bytes
from nova_spi.manifest.models.record import Record

Paths = Many[RelativePath]


class Range(Record):
    """Bounds of a measurement; one of them may be left open."""

    min: Number | None = Field(None, description="The least value.")
    max: Number | None = Field(None, description="The greatest value.")


class Expect(Record):
    """What a case expects of its execution; keys of the maps are names of outputs."""

    outputs: Many[ParameterName] = Field((), description="Outputs that must be there.")
    equals: dict[str, Any] | None = Field(None, description="Outputs and their values; numbers within tolerance.")
    tolerance: NotNegative = Field(1e-6, description="How far numbers may differ, relative.")
    contains: dict[str, str | Many[str]] | None = Field(
        None, description="Outputs and a text, or several, that their strings hold."
    )
    pattern: dict[str, str] | None = Field(None, description="Outputs and an expression that is found in their text.")
    json_schema: dict[str, dict[str, Any]] | None = Field(None, description="Outputs and a JSON Schema they meet.")
    min_length: dict[str, Count] | None = Field(None, description="Outputs and their least length.")
    file_count: dict[str, Count] | None = Field(None, description="File outputs and how many files they have.")
    reference: dict[str, RelativePath] | None = Field(None, description="Outputs and a file to compare them with.")
    metric: dict[str, Range] | None = Field(None, description="Measurements against the reference and their bounds.")
    error: Text | None = Field(None, description="The code of the failure that must happen.")
    max_seconds: Seconds | None = Field(None, description="The longest it may take.")
    max_memory: Quantity | None = Field(None, description="The most memory it may use, as in 2Gi.")

    @property
    def max_memory_bytes(self) -> int | None:
        """The most memory in bytes."""
        return to_bytes(self.max_memory) if self.max_memory else None


class TestCase(Record):
    """One execution and what is expected of it."""

    __test__ = False  # pytest takes classes of this name for tests

    name: Title = Field(description="Its name; unique.")
    command: Text | None = Field(None, description="The command; else the default one.")
    inputs: dict[str, Any] | None = Field(None, description="Values of inputs.")
    files: dict[str, RelativePath | Annotated[Paths, Field(min_length=1)]] | None = Field(
        None, description="Files of file inputs: a path in the project, a glob, or a list of them."
    )
    expect: Expect = Field(Expect(), description="What must hold afterwards.")
    tags: Many[str] = Field((), description="Words to choose cases by.")
