"""OCI artifacts: descriptors, manifests, the layout on disk, archives, and the client that reads a registry."""
