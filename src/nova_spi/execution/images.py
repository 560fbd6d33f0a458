"""Images of a layout as engines take them."""

from typing import TYPE_CHECKING

from nova_spi.engines.port import Image

if TYPE_CHECKING:
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.manifests import Manifest
    from nova_spi.images.build import BuiltImage


def image_of(image: "BuiltImage", layout: "Layout") -> Image:
    """A built image as engines take it."""
    return image_in(layout, str(image.name), image.manifest)


def image_in(layout: "Layout", name: str, manifest: "Manifest") -> Image:
    """An image of a layout as engines take it, under a name."""
    return Image(name, layout.root, str(manifest.descriptor.digest), str(manifest.config.digest))
