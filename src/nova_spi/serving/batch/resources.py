"""What a worker needs of a node, in Ray's words, and whether the cluster has it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nova_spi.errors import EngineUnavailable
from nova_spi.progress import Progress
from nova_spi.version import __version__

if TYPE_CHECKING:
    from nova_spi.manifest.models import Resources

LOOK_SECONDS = 60.0
MOST = 1000
"""Workers where nobody says how many."""


def needs_of(resources: "Resources | None") -> dict[str, Any]:
    """The resources of a manifest as options of an actor; a model that says nothing needs a core."""
    needs: dict[str, Any] = {"num_cpus": 1.0}
    if resources is None:
        return needs
    if resources.cpu is not None:
        needs["num_cpus"] = float(resources.cpu)
    if resources.gpu is not None:
        needs["num_gpus"] = float(resources.gpu.count)
    if resources.memory_bytes is not None:
        needs["memory"] = resources.memory_bytes
    return needs


_NAMES = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}


def fitting(needs: Mapping[str, Any], wanted: int | None) -> int:
    """How many workers to ask for: as many as are wanted, else as many as the cluster has room for.

    Raises:
        EngineUnavailable: No node is large enough for one; Ray would wait for ever.
    """
    nodes = [node["Resources"] for node in _alive()]
    room = sum(_room(node, needs) for node in nodes)
    if room:
        return wanted if wanted is not None else min(room, MOST)
    asked = ", ".join(f"{_NAMES[name]} {amount:g}" for name, amount in needs.items())
    had = "; ".join(", ".join(f"{name} {node.get(name, 0):g}" for name in _NAMES.values()) for node in nodes)
    raise EngineUnavailable(
        "No node of the cluster has room for one worker of this model.",
        why=f"It needs {asked}. The nodes have: {had}.",
        mend="join a larger node, or ask for less in the manifest's execution.resources",
    )


def _alive() -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's own
    return [node for node in nodes if node["Alive"]]


def _room(node: Mapping[str, float], needs: Mapping[str, Any]) -> int:
    counts = [node.get(_NAMES[name], 0.0) // amount for name, amount in needs.items() if amount]
    return int(min(counts, default=1.0))


def _version_there() -> Callable[[], str]:
    """A function that Ray ships by its code and not by its name: it runs where nova-spi may not be."""

    def look() -> str:
        from importlib.metadata import PackageNotFoundError, version
        from importlib.util import find_spec

        if find_spec("nova_spi") is None:
            return ""
        try:
            return version("nova-spi")
        except PackageNotFoundError:
            return "?"

    return look


def check_nodes(progress: Progress) -> None:
    """Asks every node which nova-spi it has.

    Raises:
        EngineUnavailable: One has none, or another version than this process.
    """
    look = ray.remote(_version_there())
    nodes = {node["NodeID"]: node["NodeManagerHostname"] for node in _alive()}
    asked = {}
    for identity in nodes:
        place = NodeAffinitySchedulingStrategy(identity, soft=False)
        asked[identity] = look.options(num_cpus=0, scheduling_strategy=place, max_retries=0).remote()
    wrong = []
    for identity, reference in asked.items():
        try:
            version = ray.get(reference, timeout=LOOK_SECONDS)
        except RayError as error:  # a node that dies just now
            progress.warn(f"The node {nodes[identity]} does not answer: {str(error).strip().splitlines()[0]}")
            continue
        if version not in (__version__, "?"):
            wrong.append(f"{nodes[identity]} has {version or 'none'}")
    if wrong:
        raise EngineUnavailable(
            f"Every node of the cluster needs nova-spi {__version__}.",
            why=f"{'; '.join(wrong)}.",
            mend=f"on each of them: pip install 'nova-spi[ray]=={__version__}'",
        )
