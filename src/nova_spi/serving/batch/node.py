"""What stands on a node of a cluster: the project as it was shipped, one warm worker of it, and the calls it is given.

`Node` becomes an actor of Ray, in a process of Ray's on the node; the model runs in nova-spi's own engine below that,
isolated as it would be by ``nova-spi run`` there. What comes and goes is plain: bytes, texts, and references to bytes
in the object store. Ray itself moves them by pickle, so a cluster is as trusted as the machine that starts the batch;
from the model only JSON and files ever reach the node's process.
"""

import asyncio
import fcntl
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nova_spi.engines.port import Engine
from nova_spi.errors import NovaSpiError
from nova_spi.execution.removal import remove_tree
from nova_spi.serving.batch.asking import Ask
from nova_spi.serving.batch.items import Item
from nova_spi.serving.batch.runner import Answer, CannotGoOn
from nova_spi.serving.batch.shipping import Unpacking, read_file, used
from nova_spi.serving.calls import InputFile
from nova_spi.serving.plan import Plan
from nova_spi.settings import Settings
from nova_spi.version import __version__

INLINE = 64 * 1024
"""Bytes that travel with a call itself; what is larger goes through the object store."""

VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ONEAPI_DEVICE_SELECTOR")
"""How Ray says which of a node's GPUs are an actor's."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """What a node is told of the batch.

    Attributes:
        digest: Of the project, hexadecimal.
        manifest: The manifest's path in it.
        command: The command that runs.
        timeout: Of one item, in seconds; None is the command's.
        isolation: The least level to run at, or None.
    """

    digest: str
    manifest: str
    command: str
    timeout: float | None
    isolation: str | None


class Node:
    """One worker on a node. Its methods are called by the machine that started the batch."""

    def __init__(self) -> None:
        self._held = ExitStack()

    async def facts(self) -> dict[str, str]:
        """Where it is, and what is installed there."""
        return {"host": socket.gethostname(), "nova_spi": __version__, "python": sys.version.split()[0]}

    async def start(self, shipment: Shipment, project: Sequence[Any], values: Mapping[str, str]) -> dict[str, Any]:
        """Unpacks the project where that is not done yet, prepares it, and loads the model.

        Args:
            shipment: What it is.
            project: References to the pieces of the project.
            values: The secrets.

        Returns:
            {engine, level}, or {error} where it cannot run here.
        """
        try:
            root = await self._unpacked(shipment, project)
            self._runner, self._plan = await asyncio.to_thread(self._prepared, root, shipment, values)
            await self._runner.start()
        except NovaSpiError as error:
            return {"error": error.to_dict()}
        return dict(self._runner.engine)

    async def run(self, inputs: bytes, files: Mapping[str, Sequence[tuple[str, Sequence[Any]]]], embedded: bool) -> Any:
        """Runs one item.

        Args:
            inputs: The JSON object of its values.
            files: Name and pieces of each file, by input; a piece is bytes or a reference to bytes.
            embedded: See `Ask.embedded`.

        Returns:
            {outputs, files, error, seconds, log}, or {stop} where the model itself is broken.
        """
        place = self._plan.store / f"come-{secrets.token_hex(8)}"
        try:
            given = {name: [await self._come(place / name, *each) for each in files[name]] for name in files}
            ask = Ask(Item(0), None, inputs, {name: tuple(each) for name, each in given.items()}, embedded)
            answer = await self._runner.run(ask)
        except CannotGoOn as stopped:
            return {"stop": stopped.error.to_dict()}
        finally:
            await asyncio.to_thread(remove_tree, place)
        try:
            return await asyncio.to_thread(_gone, answer)
        finally:
            answer.release()

    async def close(self) -> None:
        """Ends the worker, and leaves nothing but the project."""
        if hasattr(self, "_runner"):
            await self._runner.close()
        await asyncio.to_thread(self._held.close)

    async def _unpacked(self, shipment: Shipment, project: Sequence[Any]) -> Path:
        base = Settings.load().data_dir / "cluster"
        place, lock = self._held.enter_context(used(base, shipment.digest))
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        try:
            if not place.is_dir():
                await _unpack(place, project)
        finally:
            fcntl.flock(lock, fcntl.LOCK_SH)
        return place

    def _prepared(self, root: Path, shipment: Shipment, values: Mapping[str, str]) -> Any:
        from nova_spi.execution.choosing import choose_engine
        from nova_spi.project.folder import open_folder
        from nova_spi.serving.batch.local import LocalRunner
        from nova_spi.serving.preparing.plans import prepare, remove

        folder = open_folder(root / shipment.manifest)
        settings = Settings.load(root)
        if settings.engine == "ray":
            settings = Settings.load(root, engine="auto")
        engine: Engine = choose_engine(folder, settings, shipment.isolation)  # type: ignore[arg-type]  # a Level, sent as text
        plan = prepare(folder, engine=engine, settings=settings, workers=1, secrets=values)
        self._held.callback(remove, plan)
        return LocalRunner(with_visible(plan), engine, shipment.command, shipment.timeout), plan

    async def _come(self, folder: Path, name: str, chunks: Sequence[Any]) -> InputFile:
        """A file that came, as one of this call's own."""
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as stream:
            async for chunk in _fetched(chunks):
                await asyncio.to_thread(stream.write, chunk)
        return InputFile(place, name)


def with_visible(plan: Plan) -> Plan:
    """The plan with workers that see the GPUs that are this actor's, and no others of the node."""
    seen = {name: os.environ[name] for name in VISIBLE if name in os.environ}
    if not seen:
        return plan
    slots = (
        replace(slot, job=replace(slot.job, variables={**slot.job.variables, **seen})) if slot.job.gpus else slot
        for slot in plan.slots
    )
    return replace(plan, slots=tuple(slots))


async def _unpack(place: Path, project: Sequence[Any]) -> None:
    part = place.with_name(f"{place.name}.part")
    await asyncio.to_thread(remove_tree, part)
    unpacking = Unpacking(part)
    whole = False
    try:
        async for piece in _fetched(project):
            await asyncio.to_thread(unpacking.write, piece)
        whole = True
    finally:
        unpacking.close(whole=whole)
    part.rename(place)


async def _fetched(chunks: Sequence[Any]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk if isinstance(chunk, bytes) else await chunk


def _gone(answer: Answer) -> dict[str, Any]:
    """An answer on its way to the machine that started the batch; its files go into the object store."""
    files = {
        name: [(file.name, file.size, stored(read_file(file.path), file.size)) for file in each]
        for name, each in answer.files.items()
    }
    return {
        "outputs": answer.outputs,
        "files": files,
        "error": None if answer.error is None else answer.error.to_dict(),
        "seconds": answer.seconds,
        "log": answer.log,
    }


def stored(chunks: Any, size: int) -> list[Any]:
    """Pieces as they are where they are small, else as references into the object store."""
    import ray

    return [chunk if size <= INLINE else ray.put(chunk) for chunk in chunks]
