"""A request in OpenAI's words, read as the inputs of a model.

Every field that is the name of an input goes there. Of the others some are taken and mean nothing (``user``), some are
taken as long as they ask for what is so anyway (``n``: 1), and all the rest are refused by name: a caller who asks for
a temperature is told that the model has none, rather than left to believe in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nova_spi.serving.accepting.json_bodies import json_object
from nova_spi.serving.http.openai.conversations import checked, for_model, last_user_text
from nova_spi.serving.http.openai.errors import NotAnswerable
from nova_spi.serving.http.openai.text_models import TextModel

Kind = Literal["chat", "completion"]

OWN = ("model", "messages", "prompt", "stream", "stream_options", "n")
"""Fields that mean the same for every model."""

IGNORED = (
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "parallel_tool_calls",
)
"""Fields that are about the caller or the service, not about the text."""

NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
}
"""Fields that may be there where they ask for what is so anyway."""

_LIMITS = ("max_completion_tokens", "max_tokens")
"""Two names of one thing."""


@dataclass(frozen=True, slots=True)
class TextRequest:
    """What is asked for.

    Attributes:
        model: As the caller called it.
        inputs: The model's inputs, to be checked at the door.
        stream: Pieces are wanted as they come.
        include_usage: And after them how many tokens there were.
    """

    model: str
    inputs: dict[str, Any]
    stream: bool
    include_usage: bool


def parse(body: bytes, kind: Kind, text_model: TextModel) -> TextRequest:
    """Reads a request.

    Raises:
        UsageError: The body is no JSON object.
        NotAnswerable: It asks for another model, or for what this one cannot do.
    """
    found = {key: value for key, value in json_object(body).items() if value is not None}
    model = _model(found, text_model)
    stream = _flag(found, "stream", "stream")
    options = found.get("stream_options", {})
    if not isinstance(options, dict):
        raise NotAnswerable("'stream_options' must be an object.", "stream_options")
    usage = _flag(options, "include_usage", "stream_options.include_usage")
    if found.get("n", 1) != 1 or isinstance(found.get("n"), bool):
        raise NotAnswerable("The model gives one choice: 'n' must be 1.", "n", "unsupported_value")
    inputs = _text(found, kind, text_model)
    for name, value in found.items():
        if name not in OWN:
            inputs |= _field(name, value, found, text_model)
    return TextRequest(model, inputs, stream, usage)


def _model(found: Mapping[str, Any], text_model: TextModel) -> str:
    name = found.get("model")
    if not isinstance(name, str):
        raise NotAnswerable(f"'model' must be a string: {text_model.plan.name}.", "model")
    if not text_model.knows(name):
        raise unknown_model(name, text_model.plan.name)
    return name


def unknown_model(name: str, known: str | None) -> NotAnswerable:
    """The answer to who asks for a model that is not here."""
    told = f"; it is {known}" if known else ", and what is served is no text model"
    return NotAnswerable(f"There is no model '{name[:100]}' here{told}.", "model", "model_not_found", 404)


def _flag(found: Mapping[str, Any], name: str, path: str) -> bool:
    value = found.get(name)
    if not isinstance(value, bool | None):
        raise NotAnswerable(f"'{path}' must be true or false.", path)
    return bool(value)


def _text(found: Mapping[str, Any], kind: Kind, text_model: TextModel) -> dict[str, Any]:
    if kind == "completion":
        if "messages" in found:
            raise NotAnswerable("A completion takes a prompt; messages are for /v1/chat/completions.", "messages")
        return {"prompt": _prompt(found.get("prompt"))}
    if "prompt" in found:
        raise NotAnswerable("A chat takes messages; a prompt is for /v1/completions.", "prompt")
    messages = checked(found.get("messages"))
    if text_model.takes_messages:
        return {"messages": for_model(messages, text_model.inputs["messages"])}
    return {"prompt": last_user_text(messages)}


def _prompt(prompt: Any) -> str:
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise NotAnswerable("'prompt' must be one string; tokens and several prompts are not taken.", "prompt")
    return prompt


def _field(name: str, value: Any, found: Mapping[str, Any], text_model: TextModel) -> dict[str, Any]:
    """The input that a field goes to; none where it means nothing."""
    inputs = text_model.inputs
    if name in inputs:
        return {name: _stop(value, inputs[name].type) if name == "stop" else value}
    if name in _LIMITS:
        other = _LIMITS[1 - _LIMITS.index(name)]
        if other in inputs and found.get(other, value) == value:
            return {other: value}
    if name in IGNORED or _neutral(name, value):
        return {}
    more = f"; its inputs are {', '.join(inputs)}" if len(inputs) <= 20 else ""
    raise NotAnswerable(
        f"The model has no input '{name[:100]}', so that this cannot be asked of it{more}.",
        name[:100],
        "unsupported_parameter",
    )


def _neutral(name: str, value: Any) -> bool:
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in NEUTRAL.get(name, ()))


def _stop(value: Any, kind: str) -> Any:
    """Stop sequences as the input takes them: one string, or several."""
    if kind == "array":
        return [value] if isinstance(value, str) else value
    if isinstance(value, list):
        if len(value) != 1:
            raise NotAnswerable("The model takes one stop sequence.", "stop")
        return value[0]
    return value
