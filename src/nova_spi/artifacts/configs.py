"""The config of an image: platform, start, and the digests of its unpacked layers (image-spec, config.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import MAX_CONFIG_BYTES, Fields, load_object
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import ArtifactInvalid


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says of itself.

    Attributes:
        platform: Where it runs.
        diff_ids: Of the layers unpacked, the lowest first.
        environment: Its variables, in order.
        labels: Its labels.
        user: Who it runs as, ``1000:1000``; empty is root.
        working_dir: Where it starts.
        entrypoint: The program.
        command: Its default arguments.
        history: How each layer came to be, as it was written; nothing of it is trusted.
    """

    platform: Platform
    diff_ids: tuple[Digest, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    user: str = ""
    working_dir: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    history: tuple[Mapping[str, Any], ...] = ()


def read_config(data: bytes) -> ImageConfig:
    """Reads an image's config.

    Raises:
        ArtifactInvalid: It is not valid.
    """
    fields = Fields(load_object(data, "The image's config", limit=MAX_CONFIG_BYTES), "The image's config")
    root = fields.object("rootfs")
    if root is None or root.text("type") != "layers":
        fields.wrong("rootfs", "the list of its layers")
    own = fields.object("config") or Fields({}, "The image's config")
    return ImageConfig(
        platform=Platform.read(fields),
        diff_ids=tuple(Digest.parse(each) for each in root.texts("diff_ids")),
        environment=_variables(own.texts("Env")),
        labels=own.map("Labels"),
        user=own.text("User"),
        working_dir=own.text("WorkingDir"),
        entrypoint=own.texts("Entrypoint"),
        command=own.texts("Cmd"),
        history=tuple(each.values for each in fields.objects("history")),
    )


def _variables(lines: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not name or not equals or "\0" in line:
            raise ArtifactInvalid("The image's config is not valid: Env must be a list of NAME=VALUE.")
        found[name] = value
    return found
