"""Errors in OpenAI's shape, with its types and statuses, so that its clients raise the right exception.

Format: ``{"error": {"message", "type", "param", "code"}}`` (OpenAI API reference, "Error codes").
"""

from typing import Any

from nova_spi.errors import InputInvalid, NovaSpiError
from nova_spi.serving.http.messages import Headers, Response
from nova_spi.serving.http.statuses import retry_after, status_of

_TYPES = {429: "rate_limit_error", 404: "invalid_request_error", 503: "service_unavailable_error", 504: "timeout_error"}
_FINAL = (409, 500, 504)
"""What is not asked again by itself: the model ran, and would run as long and fail the same way again."""


class NotAnswerable(Exception):
    """A request that no call is made of.

    Args:
        message: What is wrong with it.
        param: The field that it is about.
        code: For programs.
        status: The HTTP status.
    """

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status

    def response(self) -> Response:
        """The answer that says so."""
        return Response.json(_body(self.message, "invalid_request_error", self.param, self.code), self.status)


def body_of(error: NovaSpiError) -> dict[str, Any]:
    """An error of ours as the object that OpenAI's clients read."""
    status = _status(error)
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    text = " ".join(part for part in (error.message, error.why) if part)
    return _body(text, kind, _param(error), error.error_code)


def refused(error: NovaSpiError) -> Response:
    """The answer that says what went wrong; of a full queue and a model that is not ready with Retry-After."""
    status = _status(error)
    after = retry_after(error)
    headers: Headers = () if after is None else ((b"retry-after", b"%d" % after),)
    if status in _FINAL:
        headers += ((b"x-should-retry", b"false"),)
    return Response.json(body_of(error), status, headers)


def _status(error: NovaSpiError) -> int:
    return 400 if isinstance(error, InputInvalid) else status_of(error)


def _param(error: NovaSpiError) -> str | None:
    problems = error.details.get("problems") if isinstance(error, InputInvalid) else None
    return str(problems[0]["path"]) if problems else None


def _body(message: str, kind: str, param: str | None, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
