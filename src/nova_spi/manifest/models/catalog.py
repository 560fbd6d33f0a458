"""What the catalog shows: ``catalog`` and ``scorecard``."""

from pydantic import Field

from nova_spi.manifest.models.fields import AnyPath, Many
from nova_spi.manifest.models.record import Record


class Catalog(Record):
    """How the model presents itself."""

    thumbnail: AnyPath | None = Field(None, description="A small picture, below base_work_dir.")
    summary: str | None = Field(None, description="One or two sentences.")
    long_description: str | None = Field(None, description="Markdown.")
    media_carousel: Many[AnyPath] = Field((), description="Pictures, videos and sounds, below base_work_dir.")


class Scorecard(Record):
    """How the model did."""

    summary: str | None = Field(None, description="The result in a sentence.")
