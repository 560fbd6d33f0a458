"""Text in, text out, in LitServe; settings as of its "Production Setup", and with what restarts a worker."""

import sys

import litserve
from answering import answer


class Echo(litserve.LitAPI):
    """The model."""

    def setup(self, device: str) -> None:
        """Nothing to load."""

    def decode_request(self, request) -> str:  # noqa: ANN001 - as documented: an annotation would be a schema
        """The prompt."""
        return str(request["prompt"])

    def predict(self, prompt: str) -> str:
        """Gives back the prompt."""
        return answer(prompt)

    def encode_response(self, output: str) -> dict[str, str]:
        """The answer."""
        return {"output": output}


if __name__ == "__main__":
    server = litserve.LitServer(
        Echo(),
        accelerator="cpu",
        workers_per_device=1,
        timeout=float(sys.argv[2]),
        fast_queue=True,
        restart_workers=True,
    )
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="warning", generate_client_file=False
    )
