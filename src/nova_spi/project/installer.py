"""What pip gets of our environment, and what we show of its words: for environments and for images alike."""

import re
from collections.abc import Mapping

_PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TMPDIR|NETRC|XDG_(CONFIG|CACHE)_(HOME|DIRS)|SSL_CERT_(FILE|DIR)"
    r"|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(https?|ftp|all|no)_proxy|PIP_\w+|CC|CXX|(C|CXX|CPP|LD)FLAGS|MAKEFLAGS"
    r"|PKG_CONFIG_PATH|LD_LIBRARY_PATH|CUDA_HOME|CUDA_PATH|CARGO_HOME|RUSTUP_HOME|MAX_JOBS|SOURCE_DATE_EPOCH",
    re.IGNORECASE,
)
_ELSEWHERE = frozenset({"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_DRY_RUN", "PIP_REQUIREMENT"})
"""Settings that would put the packages where the model does not find them."""
_PASSWORD = re.compile(rb"(\w+://)[^/\s@]+@")


def variables(ours: Mapping[str, str]) -> dict[str, str]:
    """What pip gets of our environment."""
    passed = {name: value for name, value in ours.items() if _PASSED.fullmatch(name) and name not in _ELSEWHERE}
    return passed | {"PIP_USER": "0", "PYTHONUNBUFFERED": "1"}


def without_passwords(text: bytes) -> bytes:
    """``https://user:password@host`` -> ``https://****@host``; pip does so too, what it runs may not."""
    return _PASSWORD.sub(rb"\1****@", text)
