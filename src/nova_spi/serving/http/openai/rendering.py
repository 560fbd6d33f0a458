"""Completions and their pieces as OpenAI's clients read them.

Formats: OpenAI API reference, "The chat completion object", "The chat completion chunk object" and "The completion
object"; pieces are server-sent events, and the last is ``[DONE]``.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nova_spi.serving.http.openai.requests import Kind, TextRequest
from nova_spi.serving.http.openai.text_models import FINISH_REASON, FINISH_REASONS, TextModel
from nova_spi.serving.http.rendering import compact

DONE = b"data: [DONE]\n\n"


def event(value: Any) -> bytes:
    """One server-sent event."""
    return b"data: %b\n\n" % compact(value)


@dataclass(frozen=True, slots=True)
class Rendering:
    """How one completion is written.

    Attributes:
        kind: Of a chat or a plain one.
        asked: The request.
        text_model: Who answers.
        execution: The id of the execution, which is the completion's behind its prefix.
        created: Seconds since the epoch.
    """

    kind: Kind
    asked: TextRequest
    text_model: TextModel
    execution: str
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """The completion."""
        text = outputs.get(self.text_model.output) or ""
        choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": finish_reason(outputs)}
        if self.kind == "chat":
            choice["message"] = {"role": "assistant", "content": text, "refusal": None}
        else:
            choice["text"] = text
        found = self._head("chat.completion") | {"choices": [choice]}
        usage = self.usage(outputs)
        return found if usage is None else found | {"usage": usage}

    def first(self) -> bytes:
        """What comes before the first piece: who speaks, in a chat."""
        return event(self._chunk({"role": "assistant", "content": ""})) if self.kind == "chat" else b""

    def piece(self, text: str) -> bytes:
        """A piece of the text."""
        return event(self._chunk({"content": text} if self.kind == "chat" else text))

    def last(self, outputs: Mapping[str, Any]) -> bytes:
        """What comes after the last piece."""
        found = event(self._chunk({} if self.kind == "chat" else "", finish_reason(outputs)))
        usage = self.usage(outputs) if self.asked.include_usage else None
        if usage is not None:
            found += event(self._head("chat.completion.chunk") | {"choices": [], "usage": usage})
        return found + DONE

    def usage(self, outputs: Mapping[str, Any]) -> dict[str, int] | None:
        """How many tokens there were; None where the model does not say."""
        prompt, completion = outputs.get("prompt_tokens"), outputs.get("completion_tokens")
        if not self.text_model.counts or prompt is None or completion is None:
            return None
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }

    def _chunk(self, piece: Any, reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta" if self.kind == "chat" else "text": piece, "logprobs": None}
        return self._head("chat.completion.chunk") | {"choices": [choice | {"finish_reason": reason}]}

    def _head(self, what: str) -> dict[str, Any]:
        prefix = "chatcmpl" if self.kind == "chat" else "cmpl"
        return {
            "id": f"{prefix}-{self.execution}",
            "object": what if self.kind == "chat" else "text_completion",
            "created": self.created,
            "model": self.asked.model,
        }


def finish_reason(outputs: Mapping[str, Any]) -> str:
    """Why the text ends, as the model says it; ``stop`` where it says nothing."""
    found = outputs.get(FINISH_REASON)
    return found if found in FINISH_REASONS else "stop"
