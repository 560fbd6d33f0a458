"""Which HTTP status an error is: one table, for every face."""

from http import HTTPStatus

from nova_spi.errors import ExecutionError, NovaSpiError, UsageError

NOT_FOUND = "usage.not_found"
METHOD = "usage.method"
TOO_LARGE = "usage.too_large"
MEDIA_TYPE = "usage.media_type"
UNAUTHORISED = "usage.unauthorised"
FORBIDDEN = "usage.forbidden"
MISDIRECTED = "usage.misdirected"
KEY_REUSED = "usage.key_reused"
"""Codes of `UsageError` that only HTTP has."""

STATUSES = {
    NOT_FOUND: HTTPStatus.NOT_FOUND,
    METHOD: HTTPStatus.METHOD_NOT_ALLOWED,
    TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    UNAUTHORISED: HTTPStatus.UNAUTHORIZED,
    FORBIDDEN: HTTPStatus.FORBIDDEN,
    MISDIRECTED: HTTPStatus.MISDIRECTED_REQUEST,
    KEY_REUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    "input.invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "queue.full": HTTPStatus.TOO_MANY_REQUESTS,
    "serving.draining": HTTPStatus.SERVICE_UNAVAILABLE,
    "worker.unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "run.timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "run.cancelled": HTTPStatus.CONFLICT,
}
RETRY_AFTER_SECONDS = 1
"""Where an error says to come back and not when."""


def status_of(error: NovaSpiError) -> int:
    """The status of an answer that says ``error``; a failure that is not in the table is the model's, 500."""
    found = STATUSES.get(error.error_code)
    if found is not None:
        return found.value
    return 400 if isinstance(error, UsageError) else 500


def retry_after(error: NovaSpiError) -> int | None:
    """Whole seconds after which it may be worth coming back; None where coming back does not help."""
    if not isinstance(error, ExecutionError) or status_of(error) not in (429, 503):
        return None
    said = error.details.get("retry_after_seconds", RETRY_AFTER_SECONDS)
    return max(1, -(-int(said * 1000) // 1000))
