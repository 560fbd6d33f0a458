"""A file in, text out, in Cog."""

from answering import count
from cog import BaseRunner, Path


class Echo(BaseRunner):
    """The model."""

    def run(self, picture: Path) -> str:
        """Reads the file."""
        return count(picture.read_bytes())
