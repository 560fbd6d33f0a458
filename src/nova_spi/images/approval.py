"""Which base images may be built from: the approved list, and a digest for all others."""

import fnmatch
import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from nova_spi.artifacts.references import Reference
from nova_spi.errors import BuildFailed


class Rule(NamedTuple):
    """One entry of ``bases.toml``.

    Attributes:
        approved: Or refused.
        name: A pattern of references without their tags.
        tags: Patterns of tags.
        reason: Why.
        devices: What such a base is for: ``cpu``, ``cuda``.
    """

    approved: bool
    name: str
    tags: tuple[str, ...]
    reason: str
    devices: tuple[str, ...] = ()

    def meets(self, reference: Reference) -> bool:
        """Whether the rule is about this base."""
        name = f"{reference.host}/{reference.repository}"
        return fnmatch.fnmatchcase(name, self.name) and any(
            fnmatch.fnmatchcase(reference.tag, tag) for tag in self.tags
        )


@cache
def rules() -> tuple[Rule, ...]:
    """The rules, what is refused first."""
    found = tomllib.loads(files("nova_spi.images").joinpath("bases.toml").read_text("utf-8"))
    return tuple(
        Rule(kind == "approved", each["name"], tuple(each["tags"]), each["reason"], tuple(each.get("devices", ())))
        for kind in ("refused", "approved")
        for each in found[kind]
    )


def approve(reference: Reference) -> str:
    """Says why a base may be built from.

    A digest says exactly which image is meant, so it stands for itself; without one the base must be on the list.

    Raises:
        BuildFailed: It may not; the reason is the rule's.
    """
    rule = next((rule for rule in rules() if rule.meets(reference)), None)
    if reference.digest is not None:
        return "It is pinned by its digest."
    if rule is not None and rule.approved:
        return rule.reason
    raise BuildFailed(
        f"The base image {reference} is not approved.",
        why=rule.reason if rule else "It is not on the approved list, and has no digest.",
        mend="Pin it: HOST/REPOSITORY@sha256:..., or use an approved one, e.g. python:3.12-slim.",
        code="build.base_not_approved",
    )
