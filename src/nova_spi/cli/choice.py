"""An option that takes one of a few words, and says which was meant."""

from typing import Any

import click


class Choice(click.Choice[str]):
    """`click.Choice`, with a did-you-mean, and its messages on one line."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """What is said where the word is none of them."""
        import difflib

        near = difflib.get_close_matches(str(value)[:64].lower(), self.choices, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"{super().get_invalid_choice_message(value, ctx)}{hint}"

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """What is said where the option is missing."""
        return f"Choose one of {', '.join(self.choices)}."
