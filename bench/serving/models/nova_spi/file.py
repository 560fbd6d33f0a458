"""A file in, text out, in nova-spi: a multipart upload."""

from pathlib import Path

from answering import count


class Echo:
    """The model."""

    def predict(self, picture: Path) -> str:
        """Reads the file."""
        return count(picture.read_bytes())
