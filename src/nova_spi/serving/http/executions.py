"""Executions by their id: how they stand, what they wrote, the files that they gave; and how to end them."""

from urllib.parse import quote

from nova_spi.errors import UsageError
from nova_spi.serving.calls import OutputFile
from nova_spi.serving.http.events import follow
from nova_spi.serving.http.keeping import Kept
from nova_spi.serving.http.messages import JSON, FileAnswer, Request, Response
from nova_spi.serving.http.rendering import document
from nova_spi.serving.http.routes import Answer, Route
from nova_spi.serving.http.served import Served
from nova_spi.serving.http.statuses import NOT_FOUND

UNKEPT = (b"cache-control", b"no-store")
SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "audio/", "video/", "text/plain")
"""What a browser may show by itself; anything else, HTML and SVG above all, is only saved."""


def _kept(served: Served, identifier: str) -> Kept:
    found = served.executions.get(identifier)
    if found is None:
        raise UsageError(
            f"There is no execution {identifier[:100]}.",
            why="It never was, or is not kept any more.",
            code=NOT_FOUND,
        )
    return found


async def show(request: Request, served: Served, id: str) -> Response:
    """How an execution stands; its outputs or its error once it has ended."""
    return Response(200, document(_kept(served, id)), (*JSON, UNKEPT))


async def delete(request: Request, served: Served, id: str) -> Response:
    """Ends an execution where it is going on, and lets go of it with all that it left; answers how it stood last."""
    kept = _kept(served, id)
    kept.execution.cancel()
    await served.wait(kept, request)
    answer = Response(200, document(kept), (*JSON, UNKEPT))
    served.executions.remove(id)
    return answer


async def logs(request: Request, served: Served, id: str) -> Answer:
    """What an execution wrote: all of it so far, or from its beginning to its end as it comes."""
    kept = _kept(served, id)
    if request.wants_events:
        return follow(kept, request, logs=True)
    text = kept.execution.log.text().encode("utf-8", "replace")
    return Response(200, text, ((b"content-type", b"text/plain; charset=utf-8"), UNKEPT, _NOSNIFF))


async def events(request: Request, served: Served, id: str) -> Answer:
    """What happens to an execution from now on, and its end."""
    return follow(_kept(served, id), request)


async def file(request: Request, served: Served, id: str, name: str) -> FileAnswer:
    """One file that an execution gave."""
    for files in _kept(served, id).execution.files.values():
        for each in files:
            if each.name == name:
                return FileAnswer(each.path, _file_headers(each))
    raise UsageError(
        f"The execution gave no file {name[:200]}.", mend=f"GET /v1/executions/{id} names its files", code=NOT_FOUND
    )


_NOSNIFF = (b"x-content-type-options", b"nosniff")


def _file_headers(file: OutputFile) -> tuple[tuple[bytes, bytes], ...]:
    media = file.media_type
    how = "inline" if media.startswith(SHOWN) else "attachment"
    name = file.name.rpartition("/")[2]
    plain = "".join(each if 32 <= ord(each) < 127 and each not in '"\\%' else "_" for each in name)
    disposition = f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    charset = "; charset=utf-8" if media.startswith("text/") else ""
    return (
        (b"content-type", (media + charset).encode("ascii", "replace")),
        (b"content-disposition", disposition.encode()),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
        _NOSNIFF,
        UNKEPT,
    )


ROUTES = (
    Route("GET", "/v1/executions/{id}", show),
    Route("DELETE", "/v1/executions/{id}", delete),
    Route("GET", "/v1/executions/{id}/logs", logs),
    Route("GET", "/v1/executions/{id}/events", events),
    Route("GET", "/v1/executions/{id}/files/{name*}", file),
)
