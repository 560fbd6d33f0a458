"""The models of the manifest, in one place to import from."""

from nova_spi.manifest.models.assets import Asset
from nova_spi.manifest.models.benchmark import Baseline, Benchmark, Metric, Preset, Presets
from nova_spi.manifest.models.cases import Expect, Range, TestCase
from nova_spi.manifest.models.catalog import Catalog, Scorecard
from nova_spi.manifest.models.execution import (
    Command,
    Concurrency,
    EntryPoint,
    Execution,
    Gpu,
    HealthCheck,
    Resources,
    Restart,
    Volume,
)
from nova_spi.manifest.models.facts import AudioFacts, DomainSpecific, ImageFacts, TextFacts, VideoFacts
from nova_spi.manifest.models.manifest import Manifest
from nova_spi.manifest.models.model import Author, Model
from nova_spi.manifest.models.parameter import (
    AudioLimits,
    Constraints,
    Element,
    ImageLimits,
    MediaLimits,
    Parameter,
    VideoLimits,
)
from nova_spi.manifest.models.serving import Governance, Operations, Pipeline

__all__ = [
    "Asset",
    "AudioFacts",
    "AudioLimits",
    "Author",
    "Baseline",
    "Benchmark",
    "Catalog",
    "Command",
    "Concurrency",
    "Constraints",
    "DomainSpecific",
    "Element",
    "EntryPoint",
    "Execution",
    "Expect",
    "Governance",
    "Gpu",
    "HealthCheck",
    "ImageFacts",
    "ImageLimits",
    "Manifest",
    "MediaLimits",
    "Metric",
    "Model",
    "Operations",
    "Parameter",
    "Pipeline",
    "Preset",
    "Presets",
    "Range",
    "Resources",
    "Restart",
    "Scorecard",
    "TestCase",
    "TextFacts",
    "VideoFacts",
    "VideoLimits",
    "Volume",
]
