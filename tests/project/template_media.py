"""Makes the test media of the templates again: python tests/project/template_media.py FOLDER.

They are drawn by rule and belong to nobody. The tests compare the pictures and the sound with what is shipped.
"""

import array
import math
import sys
import wave
from pathlib import Path


def write_all(folder: Path) -> None:
    from PIL import Image

    halves = Image.new("RGB", (64, 48), (208, 48, 32))
    halves.paste((32, 64, 192), (40, 0, 64, 48))
    halves.save(folder / "halves.png", optimize=True)
    horizon = Image.new("RGB", (80, 60), (40, 60, 200))
    horizon.paste((235, 240, 250), (0, 0, 80, 20))
    horizon.save(folder / "horizon.png", optimize=True)
    write_tone(folder / "tone.wav")
    write_scenes(folder / "scenes.mp4")


def write_tone(path: Path) -> None:
    rate, length, silence = 8000, 0.6, (0.2, 0.42)
    samples = array.array("h")
    for at in range(int(rate * length)):
        quiet = silence[0] <= at / rate < silence[1]
        samples.append(0 if quiet else int(12000 * math.sin(2 * math.pi * 440 * at / rate)))
    with wave.open(str(path), "wb") as target:
        target.setparams((1, 2, rate, 0, "NONE", ""))
        target.writeframes(samples.tobytes())


def write_scenes(path: Path) -> None:
    import av
    import numpy as np

    scenes = [((200, 60, 40), 8), ((30, 60, 90), 6), ((220, 220, 120), 6)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        number = 0
        for colour, count in scenes:
            for _ in range(count):
                picture = np.full((64, 96, 3), colour, dtype=np.uint8)
                picture[20:36, 2 * number : 2 * number + 16] = 255 - picture[0, 0]
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
                number += 1
        container.mux(stream.encode(None))


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
