"""Which base images may be built from: the approved list, a digest for all others, and one for each domain."""

import fnmatch
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

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


class DomainRule(NamedTuple):
    """What a build takes that names no base.

    Attributes:
        domains: Of the model.
        device: ``cpu`` or ``cuda``.
        base: A reference with ``{python}`` in it.
        reason: Why.
    """

    domains: tuple[str, ...]
    device: str
    base: str
    reason: str


@cache
def rules() -> tuple[Rule, ...]:
    """The rules, what is refused first."""
    return tuple(
        Rule(kind == "approved", each["name"], tuple(each["tags"]), each["reason"], tuple(each.get("devices", ())))
        for kind in ("refused", "approved")
        for each in _data()[kind]
    )


@cache
def domain_rules() -> tuple[DomainRule, ...]:
    """The bases by domain and device."""
    return tuple(
        DomainRule(tuple(each["domains"]), each["device"], each["base"], each["reason"]) for each in _data()["domain"]
    )


def domain_base(domain: str, device: str, python: str) -> tuple[str, str]:
    """What a model of a domain is built from where nobody says, and why.

    Args:
        domain: As the manifest says it.
        device: ``cpu`` or ``cuda``.
        python: ``3.12``.
    """
    rule = next(rule for rule in domain_rules() if domain in rule.domains and rule.device == device)
    return rule.base.format(python=python), rule.reason


@cache
def _data() -> dict[str, Any]:
    found = tomllib.loads(files("nova_spi.images").joinpath("bases.toml").read_text("utf-8"))
    return dict(found)


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
