"""The whole manifest."""

from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field

from nova_spi.manifest.models.assets import Asset
from nova_spi.manifest.models.benchmark import Benchmark
from nova_spi.manifest.models.cases import TestCase
from nova_spi.manifest.models.catalog import Catalog, Scorecard
from nova_spi.manifest.models.execution import Command, Execution
from nova_spi.manifest.models.fields import CommandName, Many
from nova_spi.manifest.models.model import Model
from nova_spi.manifest.models.parameter import Parameter
from nova_spi.manifest.models.record import Record
from nova_spi.manifest.models.serving import Governance, Operations, Pipeline


class Manifest(Record):
    """What a model says of itself: who it is, what it takes and gives, and how it runs."""

    spi_version: Literal["1"] = Field("1", description="The version of this format.")
    model: Model = Field(description="Who the model is.")
    execution: Execution | None = Field(None, description="How it runs; needed to build or run it.")
    inputs: Many[Parameter] = Field(description="What the default command takes.")
    outputs: Many[Parameter] = Field(description="What the default command gives.")
    commands: dict[CommandName, Command] | None = Field(None, description="Further commands by name.")
    assets: Many[Asset] = Field((), description="Remote weights and data.")
    test_cases: Many[TestCase] = Field((), description="What test and evaluate run.")
    benchmark: Benchmark | None = Field(None, description="What benchmark measures.")
    output_specifications: dict[str, dict[str, Many[str]]] | None = Field(
        None, description="Facts of the outputs for the catalog, by medium."
    )
    catalog: Catalog | None = Field(None, description="What the catalog shows.")
    scorecard: Scorecard | None = Field(None, description="How it did.")
    operations: Operations | None = Field(None, description="How it is served, scaled and watched.")
    governance: Governance | None = Field(None, description="PII, retention, ownership, cost.")
    pipeline: Pipeline | None = Field(None, description="Dependencies and steps.")

    @property
    def base_work_dir(self) -> str:
        """Where the project stands while it runs."""
        return self.execution.base_work_dir if self.execution else "/app"

    @property
    def catalog_media(self) -> tuple[str, ...]:
        """The thumbnail and the carousel as paths relative to the project."""
        if self.catalog is None:
            return ()
        named = (self.catalog.thumbnail, *self.catalog.media_carousel)
        return tuple(relative_to_work_dir(path, self.base_work_dir) for path in named if path)


def relative_to_work_dir(path: str, base_work_dir: str) -> str:
    """``path`` relative to ``base_work_dir`` where it is absolute and below it, else as it is."""
    place = PurePosixPath(path)
    return str(place.relative_to(base_work_dir)) if place.is_relative_to(base_work_dir) else str(place)
