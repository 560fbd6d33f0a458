"""A file in, text out, in LitServe: Base64 in JSON. An upload of a form over a megabyte does not reach its worker."""

import base64
import sys

import litserve
from answering import count


class Counting(litserve.LitAPI):
    """The model."""

    def setup(self, device: str) -> None:
        """Nothing to load."""

    def decode_request(self, request) -> bytes:  # noqa: ANN001 - as documented: an annotation would be a schema
        """The file."""
        return base64.b64decode(request["picture"])

    def predict(self, data: bytes) -> str:
        """Counts its bytes."""
        return count(data)

    def encode_response(self, output: str) -> dict[str, str]:
        """The answer."""
        return {"output": output}


if __name__ == "__main__":
    server = litserve.LitServer(Counting(), accelerator="cpu", workers_per_device=1, timeout=60, fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="warning", generate_client_file=False
    )
