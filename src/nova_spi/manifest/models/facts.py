"""What a model of a domain can do: ``model.domain_specific``."""

from pydantic import Field

from nova_spi.manifest.models.fields import AtLeastOne, LanguageCode, Many, Positive, Resolution, Text
from nova_spi.manifest.models.record import Lenient


class TextFacts(Lenient):
    """Facts of a text model."""

    max_context_length: AtLeastOne | None = Field(None, description="The longest context, in tokens.")
    supports_streaming: bool | None = Field(None, description="Whether it gives its output piece by piece.")
    language_codes: Many[LanguageCode] = Field((), description="Languages, BCP 47.")
    text_features: Many[Text] = Field((), description="What it does: translation, summarization, classification, ...")


class ImageFacts(Lenient):
    """Facts of an image model."""

    max_resolution: Resolution | None = Field(None, description="The largest picture, as in 1024x1024.")
    color_modes: Many[Text] = Field((), description="Colour modes: RGB, RGBA, L, ...")
    supported_formats: Many[Text] = Field((), description="File formats.")
    image_features: Many[Text] = Field((), description="What it does: generation, inpainting, style_transfer, ...")


class VideoFacts(Lenient):
    """Facts of a video model."""

    max_resolution: Resolution | None = Field(None, description="The largest picture, as in 1920x1080.")
    max_fps: Positive | None = Field(None, description="The highest frame rate, frames per second.")
    max_duration_seconds: Positive | None = Field(None, description="The longest video in seconds.")
    max_bitrate: AtLeastOne | None = Field(None, description="The highest bit rate in kbit/s.")
    color_space: Many[Text] = Field((), description="Colour spaces: BT.709, BT.2020.")
    supported_formats: Many[Text] = Field((), description="File formats.")
    video_features: Many[Text] = Field((), description="What it does: generation, frame_interpolation, ...")


class AudioFacts(Lenient):
    """Facts of an audio model."""

    max_sample_rate: AtLeastOne | None = Field(None, description="The highest sample rate in Hz.")
    max_duration_seconds: Positive | None = Field(None, description="The longest sound in seconds.")
    max_bitrate: AtLeastOne | None = Field(None, description="The highest bit rate in kbit/s.")
    supported_formats: Many[Text] = Field((), description="File formats.")
    audio_features: Many[Text] = Field((), description="What it does: speech_synthesis, music_generation, ...")


class DomainSpecific(TextFacts, ImageFacts, VideoFacts, AudioFacts):
    """The facts of one domain as they are, or, of a multimodal model, one block per medium."""

    text: TextFacts | None = Field(None, description="Multimodal: what it does with text.")
    image: ImageFacts | None = Field(None, description="Multimodal: what it does with pictures.")
    video: VideoFacts | None = Field(None, description="Multimodal: what it does with videos.")
    audio: AudioFacts | None = Field(None, description="Multimodal: what it does with sounds.")


FACTS: dict[str, type[Lenient]] = {"text": TextFacts, "image": ImageFacts, "video": VideoFacts, "audio": AudioFacts}
"""The keys that each domain has."""
