"""What comes back from a registry, or why nothing does: bodies within bounds, its errors, failed connections."""

import ssl

import httpx

from nova_spi.artifacts.documents import Fields, load_object
from nova_spi.errors import ArtifactInvalid

MAX_ERROR_BYTES = 64 * 1024


def body(response: httpx.Response, limit: int, what: str) -> bytes:
    """The body of an answer.

    Raises:
        ArtifactInvalid: It has more bytes than the limit.
    """
    found = b""
    for chunk in response.iter_raw():
        found += chunk
        if len(found) > limit:
            raise ArtifactInvalid(f"{what} is larger than {limit} bytes.")
    return found


def said_by(response: httpx.Response) -> str:
    """The code of the first error that the registry names: ``NAME_UNKNOWN``."""
    try:
        fields = Fields(load_object(body(response, MAX_ERROR_BYTES, "The answer"), "The answer"), "The answer")
        codes = [each.text("code", 64) for each in fields.objects("errors")]
    except (ArtifactInvalid, httpx.TransportError):
        return ""
    return "".join(c for c in codes[0] if c.isascii() and (c.isalnum() or c == "_")) if codes else ""


def certificate_problem(error: BaseException) -> str:
    """What is wrong with the certificate of a server, where that is why a connection failed; else empty."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        cause = cause.__cause__ or cause.__context__
    return ""


def reason(error: httpx.TransportError) -> str:
    """Why a connection failed, for people."""
    return str(error) or type(error).__name__
