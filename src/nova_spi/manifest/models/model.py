"""Who the model is: the ``model`` section."""

from typing import Annotated, Literal

from pydantic import Field

from nova_spi.manifest.models.facts import DomainSpecific
from nova_spi.manifest.models.fields import Email, Many, ModelName, Text, Version, WebAddress, WeightsAddress
from nova_spi.manifest.models.record import Record
from nova_spi.manifest.models.spdx import License
from nova_spi.manifest.models.times import Timestamp

Domain = Literal["text", "image", "video", "audio", "multimodal"]
Category = Literal["text", "image", "video", "audio", "json", "embedding", "3d"]
Certainty = Annotated[bool, Field(strict=True)] | Literal["unsure"]
"""True, false or "unsure"; absent means unsure."""


class Author(Record):
    """One author."""

    name: Text = Field(description="The author's name.")
    email: Email | None = Field(None, description="An e-mail address.")
    url: WebAddress | None = Field(None, description="A web page.")


class Model(Record):
    """Who the model is."""

    name: ModelName = Field(description="The model's name; it becomes the repository's name.")
    version: Version = Field(description="Semver 2.0.0 without +build; it becomes the tag.")
    description: str | None = Field(None, description="What the model does, for people who choose one.")
    domain: Domain = Field(description="The medium that the model works on.")
    domain_specific: DomainSpecific | None = Field(None, description="Facts of the domain.")
    company: str | None = Field(None, description="The company, as the Workbench shows it.")
    organization: str | None = Field(None, description="The organization; where absent, the company.")
    authors: Many[Author] = Field((), description="Who made it.")
    created_at: Timestamp | None = Field(None, description="When the model was made, RFC 3339.")
    modified_at: Timestamp | None = Field(None, description="When the manifest was last changed by a tool, RFC 3339.")
    repository_url: WebAddress | None = Field(None, description="Where its source stands.")
    weights_url: WeightsAddress | None = Field(None, description="Where its weights stand.")
    documentation_url: WebAddress | None = Field(None, description="Where its documentation stands.")
    forum_url: WebAddress | None = Field(None, description="Where people talk about it.")
    example_outputs_url: WebAddress | None = Field(None, description="Where example outputs stand.")
    model_type: str | None = Field(None, description="A type of an open vocabulary, as in generative_video.")
    inputs: Many[Category] = Field((), description="Categories of what it takes, for the catalog.")
    outputs: Many[Category] = Field((), description="Categories of what it gives, for the catalog.")
    license: License | None = Field(None, description="An SPDX expression; LicenseRef-* for a licence of one's own.")
    license_type: str | None = Field(None, description="The Workbench's category, as in proprietary or open_source.")
    usage_category: Literal["commercial", "non-commercial", "testing"] | None = Field(
        None, description="What the model may be used for."
    )
    usage_restrictions: Many[str] = Field((), description="What it may not be used for.")
    trained_on_copyrighted_data: Certainty | None = Field(None, description="true, false or unsure.")
    is_trainable: Certainty | None = Field(None, description="true, false or unsure.")
    is_fine_tunable: Certainty | None = Field(None, description="true, false or unsure.")
    tasks: dict[str, Many[str]] | None = Field(None, description="Use cases by category, as in VFX: [generative_FX].")
    technical_dependencies: Many[str] = Field((), description="For display; never installed.")
    user_sentiment: Literal["positive", "neutral", "negative", "mixed", "unknown"] | None = Field(
        None, description="What users say of it."
    )
    tags: Many[str] = Field((), description="Words to find it by.")
    framework: str | None = Field(None, description="What it runs on, as in onnxruntime.")
    task: str | None = Field(None, description="What it does, as in text-generation.")
    architecture: str | None = Field(None, description="Its architecture, as in transformer.")
    family: str | None = Field(None, description="Its family, as in llama.")
    format: str | None = Field(None, description="The format of its weights, as in safetensors.")
    param_size: str | None = Field(None, description="How many parameters it has, as in 8b.")
    precision: str | None = Field(None, description="The precision of its weights, as in bf16.")
    quantization: str | None = Field(None, description="How its weights are quantized, as in awq.")
