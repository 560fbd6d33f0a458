"""Which project something belongs to: a mark for labels and names, which tells nobody where the project lies."""

import hashlib
from pathlib import Path


def project_mark(root: Path) -> str:
    """A project's mark: 64 hexadecimal digits, of its real path."""
    return hashlib.sha256(str(root.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
