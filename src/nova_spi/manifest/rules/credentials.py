"""Credentials that stand in the manifest: found by their form or by the name of their variable, and never shown."""

import re
from collections.abc import Iterator
from typing import Any

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.nodes import Path
from nova_spi.manifest.rules.scope import Scope

_FORMS = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,}"
    r"|hf_[A-Za-z0-9]{20,}|xox[abposr]-[A-Za-z0-9-]{10,}|A(?:KIA|SIA)[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{35}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,100}:[^\s/@]{1,200}@"
)
_NAMES = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)(?:$|_)",
    re.IGNORECASE,
)
_SHORTEST = 8
_NOT_SECRET = re.compile(r"[./~$<{]|(?:true|false|none|null|changeme|example)$", re.IGNORECASE)
"""Paths, references to other variables, and words that say that nothing stands there."""


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Values of ``execution.environment`` and ``execution.config``, and passwords in the model's addresses."""
    for section in ("environment", "config"):
        yield from _inside(scope, scope.section("execution", section), ("execution", section), "")
    for name, value in scope.section("model").items():
        if name.endswith("_url"):
            yield from _inside(scope, value, ("model", name), name)


def _inside(scope: Scope, value: Any, path: Path, name: str) -> Iterator[Diagnostic]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _inside(scope, inner, (*path, key), key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _inside(scope, inner, (*path, index), name)
    elif isinstance(value, str) and looks_like_credential(name, value):
        message = f"the value of {name or 'config'} looks like a credential"
        mend = "remove it; what stands in a manifest is read by everybody who has it"
        if path[:2] == ("execution", "environment"):
            mend = f"remove it, and name {name} under execution.secrets"
        yield scope.at_key("SPI-M342", message, path, mend)


def looks_like_credential(name: str, value: str) -> bool:
    """Whether ``value``, that stands under ``name``, has the form of a credential or a name that says so."""
    if _FORMS.search(value):
        return True
    return bool(_NAMES.search(name)) and len(value) >= _SHORTEST and not _NOT_SECRET.match(value)
