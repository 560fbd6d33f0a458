"""The messages of a conversation, as a model's inputs take them."""

from collections.abc import Mapping, Sequence
from typing import Any

from nova_spi.serving.http.openai.errors import NotAnswerable
from nova_spi_runtime.parameters import Parameter

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_TEXT_PARTS = ("text", "input_text")


def checked(found: Any) -> list[dict[str, Any]]:
    """The messages of a request; keys that are null are left out.

    Raises:
        NotAnswerable: They are no messages.
    """
    if not isinstance(found, list) or not found:
        raise NotAnswerable("'messages' must be an array of at least one message.", "messages")
    return [_message(each, f"messages[{index}]") for index, each in enumerate(found)]


def _message(found: Any, path: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise NotAnswerable("A message must be an object with role and content.", path)
    if found.get("role") not in ROLES:
        raise NotAnswerable(f"The role of a message must be one of {', '.join(ROLES)}.", f"{path}.role")
    content = found.get("content")
    if isinstance(content, list):
        for index, part in enumerate(content):
            _check_part(part, f"{path}.content[{index}]")
    elif not isinstance(content, str | None):
        raise NotAnswerable("The content of a message must be a string or an array of parts.", f"{path}.content")
    return {key: value for key, value in found.items() if value is not None}


def _check_part(part: Any, path: str) -> None:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise NotAnswerable("A part of a message's content must be an object with a type.", path)
    if part["type"] in _TEXT_PARTS and not isinstance(part.get("text"), str):
        raise NotAnswerable("A part of type text must have a text.", f"{path}.text")


def for_model(messages: Sequence[Mapping[str, Any]], parameter: Parameter) -> list[dict[str, Any]]:
    """The messages as the input takes them.

    Where the manifest declares that a message's ``content`` is an array, parts go in as they are, pictures too, and a
    plain text becomes one part. Else the content is text: parts of text are put together, a line each.

    Raises:
        NotAnswerable: A part is no text, and the model takes only text.
    """
    as_parts = _takes_parts(parameter)
    found = []
    for index, message in enumerate(messages):
        content = message.get("content")
        if content is None:
            found.append(dict(message))
        elif as_parts:
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            found.append({**message, "content": parts})
        else:
            found.append({**message, "content": text_of(content, f"messages[{index}].content")})
    return found


def _takes_parts(parameter: Parameter) -> bool:
    message = parameter.items
    content = message.properties.get("content") if message is not None and message.type == "object" else None
    return content is not None and content.type == "array"


def text_of(content: Any, path: str) -> str:
    """The text of a message's content.

    Raises:
        NotAnswerable: There is a part that is no text.
    """
    if isinstance(content, str):
        return content
    for index, part in enumerate(content):
        if part["type"] not in _TEXT_PARTS:
            raise NotAnswerable(f"The model takes text alone, and a part is '{part['type'][:40]}'.", f"{path}[{index}]")
    return "\n".join(part["text"] for part in content)


def last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of the last message of the user, for a model that takes one prompt.

    Raises:
        NotAnswerable: There is none, or it is not of text alone.
    """
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if message["role"] == "user" and message.get("content") is not None:
            return text_of(message["content"], f"messages[{index}].content")
    raise NotAnswerable("There is no message of the user, and the model takes the last one alone.", "messages")
