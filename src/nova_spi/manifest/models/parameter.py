"""What a command takes and gives: parameters with their types, constraints and media facts."""

from typing import Annotated, Any, Literal

from pydantic import Field

from nova_spi.manifest.models.fields import (
    AspectRatio,
    AtLeastOne,
    Bytes,
    Count,
    Many,
    MediaType,
    NotNegative,
    ParameterName,
    Positive,
    RelativePath,
    Resolution,
    Text,
)
from nova_spi.manifest.models.record import Lenient, Record

ParameterType = Literal["string", "integer", "float", "decimal", "boolean", "array", "map", "object", "file", "enum"]

Bound = int | float | str
"""A bound of a number: as the parameter's type reads it. Text is for decimals, whose digits must not be rounded."""


class Constraints(Record):
    """What a value must meet, by the parameter's type."""

    min_value: Bound | None = Field(None, description="Numbers: the least value.")
    max_value: Bound | None = Field(None, description="Numbers: the greatest value.")
    multiple_of: Bound | None = Field(None, description="Numbers: the value is a whole multiple of this; above 0.")
    min_length: Count | None = Field(None, description="Strings: the least number of characters.")
    max_length: Count | None = Field(None, description="Strings: the greatest number of characters.")
    pattern: str | None = Field(
        None,
        description="Strings: a regular expression (ECMA-262) that is searched, not anchored. "
        "Without look-around, back-references and a quantifier inside a quantified group.",
    )
    min_items: Count | None = Field(None, description="Arrays and maps: the least number of elements.")
    max_items: Count | None = Field(None, description="Arrays and maps: the greatest number of elements.")
    unique_items: bool | None = Field(None, description="Arrays: no element twice.")
    min_files: Count | None = Field(None, description="Files: the least number of files.")
    max_files: AtLeastOne | None = Field(None, description="Files: the greatest number of files; 1 passes one path.")
    min_size_bytes: Bytes | None = Field(None, description="Files: the least size of each file, in bytes.")
    max_size_bytes: Bytes | None = Field(None, description="Files: the greatest size of each file, in bytes.")


class VideoLimits(Lenient):
    """What a video must meet."""

    min_resolution: Resolution | None = Field(None, description="Least size: WIDTHxHEIGHT, or a height as in 480p.")
    max_resolution: Resolution | None = Field(None, description="Greatest size: WIDTHxHEIGHT, or a height as in 1080p.")
    min_fps: Positive | None = Field(None, description="Least frame rate, frames per second.")
    max_fps: Positive | None = Field(None, description="Greatest frame rate, frames per second.")
    min_duration_seconds: NotNegative | None = Field(None, description="Least length in seconds.")
    max_duration_seconds: Positive | None = Field(None, description="Greatest length in seconds.")
    color_space: Many[Text] = Field((), description="Accepted colour spaces: BT.709, BT.2020, RGB, GRAY.")
    codec_requirements: Many[Text] = Field((), description="Accepted codecs, as in h264.")


class ImageLimits(Lenient):
    """What a picture must meet."""

    min_resolution: Resolution | None = Field(None, description="Least size: WIDTHxHEIGHT, or a height as in 480p.")
    max_resolution: Resolution | None = Field(None, description="Greatest size: WIDTHxHEIGHT, or a height as in 1080p.")
    color_modes: Many[Text] = Field((), description="Accepted modes: RGB, RGBA, L, ...")
    aspect_ratios: Many[AspectRatio] = Field((), description="Accepted ratios WIDTH:HEIGHT, within 1 %.")


class AudioLimits(Lenient):
    """What a sound must meet."""

    min_sample_rate: AtLeastOne | None = Field(None, description="Least sample rate in Hz.")
    max_sample_rate: AtLeastOne | None = Field(None, description="Greatest sample rate in Hz.")
    min_duration_seconds: NotNegative | None = Field(None, description="Least length in seconds.")
    max_duration_seconds: Positive | None = Field(None, description="Greatest length in seconds.")
    min_bitrate: AtLeastOne | None = Field(None, description="Least bit rate in kbit/s.")
    max_bitrate: AtLeastOne | None = Field(None, description="Greatest bit rate in kbit/s.")
    channels: Many[AtLeastOne] = Field((), description="Accepted numbers of channels.")


class MediaLimits(Lenient):
    """What the media of a file parameter must meet, one block per medium."""

    video: VideoLimits | None = Field(None, description="For videos.")
    image: ImageLimits | None = Field(None, description="For pictures.")
    audio: AudioLimits | None = Field(None, description="For sounds.")


class _Named(Record):
    """The name, which is written first."""

    name: ParameterName = Field(description="Unique whatever the case; INPUT_<NAME> in the environment.")


class Element(Record):
    """A type with its constraints: what parameters, properties, items and values share."""

    type: ParameterType = Field(description="The type of the value.")
    description: str | None = Field(None, description="What the value means; forms and agents show it.")
    required: bool = Field(False, description="It must be given (inputs) or produced (outputs).")
    default: Any = Field(None, description="Taken where nothing is given; meets type and constraints. Not for files.")
    enum: Annotated[Many[Any], Field(min_length=1)] | None = Field(None, description="The values that may be chosen.")
    precision: Literal[32, 64] | None = Field(
        None, description="Floats: 32 rounds to binary32, 64 allows the range of binary64."
    )
    constraints: Constraints | None = Field(None, description="What the value must meet, by type.")
    properties: dict[str, "Element"] | None = Field(None, description="Objects: their fixed keys.")
    items: "Element | None" = Field(None, description="Arrays: the type of their elements.")
    values: "Element | None" = Field(None, description="Maps: the type of their values.")
    mime_types: Many[MediaType] = Field((), description="Files: accepted types, type/subtype or image/*, by content.")
    file_pattern: Text = Field("*", description="Files: a glob of *, ?, [...] and {a,b}.")
    mount_path: RelativePath | None = Field(
        None, description="Files: a folder relative to base_work_dir; 'inputs' for inputs, 'outputs' for outputs."
    )
    index_padding: Annotated[int, Field(ge=1, le=9)] | None = Field(
        None, description="File outputs: '*' in file_pattern is a counter of so many digits, from 0."
    )
    domain_specific: MediaLimits | None = Field(None, description="Files: what their media must meet.")
    json_schema_: dict[str, Any] | None = Field(
        None, alias="schema", description="Outputs: a JSON Schema that the value must meet."
    )
    secret: bool = Field(False, description="String inputs: never logged, only in the inputs file.")


class Parameter(Element, _Named):
    """One input or output of a command."""
