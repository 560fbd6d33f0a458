"""Text in, text out, in BentoML."""

import os

import bentoml
from answering import answer


@bentoml.service(workers=1, traffic={"timeout": float(os.environ["DEADLINE"])})
class Echo:
    """The model."""

    @bentoml.api
    def predict(self, prompt: str) -> str:
        """Gives back the prompt."""
        return answer(prompt)
