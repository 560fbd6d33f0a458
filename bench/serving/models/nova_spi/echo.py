"""Text in, text out, in nova-spi."""

from answering import answer


class Echo:
    """The model."""

    def predict(self, prompt: str) -> str:
        """Gives back the prompt."""
        return answer(prompt)
