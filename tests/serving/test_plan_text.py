import json
import math
import stat
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_spi.engines.port import Environment, Gpus, Image, Job, Limits, Mount
from nova_spi.errors import UsageError
from nova_spi.serving.plan import Health, Plan, ServedCommand, Slot
from nova_spi.serving.plan_text import read, write
from nova_spi_runtime.parameters import Parameter

TEXT = st.text(st.characters(), max_size=12)
NAME = st.text("abcdefgh_", min_size=1, max_size=8)
PATHS = st.lists(NAME, min_size=1, max_size=3).map(lambda parts: Path("/", *parts))
VARIABLES = st.dictionaries(NAME, TEXT, max_size=3)
SECONDS = st.floats(0, 1e9) | st.just(math.inf)
BYTES = st.none() | st.integers(0, 2**50)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAME, JSON, max_size=3)


def several(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=2).map(tuple)


PARAMETERS = st.builds(
    Parameter.from_dict,
    st.fixed_dictionaries(
        {"name": NAME, "type": st.sampled_from(["string", "integer", "file", "array", "boolean"])},
        optional={
            "required": st.booleans(),
            "description": TEXT,
            "default": JSON,
            "secret": st.booleans(),
            "items": st.just({"type": "integer", "constraints": {"min_value": 1}}),
            "constraints": st.just({"max_files": 2}),
            "mime_types": st.just(["image/*"]),
            "schema": st.just({"type": "object"}),
        },
    ),
)
IMAGES = st.builds(Image, TEXT, PATHS, TEXT, TEXT)
ENVIRONMENTS = st.builds(
    Environment,
    PATHS,
    TEXT,
    TEXT,
    VARIABLES,
    cached=st.booleans(),
    image=st.none() | IMAGES,
    root=st.none() | PATHS,
    user=st.integers(0, 70_000),
)
JOBS = st.builds(
    Job,
    argv=several(TEXT),
    folder=PATHS,
    work_dir=PATHS,
    variables=VARIABLES,
    log=PATHS,
    limits=st.builds(
        Limits, SECONDS, st.none() | st.floats(0, 64), BYTES, BYTES, st.integers(0, 2**40), st.floats(0, 9)
    ),
    network=st.sampled_from(["none", "egress", "full"]),
    base_work_dir=st.none() | PATHS,
    writable=several(PATHS),
    readable=several(PATHS),
    devices=several(PATHS),
    gpus=st.none() | st.builds(Gpus, st.integers(1, 8), TEXT),
    environment=st.none() | ENVIRONMENTS,
    mounts=several(st.builds(Mount, PATHS, PATHS, st.booleans())),
    labels=VARIABLES,
    channel=st.none() | st.integers(3, 99),
)
COMMANDS = st.builds(
    ServedCommand,
    name=NAME,
    description=TEXT,
    default=st.booleans(),
    inputs=several(PARAMETERS),
    outputs=several(PARAMETERS),
    timeout_seconds=SECONDS,
    warm=st.booleans(),
    schemas=OBJECTS,
)
PLANS = st.builds(
    Plan,
    name=TEXT,
    version=TEXT,
    description=TEXT,
    domain=TEXT,
    project=PATHS,
    folder=PATHS,
    store=PATHS,
    commands=st.dictionaries(NAME, COMMANDS, min_size=1, max_size=2),
    engine=TEXT,
    level=TEXT,
    protections=several(OBJECTS),
    cache_dir=PATHS,
    image=st.none() | IMAGES,
    slots=several(st.builds(Slot, JOBS, PATHS, PATHS, PATHS, TEXT, st.none() | PATHS)),
    secrets=st.none() | PATHS,
    start_timeout_seconds=SECONDS,
    queue_size=st.integers(0, 10_000),
    max_batch_size=st.integers(1, 64),
    max_batch_delay_seconds=SECONDS,
    max_retries=st.integers(0, 9),
    backoff_seconds=SECONDS,
    idle_seconds=st.none() | SECONDS,
    grace_seconds=SECONDS,
    health=st.none() | st.builds(Health, SECONDS, SECONDS, st.integers(1, 9)),
    openapi=OBJECTS,
    in_place=st.booleans(),
    data_dir=st.none() | PATHS,
    workers=st.integers(1, 64),
)
PATIENT = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@PATIENT
@given(plan=PLANS)
def test_a_plan_is_read_as_it_was_written(tmp_path, plan):
    place = tmp_path / "plan.json"
    write(plan, place)
    found = read(place)
    assert found == plan
    assert list(found.commands) == list(plan.commands)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


@PATIENT
@given(plan=PLANS, data=st.data())
def test_a_plan_that_lost_or_changed_a_value_is_one_clear_error_or_none(tmp_path, plan, data):
    place = tmp_path / "plan.json"
    write(plan, place)
    document = json.loads(place.read_text())
    target: Any = document["plan"]
    while True:
        key = data.draw(st.sampled_from(sorted(target) if isinstance(target, Mapping) else range(len(target))))
        if not target[key] or not isinstance(target[key], dict | list) or data.draw(st.booleans()):
            break
        target = target[key]
    target[key] = data.draw(JSON)
    place.write_text(json.dumps(document))
    with suppress(UsageError):
        assert isinstance(read(place), Plan)


@given(content=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_no_plan(tmp_path, content):
    place = tmp_path / "plan.json"
    place.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read"):
        read(place)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"nova_spi_plan": 2, "plan": {}}', '{"nova_spi_plan": 1}', "1e999"])
def test_what_looks_like_a_plan_and_is_none_is_refused(tmp_path, text):
    place = tmp_path / "plan.json"
    place.write_text(text)
    with pytest.raises(UsageError, match="cannot be read"):
        read(place)


def test_a_plan_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.json"):
        read(tmp_path / "nowhere.json")


def test_what_a_server_reads_its_plan_with_loads_nothing_heavy():
    heavy = ("pydantic", "ruamel", "ruamel.yaml", "jsonschema", "rich", "httpx", "docker", "requests")
    program = (
        "import sys\n"
        "import nova_spi.serving.plan_text, nova_spi.serving.engines, nova_spi.serving.slots\n"
        "import nova_spi.engines.process.in_place, nova_spi.engines.docker.engine\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
