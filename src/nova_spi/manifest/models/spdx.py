"""Licences as SPDX expressions, e.g. ``Apache-2.0 OR LicenseRef-Ours``.

Source of the syntax: SPDX specification 2.3, annex D. The list of identifiers is that of license-expression.
"""

import re
from functools import cache, lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from nova_spi.manifest.models.fields import Told

_WORD = re.compile(r"[^\s()]+")
_OWN = re.compile(r"^(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+$")
# Loading the whole list takes 50 ms; these few, which most manifests name, need no list.
_PLAIN = {"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "MPL-2.0", "ISC", "Unlicense", "CC0-1.0", "CC-BY-4.0"}
_LONGEST = 1000


@lru_cache(maxsize=256)
def license_problem(expression: str) -> str | None:
    """Why ``expression`` is no SPDX expression, or None where it is one."""
    if expression in _PLAIN or _OWN.match(expression):
        return None
    if len(expression) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if not expression.strip():
        return "is not an SPDX expression"
    from license_expression import ExpressionError, ExpressionParseError

    # Names of one's own are not on any list; an identifier that is stands in for them while the rest is checked.
    known = _WORD.sub(lambda word: "MIT" if _OWN.match(word[0]) else word[0], expression)
    try:
        found = _licensing().validate(known)
    except (ExpressionError, ExpressionParseError, ValueError, AttributeError, TypeError, IndexError):
        return "is not an SPDX expression"  # the library's parser gives up on some texts with errors of its own making
    if not found.errors:
        return None
    unknown = [symbol for symbol in found.invalid_symbols if symbol]
    return f"names {', '.join(unknown)}, which SPDX does not list" if unknown else "is not an SPDX expression"


@cache
def _licensing() -> Any:
    """The list of licences, read once: it takes 25 ms."""
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def _checked(expression: str) -> str:
    problem = license_problem(expression)
    if problem:
        raise PydanticCustomError(
            "SPI-M240",
            "{shown} {problem}",
            {
                "shown": repr(expression[:80]),
                "problem": problem,
                "mend": "write an identifier of spdx.org/licenses such as Apache-2.0, "
                "or LicenseRef-NAME for a licence of your own",
            },
        )
    return expression


License = Annotated[
    str, Field(min_length=1), AfterValidator(_checked), Told("SPI-M217", "a licence", "write it, or remove the key")
]
"""An SPDX licence expression."""
