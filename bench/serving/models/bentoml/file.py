"""A file in, text out, in BentoML: a multipart upload."""

from pathlib import Path

import bentoml
from answering import count


@bentoml.service(workers=1)
class Echo:
    """The model."""

    @bentoml.api
    def predict(self, picture: Path) -> str:
        """Reads the file."""
        return count(picture.read_bytes())
