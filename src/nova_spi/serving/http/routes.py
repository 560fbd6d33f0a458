"""Addresses and what answers them."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from nova_spi.errors import UsageError
from nova_spi.serving.http.messages import FileAnswer, Request, Response, Streamed
from nova_spi.serving.http.statuses import NOT_FOUND

Answer = Response | Streamed | FileAnswer
Handler = Callable[..., Awaitable[Answer]]
"""``async (request: Request, served: Served, **segments: str) -> Answer``"""


@dataclass(frozen=True, slots=True)
class Route:
    """One address.

    Attributes:
        method: ``GET`` answers ``HEAD`` too.
        path: ``/v1/commands/{name}``: each ``{segment}`` takes one segment, decoded; ``{segment*}`` at the end all that
            is left, slashes and all.
        handler: Answers; it gets the segments by name.
        public: It is answered without a token: the probes, and what shows nothing of the model.
    """

    method: str
    path: str
    handler: Handler
    public: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A route that fits, with its segments."""

    route: Route
    segments: dict[str, str]


class Routes:
    """All addresses; of two that fit, the one that names more of its segments wins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, dict[str, Found]] = {}
        self._open: dict[tuple[str, ...], dict[str, Route]] = {}
        for route in routes:
            if "{" in route.path:
                self._open.setdefault(tuple(route.path.split("/")[1:]), {})[route.method] = route
            else:
                self._fixed.setdefault(route.path, {})[route.method] = Found(route, {})
        self._shapes = sorted(self._open, key=lambda shape: [part.startswith("{") for part in shape])

    def settle(self, path: str) -> None:
        """Resolves ``path`` once and for all, for the addresses that are asked for most."""
        self._fixed[path] = self.at(path)

    def at(self, path: str) -> dict[str, Found]:
        """What answers at an address, by method; nothing where there is no such address."""
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed
        parts = path.split("/")[1:]
        for shape in self._shapes:
            segments = _segments(shape, parts)
            if segments is not None:
                return {method: Found(route, segments) for method, route in self._open[shape].items()}
        return {}


def _segments(shape: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    """The values of the segments in braces; None where the address has another shape."""
    rest = shape[-1].endswith("*}")
    if len(parts) < len(shape) or (len(parts) > len(shape) and not rest):
        return None
    if rest:
        parts = [*parts[: len(shape) - 1], "/".join(parts[len(shape) - 1 :])]
    found = {}
    for name, part in zip(shape, parts, strict=True):
        if name.startswith("{"):
            found[name.strip("{*}")] = part
            if not part:
                return None
        elif name != part:
            return None
    return found


def not_found(path: str) -> UsageError:
    """The error for an address that is not there."""
    return UsageError(
        f"There is nothing at {path[:200]}.", mend="GET /openapi.json lists what is there", code=NOT_FOUND
    )


__all__ = ["Answer", "FileAnswer", "Found", "Handler", "Request", "Response", "Route", "Routes", "Streamed"]
