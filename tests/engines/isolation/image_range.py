"""Runs in an image, of root or of an ordinary user."""

import json
import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from base_image import base_entries, make, model_entries

from nova_spi.artifacts.layout import Layout
from nova_spi.images.layers import write_layer

DRIVER = """
import json, sys
from dataclasses import asdict, replace
from pathlib import Path
from nova_spi.engines.port import Image, Job, Limits, Mount, Recipe
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.errors import NovaSpiError
from nova_spi.progress import Silent

asked = json.load(sys.stdin)
said = asked["image"]
image = Image(said["name"], Path(said["layout"]), said["manifest"], said["config"])
engine = ProcessEngine(Path(asked["cache"]), asked["level"], Path(asked["folder"]).parent)
answer = {}
try:
    environment = engine.provide(Recipe(Path("/"), image=image), Silent())
    answer["environment"] = {
        "python": str(environment.python), "version": environment.version, "user": environment.user,
        "root": str(environment.root), "cached": environment.cached, "variables": dict(environment.variables),
        "digest": environment.digest,
    }
    if asked["argv"]:
        mounts = tuple(Mount(Path(source), Path(target), writable) for source, target, writable in asked["mounts"])
        job = Job(
            tuple(asked["argv"]), Path(asked["folder"]), Path(asked["work"]),
            dict(environment.variables) | asked["variables"], Path(asked["log"]), Limits(**asked["limits"]),
            network=asked["network"], environment=environment, mounts=mounts,
        )
        answer["outcome"] = asdict(engine.run(job, Silent()))
except NovaSpiError as error:
    answer["error"] = error.to_dict()
print(json.dumps(answer))
"""


class ImageRange:
    """Where images are run: with a cache, and a folder of runs, that nobody else may enter.

    Args:
        who: ``root`` or ``user``.
        owner: The user's number.
        driven: Runs a Python of this machine as that user.
        image: The one that is run where no other is named.
    """

    def __init__(self, who, owner, driven, image):
        self.who, self.owner, self.driven, self.image = who, owner, driven, image
        self.place = Path(tempfile.mkdtemp(prefix="images-", dir="/var/tmp"))
        self.cache, self.folder, self.log = self.place / "deep/cache", self.place / "run", self.place / "log.txt"
        os.chown(self.place, self.owner, self.owner)

    def fresh(self):
        """Empty folders for the next test."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("", "work", "more"):
            self.own(self.folder / name).mkdir()
            os.chown(self.folder / name, self.owner, self.owner)

    def own(self, path, text=None):
        """A path; where there is a text, a file with it that is the user's own."""
        if text is not None:
            path.write_text(text)
            os.chown(path, self.owner, self.owner)
        return path

    def python(self, program, **more):
        """Runs a Python program; see `run`."""
        return self.run("python", "-c", program, **more)

    def run(
        self, *argv, mounts=None, image=None, work="/app", network="none", variables=None, level="sandbox", **limits
    ):
        """Runs a program; returns what the driver answered, and the log."""
        self.log.unlink(missing_ok=True)
        mounts = [(self.folder / "work", "/app", True)] if mounts is None else mounts
        asked = {
            "image": asdict(image or self.image),
            "mounts": [(str(source), str(target), writable) for source, target, writable in mounts],
            "limits": {"timeout_seconds": 20.0} | limits,
        }
        asked |= {"argv": argv, "cache": self.cache, "folder": self.folder, "log": self.log, "work": work}
        asked |= {"network": network, "level": level, "variables": variables or {}}
        found = self.driven(["-B", "-c", DRIVER], json.dumps(asked, default=str))
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout), self.log.read_text() if self.log.exists() else ""

    def close(self):
        shutil.rmtree(self.place)


class Base:
    """A layout that everybody may read, with the base image."""

    def __init__(self):
        self.place = Path(tempfile.mkdtemp(prefix="base-", dir="/var/tmp"))
        self.place.chmod(0o755)
        self.layout = Layout.create(self.place / "layout")
        self.python = write_layer(self.layout, base_entries(), "python", packed=False)
        self.model = write_layer(self.layout, model_entries(), "model")
        self.image = make(self.layout, self.python, self.model)

    def with_layer(self, *entries, **more):
        """The base image with one more layer."""
        return make(self.layout, self.python, self.model, write_layer(self.layout, entries, "more"), **more)

    def close(self):
        shutil.rmtree(self.place)
