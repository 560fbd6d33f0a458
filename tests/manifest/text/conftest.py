from collections.abc import Callable

import pytest
from hypothesis import settings

from nova_spi.manifest.nodes import Mapping, Node, Scalar
from nova_spi.manifest.text.scalars import resolve_core

settings.register_profile("text", max_examples=80, deadline=None)
settings.load_profile("text")


def _data(node: Node) -> object:
    if isinstance(node, Scalar):
        return resolve_core(node.text) if node.plain else node.text
    if isinstance(node, Mapping):
        return {entry.key.text: _data(entry.value) for entry in node}
    return [_data(item) for item in node.items]


@pytest.fixture(scope="session")
def data_of() -> Callable[[Node], object]:
    """A tree as plain data by YAML 1.2's core schema."""
    return _data


@pytest.fixture
def epoch(monkeypatch) -> str:
    """A fixed time of change."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    return "2023-11-14T22:13:20Z"
