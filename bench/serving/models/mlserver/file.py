"""A file in, text out, in MLServer: Base64 in the JSON of the protocol."""

from answering import count
from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Echo(MLModel):
    """The model."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Counts the bytes."""
        [data] = Base64Codec.decode_input(payload.inputs[0])
        return InferenceResponse(model_name=self.name, outputs=[StringCodec.encode_output("output", [count(data)])])
