"""Pulling an image by the container engine itself, which then has it and nova-spi has not."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from nova_spi.artifacts.references import Reference
from nova_spi.engines.docker import credentials
from nova_spi.engines.docker.connecting import Connection
from nova_spi.engines.docker.wire import Refused, messages, posting
from nova_spi.errors import EnvironmentFailed, RegistryError
from nova_spi.progress import Progress

SILENCE_SECONDS = 300.0
"""An engine that says nothing for so long while it pulls hangs, or its registry does."""

MAX_LAYERS = 10_000
_DENIED = ("unauthorized", "authentication required", "no basic auth credentials", "access denied", "denied:")


def pull(connection: Connection, reference: Reference, progress: Progress) -> str:
    """Has the engine pull an image, with the credentials of the user's docker configuration.

    Args:
        connection: To the engine.
        reference: Which one.
        progress: Hears of the stage ``pull`` and of the bytes of the layers that come.

    Returns:
        The image's id in the engine.

    Raises:
        RegistryError: The registry does not have it, or cannot be reached; or it does not let us in
            (``registry.denied``).
        EnvironmentFailed: The engine's disk is full (``engine.disk_full``).
        EngineUnavailable: The engine went away.
    """
    progress.stage("pull", str(reference))
    name = f"{reference.host}/{reference.repository}"
    query = urlencode({"fromImage": name, "tag": reference.wanted})
    layers = _Layers(progress)
    with connection.speaking(f"pulling {reference}"):
        headers = credentials.for_registry(reference.host)
        path = f"/v{connection.api}/images/create?{query}"
        try:
            with posting(connection.host, path, headers=headers, timeout=SILENCE_SECONDS) as request:
                for message in messages(request.answer()):
                    layers.hear(message)
        except Refused as error:
            raise _refused(connection, reference, str(error)) from error
        pinned = f"{name}@{reference.digest}" if reference.digest else f"{name}:{reference.tag}"
        return str(connection.client.images.get(pinned).id)


class _Layers:
    """Adds up what the engine says of each layer."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._sizes: dict[str, tuple[int, int]] = {}

    def hear(self, message: Mapping[str, Any]) -> None:
        """Takes one message; unpacking, which comes after the download, counts for nothing more."""
        name, status, detail = str(message.get("id", ""))[:80], message.get("status"), message.get("progressDetail")
        current, total = (detail.get("current"), detail.get("total")) if isinstance(detail, dict) else (None, None)
        if status == "Extracting" or len(self._sizes) >= MAX_LAYERS:
            return
        if isinstance(current, int) and isinstance(total, int) and total > 0:
            self._sizes[name] = (min(current, total), total)
        elif name in self._sizes and status in ("Download complete", "Pull complete"):
            self._sizes[name] = (self._sizes[name][1],) * 2
        if self._sizes:
            done, known = (sum(each) for each in zip(*self._sizes.values(), strict=True))
            self._progress.advance(done, known, "bytes")


def _refused(connection: Connection, reference: Reference, reason: str) -> RegistryError | EnvironmentFailed:
    said, lower = f"{connection.engine} says: {reason[:600].strip().rstrip('.')}.", reason.lower()
    if "no space left" in lower:
        return EnvironmentFailed(
            f"The container engine has no room for the image {reference}.",
            why=said,
            mend=f"{connection.engine} image prune",
            code="engine.disk_full",
        )
    # Docker's own registry says "denied" of what is not there, too: it does not tell strangers which.
    if any(word in lower for word in _DENIED):
        return RegistryError(
            f"The registry {reference.host} does not let the container engine pull {reference}.",
            why=said,
            mend=f"{connection.engine} login {reference.host}",
            code="registry.denied",
        )
    return RegistryError(
        f"The container engine cannot pull {reference}.", why=said, mend="Look at the name and the tag."
    )
