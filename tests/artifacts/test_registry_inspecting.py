"""An image in a registry, looked at: its manifest, its config, and no more of its layers than needed."""

import json

import pytest

import nova_spi
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.errors import ArtifactInvalid, RegistryError
from nova_spi.sdk.catalog import inspect_image

MODEL = {
    "spi_version": "1",
    "model": {"name": "far", "version": "1.0.0", "domain": "text"},
    "inputs": [],
    "outputs": [],
    "catalog": {"thumbnail": "small.gif"},
}
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x00\x00\x00\x00\x00,"


pytestmark = pytest.mark.usefixtures("alone")


def labelled(layout, image, model=MODEL):
    """The image again, with a manifest in its label."""
    config = json.loads(layout.blobs.read(image.config))
    config["config"]["Labels"] = {"dev.nova-spi.manifest": json.dumps(model)}
    found = write_manifest(layout.blobs.write(json.dumps(config).encode(), IMAGE_CONFIG), image.layers)
    layout.blobs.write(found.raw, found.media_type)
    return found


def test_only_the_layers_that_are_needed_are_fetched(sites, layout, kit):
    image = labelled(
        layout, kit.make_image(layout, kit.tar_of({"low": bytes(50_000)}), kit.tar_of({"app/small.gif": GIF}))
    )
    site = sites()
    site.serve("team/far", layout, image)
    found = inspect_image(f"{site.host}/team/far:latest", platform="linux/amd64")
    assert found.image.name == f"{site.host}/team/far:latest"
    assert found.catalog.thumbnail.data == GIF
    assert found.catalog.thumbnail.media_type == "image/gif"
    assert site.asked(f"/v2/team/far/blobs/{image.layers[1].digest}")
    assert not site.asked(f"/v2/team/far/blobs/{image.layers[0].digest}")


def test_a_label_alone_needs_no_layer_at_all(sites, layout, image):
    without = {key: value for key, value in MODEL.items() if key != "catalog"}
    found = labelled(layout, image, without)
    site = sites()
    site.serve("team/far", layout, found)
    assert (
        nova_spi.catalog_metadata(f"{site.host}/team/far:latest", platform="linux/amd64").fields["model_name"] == "far"
    )
    assert not any(site.asked(f"/v2/team/far/blobs/{layer.digest}") for layer in found.layers)


def test_layers_that_the_store_has_are_not_fetched(sites, layout, kit, tmp_path):
    image = labelled(layout, kit.make_image(layout, kit.tar_of({"app/small.gif": GIF})))
    store = Layout.create(tmp_path / "data" / "store")
    store.blobs.keep(image.layers[0], layout.blobs.chunks(image.layers[0]))
    site = sites()
    site.serve("team/far", layout, image)
    assert nova_spi.catalog_metadata(f"{site.host}/team/far:latest", platform="linux/amd64").thumbnail.data == GIF
    assert not site.asked(f"/v2/team/far/blobs/{image.layers[0].digest}")


def test_an_image_of_a_real_registry_is_looked_at(real_registry, layout, kit, image):
    kit.push(real_registry, "team/far", layout, labelled(layout, image), "1")
    found = nova_spi.catalog_metadata(f"{real_registry}/team/far:1", platform="linux/amd64")
    assert found.fields["model_name"] == "far"
    assert [each["path"] for each in found.missing] == ["small.gif"]
    with pytest.raises(RegistryError, match="404"):
        nova_spi.catalog_metadata(f"{real_registry}/team/far:2", platform="linux/amd64")


def test_a_damaged_layer_is_never_shown(sites, layout, kit):
    image = labelled(layout, kit.make_image(layout, kit.tar_of({"app/small.gif": GIF})))
    site = sites()
    site.serve("team/far", layout, image)
    answer = site.answers[f"/v2/team/far/blobs/{image.layers[0].digest}"]
    answer.body = kit.flipped(answer.body, 30, 1)
    with pytest.raises(ArtifactInvalid) as caught:
        nova_spi.catalog_metadata(f"{site.host}/team/far:latest", platform="linux/amd64")
    assert caught.value.error_code == "artifact.damaged"
