"""Text in, text out, in Cog."""

from answering import answer
from cog import BaseRunner


class Echo(BaseRunner):
    """The model."""

    def run(self, prompt: str) -> str:
        """Gives back the prompt."""
        return answer(prompt)
