"""The labels by which containers are known again: what an execution writes and an engine reads.

Those of images are `nova_spi.images.labels`.
"""

EXECUTION = "dev.nova-spi.execution"
"""The id of a run."""

PROJECT = "dev.nova-spi.project"
"""The project's mark; see `nova_spi.project.identity`."""

MODEL = "dev.nova-spi.model"
"""The model's name and version."""

WORKER = "dev.nova-spi.worker"
"""A warm worker: the id of its server and its number."""
