"""Real attacks at every place that this machine has; where nothing is protected they do no harm."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the hostile programs, which the runs get as they are

from grounds import GROUNDS, Control, ProcessGround, Unavailable


@pytest.fixture(scope="module", params=GROUNDS)
def ground(request) -> Iterator[ProcessGround]:
    """A place of attacks; skips where there is none such. Each module makes its own: victims are our children."""
    kind, *words = GROUNDS[request.param]
    try:
        made = kind(*words)
    except Unavailable as reason:
        pytest.skip(str(reason))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def _tidy(request) -> Iterator[None]:
    """One run finds nothing of the one before."""
    yield
    if "ground" in request.fixturenames:
        request.getfixturevalue("ground").tidy()


@pytest.fixture(scope="module")
def controls() -> Iterator[dict[str, Control]]:
    """By user: the same attacks without any engine."""
    made: dict[str, Control] = {}

    class Made(dict):
        def __missing__(self, who: str) -> Control:
            made[who] = self[who] = Control(who)
            return self[who]

    try:
        yield Made()
    finally:
        for control in made.values():
            control.close()
