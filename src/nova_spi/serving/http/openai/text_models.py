"""Which models can be asked in OpenAI's words, and with which of their inputs and outputs.

That is a model whose default command has an array input ``messages`` (chat) or a string input ``prompt`` (chat, which
gets the last user message, and completions), and one string output. Beside that it may have the outputs
``finish_reason`` (a string, e.g. ``length``), ``prompt_tokens`` and ``completion_tokens`` (integers): they say why the
text ends and what it took, and nobody else says it for the model. Further outputs of other types are not shown.
"""

from dataclasses import dataclass

from nova_spi.serving.plan import Plan, ServedCommand
from nova_spi_runtime.parameters import Parameter

FINISH_REASON = "finish_reason"
USAGE = ("prompt_tokens", "completion_tokens")
FINISH_REASONS = ("stop", "length", "content_filter", "tool_calls", "function_call")
"""The values that the field's clients know; anything else a model says is shown as ``stop``."""


@dataclass(frozen=True, slots=True)
class TextModel:
    """A model that can be asked for text.

    Attributes:
        plan: What is served.
        command: The default command.
        inputs: Its inputs by name.
        output: The name of the output that is the text.
        counts: Whether it says how many tokens there were.
    """

    plan: Plan
    command: ServedCommand
    inputs: dict[str, Parameter]
    output: str
    counts: bool

    @classmethod
    def of(cls, plan: Plan) -> "TextModel | None":
        """The text model that is served; None where it is none."""
        command = plan.default
        inputs = {parameter.name: parameter for parameter in command.inputs}
        outputs = {parameter.name: parameter for parameter in command.outputs}
        texts = [name for name, output in outputs.items() if output.type == "string" and name != FINISH_REASON]
        counts = all(name in outputs and outputs[name].type == "integer" for name in USAGE)
        found = cls(plan, command, inputs, texts[0] if texts else "", counts)
        return found if len(texts) == 1 and found.chats else None

    @property
    def takes_messages(self) -> bool:
        """Whether a conversation goes in as it is."""
        return self._is("messages", "array")

    @property
    def completes(self) -> bool:
        """Whether a plain prompt goes in."""
        return self._is("prompt", "string")

    @property
    def chats(self) -> bool:
        """Whether a conversation can be had, be it of one prompt."""
        return self.takes_messages or self.completes

    def knows(self, name: str) -> bool:
        """Whether that is the model's name: the plan's, or with its version behind a colon."""
        return name in (self.plan.name, f"{self.plan.name}:{self.plan.version}")

    def _is(self, name: str, kind: str) -> bool:
        return name in self.inputs and self.inputs[name].type == kind
