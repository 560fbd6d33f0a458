"""The media types of OCI's image specification, and Docker's older names for the same things."""

IMAGE_INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"

DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_TAR = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_SCHEMA_1 = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)

INDEXES = frozenset({IMAGE_INDEX, DOCKER_INDEX})
MANIFESTS = frozenset({IMAGE_MANIFEST, DOCKER_MANIFEST})
IMAGE_CONFIGS = frozenset({IMAGE_CONFIG, DOCKER_CONFIG})
PLAIN_LAYERS = frozenset({LAYER_TAR, DOCKER_LAYER_TAR})
GZIP_LAYERS = frozenset({LAYER_GZIP, DOCKER_LAYER_GZIP})

ACCEPTED = (IMAGE_INDEX, IMAGE_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST)
"""What a client must name when it asks for a manifest, or a registry converts it, or says that it is not there."""
