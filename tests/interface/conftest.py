"""Real media, made once a session by the libraries that people make them with."""

import math
import struct
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image, ImageDraw

Make = Callable[[Path], None]


def picture(width: int = 96, height: int = 64, mode: str = "RGB", step: int = 0) -> Image.Image:
    """A picture with shapes and noise, so that its compressed data has some length."""
    image = Image.effect_noise((width, height), 60).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((4 + step, 4, 30 + step, 30), fill=(200, 40, 40))
    draw.ellipse((40, 10 + step, 80, 50 + step), outline=(20, 90, 200), width=3)
    return image.convert(mode)


def write_wave(path: Path, seconds: float = 1.0, rate: int = 16000, channels: int = 1) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        samples = (int(9000 * math.sin(at * 0.06) * math.sin(at / rate)) for at in range(int(seconds * rate)))
        sound.writeframes(b"".join(struct.pack("<h", each) * channels for each in samples))


def write_sound(path: Path, codec: str, rate: int = 44100, layout: str = "stereo", seconds: float = 1.0) -> None:
    source = path.with_suffix(".source.wav")
    write_wave(source, seconds, rate, 2 if layout == "stereo" else 1)
    with av.open(str(source)) as reading, av.open(str(path), "w") as writing:
        stream = writing.add_stream(codec, rate=rate, layout=layout)
        resampler = av.AudioResampler(stream.codec_context.format, layout, rate)
        for frame in reading.decode(audio=0):
            for each in resampler.resample(frame):
                writing.mux(stream.encode(each))
        writing.mux(stream.encode(None))
    source.unlink()


def write_video(
    path: Path,
    codec: str,
    *,
    size: tuple[int, int] = (96, 64),
    frames: int = 30,
    rate: Fraction = Fraction(15),
    pixel_format: str = "yuv420p",
    color: int | None = None,
    sound: str | None = None,
    options: dict[str, str] | None = None,
) -> None:
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as writing:
        stream = writing.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        if color is not None:
            stream.codec_context.colorspace = color
        track = writing.add_stream(sound, rate=48000, layout="mono") if sound else None
        for step in range(frames):
            frame = av.VideoFrame.from_image(picture(*size, step=step % 8)).reformat(format=pixel_format)
            if color is not None:
                frame.colorspace = color
            writing.mux(stream.encode(frame))
        writing.mux(stream.encode(None))
        if track is not None:
            _silence(writing, track, frames / rate)


def _silence(writing: av.container.OutputContainer, track: av.AudioStream, seconds: Fraction) -> None:
    count = 960
    for at in range(0, int(seconds * 48000), count):
        frame = av.AudioFrame(format="s16", layout="mono", samples=count)
        frame.planes[0].update(bytes(2 * count))
        frame.sample_rate, frame.pts = 48000, at
        for each in av.AudioResampler(track.codec_context.format, "mono", 48000).resample(frame):
            writing.mux(track.encode(each))
    writing.mux(track.encode(None))


def _animation(path: Path, **options: object) -> None:
    steps = [picture(step=step).quantize(32) if path.suffix == ".gif" else picture(step=step) for step in range(5)]
    steps[0].save(path, save_all=True, append_images=steps[1:], duration=80, loop=0, **options)


def _rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().save(path, exif=exif)


MAKERS: dict[str, tuple[str, Make]] = {
    "rgb.png": ("image/png", lambda path: picture().save(path)),
    "rgba.png": ("image/png", lambda path: picture(mode="RGBA").save(path)),
    "gray.png": ("image/png", lambda path: picture(mode="L").save(path)),
    "palette.png": ("image/png", lambda path: picture().quantize(16).save(path)),
    "animated.png": ("image/png", lambda path: _animation(path)),
    "photo.jpg": ("image/jpeg", lambda path: picture().save(path, quality=90)),
    "progressive.jpg": ("image/jpeg", lambda path: picture().save(path, progressive=True)),
    "rotated.jpg": ("image/jpeg", _rotated),
    "cmyk.jpg": ("image/jpeg", lambda path: picture(mode="CMYK").save(path)),
    "still.gif": ("image/gif", lambda path: picture().quantize(16).save(path)),
    "animated.gif": ("image/gif", lambda path: _animation(path)),
    "lossy.webp": ("image/webp", lambda path: picture().save(path)),
    "lossless.webp": ("image/webp", lambda path: picture(mode="RGBA").save(path, lossless=True)),
    "animated.webp": ("image/webp", lambda path: _animation(path)),
    "plain.bmp": ("image/bmp", lambda path: picture().save(path)),
    "plain.tiff": ("image/tiff", lambda path: picture().save(path)),
    "deflated.tif": ("image/tiff", lambda path: picture().save(path, compression="tiff_deflate")),
    "pages.tiff": ("image/tiff", lambda path: _animation(path)),
    "modern.avif": ("image/avif", lambda path: picture().save(path)),
    "speech.wav": ("audio/wav", write_wave),
    "stereo.wav": ("audio/wav", lambda path: write_wave(path, 0.5, 48000, 2)),
    "music.flac": ("audio/flac", lambda path: write_sound(path, "flac")),
    "music.mp3": ("audio/mpeg", lambda path: write_sound(path, "libmp3lame")),
    "music.ogg": ("audio/ogg", lambda path: write_sound(path, "libopus", 48000)),
    "voice.opus": ("audio/ogg", lambda path: write_sound(path, "libopus", 48000, "mono")),
    "voice.m4a": ("audio/mp4", lambda path: write_sound(path, "aac")),
    "voice.aac": ("audio/aac", lambda path: write_sound(path, "aac")),
    "voice.mka": ("audio/x-matroska", lambda path: write_sound(path, "libopus", 48000, "mono")),
    "voice.aiff": ("audio/aiff", lambda path: write_sound(path, "pcm_s16be")),
    "clip.mp4": ("video/mp4", lambda path: write_video(path, "libx264", sound="aac")),
    "tagged.mp4": ("video/mp4", lambda path: write_video(path, "libx264", color=1)),
    "wide.mp4": ("video/mp4", lambda path: write_video(path, "libx264", color=9, rate=Fraction(30000, 1001))),
    "gray.mkv": ("video/x-matroska", lambda path: write_video(path, "ffv1", pixel_format="gray")),
    "clip.mkv": ("video/x-matroska", lambda path: write_video(path, "mpeg4")),
    "clip.webm": ("video/webm", lambda path: write_video(path, "libvpx", sound="libopus")),
    "clip.mov": ("video/quicktime", lambda path: write_video(path, "mjpeg", pixel_format="yuvj420p")),
    "clip.avi": ("video/x-msvideo", lambda path: write_video(path, "mpeg4")),
    "clip.ts": ("video/mp2t", lambda path: write_video(path, "libx264")),
}
"""Each file with its type and how it is made."""


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one file of each of `MAKERS`."""
    folder = tmp_path_factory.mktemp("media")
    for name, (_, make) in MAKERS.items():
        make(folder / name)
    return folder


@pytest.fixture(params=MAKERS)
def any_medium(request: pytest.FixtureRequest, media: Path) -> tuple[Path, str]:
    """Each real file with its type."""
    return media / request.param, MAKERS[request.param][0]


@pytest.fixture(scope="session")
def mime_of() -> Callable[[Path], str]:
    return lambda path: MAKERS[path.name][0]


@pytest.fixture(scope="session")
def draw() -> Callable[..., Image.Image]:
    return picture


@pytest.fixture(scope="session")
def film() -> Callable[..., None]:
    return write_video


@pytest.fixture(scope="session")
def record() -> Callable[..., None]:
    return write_wave
