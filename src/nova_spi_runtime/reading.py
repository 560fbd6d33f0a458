"""Readers compiled once for the inputs of a command, for those who read them thousands of times a second.

What a value is, is decided in `values` alone. A reader knows the plain cases of the plain types by heart, and asks
`values.from_json` about everything else: so it gives exactly the same values and the same problems, sooner.
"""

from __future__ import annotations

from .containers import MAX_DEPTH, is_unicode
from .parameters import MISSING
from .problems import Problems, ValueInvalid, suggestion
from .values import from_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, Optional

    from .parameters import Parameter

    Fast = Callable[[Any], Any]
    Reader = Callable[[Mapping[str, Any]], dict[str, Any]]

SLOW: Any = object()
"""What a fast reader answers about a value that is none of its plain cases: it may be right or wrong."""

_LARGEST = 3.4028234663852886e38  # of binary32
_SMALL = 2**53  # up to here integers and binary64 are the same numbers
_BOUNDS = frozenset(("min_value", "max_value"))
_LENGTHS = frozenset(("min_length", "max_length"))
_ITEMS = frozenset(("min_items", "max_items"))


def reader(parameters: Iterable[Parameter]) -> Reader:
    """Compile what reads the inputs of one command.

    Args:
        parameters: All of them; files are no values, and are left out of the question.

    Returns:
        A function from a JSON object, name to value, to the typed values in the order of the parameters: those that
        were given, and the defaults of others. A null stands for nothing given. It raises `ValueInvalid` with
        everything that is wrong: unknown names, missing ones, values against their rules.
    """
    wanted = [parameter for parameter in parameters if parameter.type != "file"]
    plan = [(each.name, fast_reader(each), _settled(each)) for each in wanted]

    def read(values: Mapping[str, Any]) -> dict[str, Any]:
        get = values.get
        found = {}
        seen = 0
        for name, fast, default in plan:
            value = get(name)
            if value is None:
                if default is SLOW:
                    return read_all(wanted, values)
                seen += name in values
                if default is not MISSING:
                    found[name] = default
                continue
            seen += 1
            value = fast(value)
            if value is SLOW:
                return read_all(wanted, values)
            found[name] = value
        return found if seen == len(values) else read_all(wanted, values)

    return read


def read_all(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """The same without anything compiled: exact in every case, with all problems.

    Raises:
        ValueInvalid: With everything that is wrong.
    """
    problems = Problems()
    known = {parameter.name for parameter in parameters}
    for name in values:
        if problems.full:
            raise ValueInvalid(problems.found)  # a million of them is one mistake, and each costs a search
        if name not in known:
            problems.add(str(name), f"is not an input{suggestion(str(name), known)}")
    found = {}
    for parameter in parameters:
        value = values.get(parameter.name)
        value = parameter.default if value is None else value
        if value is MISSING:
            if parameter.required:
                problems.add(parameter.name, "is required")
            continue
        try:
            found[parameter.name] = None if value is None else from_json(parameter, value)
        except ValueInvalid as invalid:
            for path, message in invalid.problems:
                problems.add(path, message)
    if problems.found:
        raise ValueInvalid(problems.found)
    return found


def _settled(parameter: Parameter) -> Any:
    """What stands where nothing is given: the typed default, `MISSING`, or `SLOW` where that is to be asked anew."""
    default = parameter.default
    if default is MISSING:
        return SLOW if parameter.required else MISSING
    if default is None:
        return None
    try:
        typed = from_json(parameter, default)
    except ValueInvalid:
        return SLOW
    # A list is the call's own: nobody may find there what an earlier call has put into it.
    return SLOW if isinstance(typed, (list, dict)) else typed


def fast_reader(parameter: Parameter) -> Fast:
    """Compile what takes one value: it answers with the typed value, or with `SLOW`, and never raises.

    Where a type has no plain case, it is always `SLOW`.
    """
    make = _MAKERS.get(parameter.type)
    return (make(parameter) if make is not None else None) or _always_slow


def _always_slow(value: Any) -> Any:
    return SLOW


def _text(parameter: Parameter) -> Optional[Fast]:
    rules = parameter.constraints
    if parameter.enum is not None:
        return None if rules else _choice(parameter)
    if not rules:
        return lambda value: value if type(value) is str and is_unicode(value) else SLOW
    if not _LENGTHS.issuperset(rules):
        return None
    least, most = rules.get("min_length") or 0, rules.get("max_length")

    def bounded(value: Any) -> Any:
        if type(value) is not str or len(value) < least or (most is not None and len(value) > most):
            return SLOW
        return value if is_unicode(value) else SLOW

    return bounded


def _choice(parameter: Parameter) -> Fast:
    choices = frozenset(each for each in parameter.enum or () if isinstance(each, str))
    return lambda value: value if type(value) is str and value in choices and is_unicode(value) else SLOW


def _integer(parameter: Parameter) -> Optional[Fast]:
    if parameter.enum is not None or not _BOUNDS.issuperset(parameter.constraints):
        return None
    least, most = -_SMALL, _SMALL
    for name, bound in parameter.constraints.items():
        if type(bound) is not int:
            return None
        least, most = (max(least, bound), most) if name == "min_value" else (least, min(most, bound))
    return lambda value: value if type(value) is int and least <= value <= most else SLOW


def _float(parameter: Parameter) -> Optional[Fast]:
    if parameter.enum is not None or parameter.precision == 32 or not _BOUNDS.issuperset(parameter.constraints):
        return None
    least, most = -_LARGEST, _LARGEST
    for name, bound in parameter.constraints.items():
        if type(bound) is not float and not (type(bound) is int and -_SMALL <= bound <= _SMALL):
            return None
        least, most = (max(least, float(bound)), most) if name == "min_value" else (least, min(most, float(bound)))
    if parameter.constraints:
        # How an integer compares with 0.1 is a question of decimals: only floats are plain here.
        return lambda value: value if type(value) is float and least <= value <= most else SLOW

    def plain(value: Any) -> Any:
        if type(value) is float:
            return value if least <= value <= most else SLOW
        return float(value) if type(value) is int and -_SMALL <= value <= _SMALL else SLOW

    return plain


def _boolean(parameter: Parameter) -> Optional[Fast]:
    if parameter.enum is not None or parameter.constraints:
        return None
    return lambda value: value if value is True or value is False else SLOW


def _inner(parameter: Optional[Parameter]) -> Optional[Fast]:
    """What takes the elements of an array or a map; None where their type has no plain case."""
    if parameter is None:
        return _any
    fast = fast_reader(parameter)
    return None if fast is _always_slow else fast


def _counted(parameter: Parameter) -> Optional[Callable[[int], bool]]:
    """Whether there are as many elements as may be; None where there are rules beside these."""
    rules = parameter.constraints
    if not _ITEMS.issuperset(rules):
        return None
    least, most = rules.get("min_items") or 0, rules.get("max_items")
    return lambda count: count >= least and (most is None or count <= most)


def _array(parameter: Parameter) -> Optional[Fast]:
    element, fits = _inner(parameter.items), _counted(parameter)
    if element is None or fits is None:
        return None

    def read(value: Any) -> Any:
        if type(value) is not list or not fits(len(value)):
            return SLOW
        found = []
        for each in value:
            each = element(each)
            if each is SLOW:
                return SLOW
            found.append(each)
        return found

    return read


def _map(parameter: Parameter) -> Optional[Fast]:
    element, fits = _inner(parameter.values), _counted(parameter)
    if element is None or fits is None:
        return None

    def read(value: Any) -> Any:
        if type(value) is not dict or not fits(len(value)):
            return SLOW
        found = {}
        for key, each in value.items():
            each = element(each)
            if each is SLOW or type(key) is not str or not is_unicode(key):
                return SLOW
            found[key] = each
        return found

    return read


def _object(parameter: Parameter) -> Optional[Fast]:
    known = {key: fast_reader(inner) for key, inner in parameter.properties.items()}
    if not known:
        return lambda value: _any(value) if type(value) is dict else SLOW
    needed = [key for key, inner in parameter.properties.items() if inner.required or inner.default is not MISSING]

    def read(value: Any) -> Any:
        if type(value) is not dict:
            return SLOW
        found = {}
        for key, each in value.items():
            fast = known.get(key)
            each = SLOW if fast is None else fast(each)
            if each is SLOW:
                return SLOW
            found[key] = each
        return found if all(key in found for key in needed) else SLOW

    return read


def _any(value: Any, depth: int = 0) -> Any:
    """Take a value of any shape, where all in it is plain."""
    kind = type(value)
    if depth > MAX_DEPTH:
        return SLOW
    if kind is str:
        return value if is_unicode(value) else SLOW
    if kind is float:
        return value if value - value == 0 else SLOW  # neither infinite nor no number
    if kind is int:
        return value if -_SMALL <= value <= _SMALL else SLOW
    if kind is list:
        return SLOW if any(_any(each, depth + 1) is SLOW for each in value) else value
    if kind is dict:
        slow = any(type(key) is not str or not is_unicode(key) or _any(value[key], depth + 1) is SLOW for key in value)
        return SLOW if slow else value
    return value if value is None or kind is bool else SLOW


_MAKERS: dict[str, Callable[[Parameter], Optional[Fast]]] = {
    "string": _text,
    "enum": _text,
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "array": _array,
    "map": _map,
    "object": _object,
}
