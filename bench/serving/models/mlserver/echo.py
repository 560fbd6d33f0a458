"""Text in, text out, in MLServer."""

from typing import List  # noqa: UP035 - MLServer finds a codec for this spelling alone

from answering import answer
from mlserver import MLModel
from mlserver.codecs import decode_args


class Echo(MLModel):
    """The model."""

    @decode_args
    async def predict(self, prompt: List[str]) -> List[str]:  # noqa: UP006 - as above
        """Gives back the prompts."""
        return [answer(each) for each in prompt]
