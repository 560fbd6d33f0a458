"""The process engine inside of an image: the model's environment is there already, and is taken as it stands."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from nova_spi.engines.port import Environment, Images, Recipe
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.process.interpreters import ask
from nova_spi.errors import EngineUnavailable
from nova_spi.progress import Progress

MODEL = Path("/opt/model")
"""The model's environment in the images that we build."""
_KEPT = ("PATH", "VIRTUAL_ENV", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "LD_PRELOAD")
_KEPT_PREFIXES = ("LC_", "NVIDIA_", "CUDA_", "SSL_CERT_")


class InPlaceEngine(ProcessEngine):
    """Runs models in the container that nova-spi itself is in, beside it, as far apart as the container allows.

    Nothing is installed. Of the container's variables a model gets those that say where programs, libraries and
    drivers are: any other may be a secret that somebody gave to the container.
    """

    images: Images = "never"

    def provide(self, recipe: Recipe, progress: Progress) -> Environment:
        """The environment of this container; see `nova_spi.engines.port.Engine.provide`.

        Raises:
            EngineUnavailable: An image is asked for, or there is no Python for the model.
        """
        del progress
        if recipe.image is not None:
            raise EngineUnavailable(
                f"The image {recipe.image.name} cannot be run inside of another one.",
                mend="Serve the image itself: docker run IMAGE",
            )
        return environment_of(os.environ)


def environment_of(variables: Mapping[str, str], model: Path = MODEL) -> Environment:
    """The environment that stands in this container.

    Args:
        variables: The container's.
        model: Where images have the model's environment; without it, the first ``python`` on the container's PATH.

    Raises:
        EngineUnavailable: There is no Python that works.
    """
    kept = {name: value for name, value in variables.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    path = kept.get("PATH", os.defpath)
    python = model / "bin" / "python"
    if python.exists():
        kept["PATH"] = f"{python.parent}:{path}"
    elif found := shutil.which("python", path=path):
        python = Path(found)
    if (python.parent.parent / "pyvenv.cfg").exists() or python.is_relative_to(model):
        kept["VIRTUAL_ENV"] = str(python.parent.parent)  # named or not: its files are to be read
    known = ask(python)
    if known is None:
        raise EngineUnavailable(
            "There is no Python for the model in this container.",
            why=f"{python} is not there, or does not start.",
            mend="Serve in place in an image that was built for it: nova-spi build --serving",
        )
    said = f"{python} {known.version} {known.build}"
    digest = f"sha256:{hashlib.sha256(said.encode()).hexdigest()}"
    return Environment(python, known.version, digest, kept, cached=True)
