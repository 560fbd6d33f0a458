"""What an image says of its model: OCI's own labels, and ours with the whole manifest and its interface."""

from typing import TYPE_CHECKING

from nova_spi.artifacts.documents import dump_object

if TYPE_CHECKING:
    from nova_spi.images.base import Base
    from nova_spi.interface.compiled import Interface
    from nova_spi.manifest.models import Manifest

MANIFEST = "dev.nova-spi.manifest"
"""The manifest as canonical JSON: what an image is asked for without being started."""

INTERFACE = "dev.nova-spi.interface"
"""The compiled interface, the object ``x-compiled`` of ``spi/manifest.json``."""


def labels(manifest: "Manifest", interface: "Interface", base: "Base", created: str) -> dict[str, str]:
    """The labels of an image; what the manifest does not say is left out.

    Args:
        manifest: What it says.
        interface: The same, compiled.
        base: What the image is built from.
        created: RFC 3339.
    """
    model = manifest.model
    standard = {
        "authors": ", ".join(author.name for author in model.authors),
        "base.digest": str(base.manifest.descriptor.digest),
        "base.name": base.name,
        "created": created,
        "description": model.description,
        "documentation": model.documentation_url,
        "licenses": model.license,
        "source": model.repository_url,
        "title": model.name,
        "vendor": model.organization or model.company,
        "version": model.version,
    }
    found = {f"org.opencontainers.image.{name}": str(value) for name, value in standard.items() if value}
    return found | {
        MANIFEST: dump_object(manifest.to_dict()).decode(),
        INTERFACE: dump_object(interface.to_runtime()).decode(),
    }
