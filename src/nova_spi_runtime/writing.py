"""Writers compiled once for the outputs of a command, beside `reading`: plain results straight to JSON."""

from __future__ import annotations

from json.encoder import encode_basestring

from .reading import SLOW, fast_reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Optional

    from .parameters import Parameter

_WRITERS: dict[str, Callable[[Any], str]] = {
    "string": encode_basestring,
    "enum": encode_basestring,
    "integer": int.__repr__,
    "float": float.__repr__,
    "boolean": lambda value: "true" if value else "false",
}


def writer(outputs: Sequence[Parameter]) -> Callable[[Any], Optional[bytes]]:
    """Compile what writes the result of one command.

    Returns:
        A function from what the entry point gave to the JSON object of the outputs; None where that is no plain case,
        in which it may be right or wrong.
    """
    if not outputs or any(output.type not in _WRITERS for output in outputs):
        return lambda result: None
    plan = []
    for index, output in enumerate(outputs):
        before = ("," if index else "{") + encode_basestring(output.name) + ":"
        plan.append((output.name, before, fast_reader(output), _WRITERS[output.type]))
    count = len(plan)

    def write(result: Any) -> Optional[bytes]:
        if type(result) is not dict:
            if count > 1:
                return None
            result = {plan[0][0]: result}
        elif len(result) != count:
            return None
        pieces = ""
        for name, before, fast, text in plan:
            value = fast(result.get(name))
            if value is SLOW:
                return None
            pieces += before + text(value)
        return (pieces + "}").encode()

    return write
