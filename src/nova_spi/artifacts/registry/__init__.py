"""Reading a registry by the distribution specification: manifests and blobs, each verified while it comes."""
