"""Whether a registry answers at all: one question, and an answer within seconds, whoever else could still wait."""

from nova_spi.artifacts.references import is_loopback

SECONDS = 3.0
"""How long a registry has to take a connection, and, where there is a way without it, to answer."""

PATIENCE_SECONDS = 30.0
"""How long it has to answer where there is no other way."""


def registry_problem(address: str) -> str:
    """Asks a registry once whether it is one; says why it is of no use, or nothing.

    Args:
        address: Its host, with its port.
    """
    status, problem = _asked(address, SECONDS)
    return problem or ("" if status in (200, 401) else f"HTTP {status}")


def unreachable(address: str) -> str:
    """Says why a registry gives no answer of any kind, or nothing; of one that is slow only its connection is hurried.

    Args:
        address: Its host, with its port.
    """
    return _asked(address, PATIENCE_SECONDS)[1]


def _asked(address: str, seconds: float) -> tuple[int, str]:
    import httpx

    scheme = "http" if is_loopback(address) else "https"
    limit = httpx.Timeout(seconds, connect=SECONDS)
    try:
        return httpx.get(f"{scheme}://{address}/v2/", timeout=limit, follow_redirects=False).status_code, ""
    except (httpx.HTTPError, OSError) as error:
        return 0, str(error).strip().rstrip(".") or type(error).__name__
