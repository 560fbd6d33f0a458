"""What ``benchmark`` measures: the ``benchmark`` section."""

from typing import Literal

from pydantic import Field

from nova_spi.manifest.models.fields import AtLeastOne, Count, Many, NotNegative, Number, RelativePath, Text
from nova_spi.manifest.models.record import Record


class Preset(Record):
    """How often a benchmark runs."""

    iterations: AtLeastOne | None = Field(None, description="Passes over the data set or the test cases.")
    warmup: Count | None = Field(None, description="Passes before the measured ones.")
    concurrency: AtLeastOne | None = Field(None, description="Calls at once.")


class Presets(Record):
    """The three presets."""

    quick: Preset | None = Field(None, description="For a first look.")
    standard: Preset | None = Field(None, description="For every day.")
    thorough: Preset | None = Field(None, description="For a figure to publish.")


class Metric(Record):
    """One measurement and what it is worth."""

    name: Text = Field(description="Its name, as in latency_p95_ms; unique.")
    weight: NotNegative | None = Field(None, description="Its share of the score; all weights sum to 1.")
    direction: Literal["higher", "lower"] = Field("higher", description="Which way is better.")
    target: Number | None = Field(None, description="The value that gives 100 points.")
    floor: Number | None = Field(None, description="The value that gives 0 points.")
    unit: str | None = Field(None, description="Its unit, as in ms.")
    category: str | None = Field(None, description="What the report groups it by.")


class Baseline(Record):
    """Measurements of something to compare with."""

    name: Text = Field(description="What was measured; unique.")
    metrics: dict[str, Number] | None = Field(None, description="Values by the name of the metric.")
    source: str | None = Field(None, description="Where the values come from.")


class Benchmark(Record):
    """What a benchmark measures."""

    command: Text | None = Field(None, description="The command; else the default one.")
    preset: Literal["quick", "standard", "thorough"] = Field("standard", description="The preset to take.")
    presets: Presets | None = Field(None, description="Presets of one's own.")
    dataset: RelativePath | None = Field(None, description="JSON Lines, or a folder, in the project.")
    metrics: Many[Metric] = Field((), description="What makes the score.")
    baselines: Many[Baseline] = Field((), description="What to compare with.")
