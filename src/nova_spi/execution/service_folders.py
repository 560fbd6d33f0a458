"""The folders of a model that stays: inputs, outputs, assets, volumes and secrets, as mounts of its container."""

import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from nova_spi.engines.port import Mount
from nova_spi.errors import ProjectError, UsageError
from nova_spi.execution.jobs import SECRETS
from nova_spi.execution.places import PRIVATE, ignored_by_git
from nova_spi.execution.prepare import HadAsset, fetch_assets, volume_folder
from nova_spi.execution.removal import remove_tree
from nova_spi.execution.request import Request

VALUES = "secrets"
"""The folder with one file a secret."""


class ServiceFolders:
    """What of this machine a started model sees.

    Args:
        request: What is started.
        root: The folder of its own, below ``.nova-spi/containers``.
    """

    def __init__(self, request: Request, root: Path) -> None:
        self._request = request
        self._root = root
        self._base = Path(request.execution.base_work_dir)

    def mounts(self) -> tuple[Mount, ...]:
        """Makes the folders, fetches the assets, writes the secrets' files.

        Raises:
            AssetUnavailable: An asset cannot be had.
            ProjectError: The project's folder cannot be written.
            UsageError: A mount path leads out of base_work_dir.
        """
        assets, _ = fetch_assets(self._request, self._request.progress.warn)
        try:
            return (*self._folders(), *self._assets(assets), *self._volumes(), *self._secrets())
        except OSError as error:
            raise ProjectError(f"{self._root} cannot be made: {error.strerror or error}.") from error

    def _folders(self) -> Iterator[Mount]:
        """Inputs, and each folder that outputs are written to; a folder in another one is a part of that."""
        wanted = {"outputs", *(each.mount_path or "outputs" for each in self._request.command.outputs)}
        places = sorted(PurePosixPath(self._inside(each)) for each in wanted)
        tops = [each for each in places if not any(each != other and each.is_relative_to(other) for other in places)]
        for place in ("inputs/files", "inputs/config", *map(str, tops)):
            (self._root / place).mkdir(parents=True, exist_ok=True)
        ignored_by_git(self._request.folder.root / PRIVATE)
        config = json.dumps(self._request.execution.config or {}, ensure_ascii=False)
        (self._root / "inputs/config/config.json").write_bytes(config.encode("utf-8", "surrogatepass"))
        inputs = self._root / "inputs/config/inputs.json"
        if not inputs.exists():
            inputs.write_text("{}")
        yield Mount(self._root / "inputs", self._base / "inputs")
        for top in tops:
            yield Mount(self._root / top, self._base / top, writable=True)

    def _assets(self, assets: list[HadAsset]) -> Iterator[Mount]:
        for had in assets:
            place, source = self._inside(had.asset.mount_path), had.fetched.path.resolve()
            if had.asset.mount_path.endswith("/") and not source.is_dir():
                uri = had.asset.uri.split("?", 1)[0].split("#", 1)[0]
                place = f"{place}/{PurePosixPath(uri).name or had.asset.name}"
            yield Mount(source, self._base / place)

    def _volumes(self) -> Iterator[Mount]:
        for volume in self._request.execution.volumes:
            if volume.size:
                self._request.progress.warn(f"The volume {volume.name!r}: its size is not enforced.")
            place = volume_folder(self._request, volume.name).resolve()
            yield Mount(place, self._base / volume.mount_path, writable=not volume.read_only)

    def _secrets(self) -> Iterator[Mount]:
        """Files of mode 0400 in a folder of mode 0700, which goes when the container is stopped."""
        request, place = self._request, self._root / VALUES
        remove_tree(place)
        for name in request.execution.secrets:
            if name not in request.secrets:
                mend = f"set {name} in the environment, or give --secret {name}=@FILE"
                request.progress.warn(f"The secret {name} has no value: {mend}.")
        if not request.secrets:
            return
        place.mkdir(mode=0o700)
        for name, value in request.secrets.items():
            handle = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
            with os.fdopen(handle, "wb") as stream:
                stream.write(value.encode("utf-8", "surrogateescape"))
        yield Mount(place, SECRETS)

    def _inside(self, path: str) -> str:
        place = PurePosixPath(path)
        if place.is_absolute() and place.is_relative_to(self._base):
            place = place.relative_to(self._base)
        if place.is_absolute() or ".." in place.parts:
            raise UsageError(f"{path!r} leads out of {self._base}.")
        return str(place)
