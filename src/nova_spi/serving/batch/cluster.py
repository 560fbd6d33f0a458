"""Items run on the nodes of a Ray cluster.

Each worker is an actor with the resources of the manifest; where actors stand, and where one stands that is asked for
again after its node has died, is Ray's to say. An actor that is free takes the next item. Actors, and not Ray Data:
that needs Arrow and pandas, and gives results by blocks, so a driver that is killed would lose what a block held.
Restarts are ours to ask for and not ``max_restarts``: with that, the calls of a lost actor wait for it until there is
room for it again, which may be never, while others are idle.

Results and files come back to this process, which alone writes the journal; so each item has one line, however often
Ray or we had to run it.
"""

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import ray

from nova_spi.errors import EngineUnavailable, NovaSpiError, UsageError, WorkerCrashed
from nova_spi.execution.removal import remove_tree
from nova_spi.execution.secrets import gather
from nova_spi.progress import Progress
from nova_spi.serving.batch.asking import Ask
from nova_spi.serving.batch.identity import model_digest
from nova_spi.serving.batch.node import Shipment, stored
from nova_spi.serving.batch.order import Order
from nova_spi.serving.batch.resources import check_nodes, fitting, needs_of
from nova_spi.serving.batch.runner import Answer, CannotGoOn, rebuilt
from nova_spi.serving.batch.seats import Broken, Lost, Seat, Seats
from nova_spi.serving.batch.shipping import pack, read_file, write_file
from nova_spi.serving.calls import InputFile, OutputFile

if TYPE_CHECKING:
    from nova_spi.interface.compiled import CompiledCommand

COMING = ".coming"
"""Below the results: output files on their way from a node."""

MAX_LOSSES = 3
"""An item that was running in so many workers when they were lost is a failure: it may be what kills them."""

PLACES = 4
"""Items that a worker is given at once, for each that it takes together: the next is there when one has ended."""

CONNECT_SECONDS = 5.0


@contextmanager
def on_cluster(order: Order, command: "CompiledCommand", progress: Progress) -> Iterator["ClusterRunner"]:
    """Connects to the cluster, and ships the project; at the end the connection is closed.

    Raises:
        UsageError: It is an image, or the address is none that works.
        EngineUnavailable: There is no cluster there, it has no room for the model, or no nova-spi.
    """
    if order.image is not None:
        raise UsageError(
            "An image does not run on a cluster.", why="Projects are shipped to its nodes.", mend="name the project"
        )
    progress.stage("cluster", order.address or "auto")
    with ExitStack() as ending:
        ending.enter_context(without_ray_on_stdout())
        _connect(order.address or os.environ.get("RAY_ADDRESS") or "auto")
        ending.callback(remove_tree, order.output / COMING)
        ending.callback(_leave)
        seats, capacity = _seats(order, command, progress)
        yield ClusterRunner(seats, capacity, order.output / COMING)


def _seats(order: Order, command: "CompiledCommand", progress: Progress) -> tuple[Seats, int]:
    """The workers, and how many items they want at once; the project is on its way to them."""
    needs = needs_of(command.resources)
    check_nodes(progress)
    count = fitting(needs, order.workers)
    progress.stage("ship")
    without = (order.output.absolute(), order.inputs.absolute())
    project = [ray.put(piece) for piece in pack(order.folder.root, without)]
    execution = order.folder.manifest.execution
    values = gather(execution.secrets if execution else (), order.secrets, os.environ)
    concurrency = execution.concurrency if execution is not None else None
    places = PLACES * (concurrency.max_batch_size if concurrency is not None else 1)
    shipment = Shipment(
        model_digest(order.folder, None, without).rpartition(":")[2],
        order.folder.manifest_path.relative_to(order.folder.root).as_posix(),
        command.name,
        order.timeout,
        order.isolation,
    )
    options = {**needs, "max_concurrency": places + 2, "scheduling_strategy": "SPREAD"}
    return Seats(count, places, options, shipment, project, values, progress), count * places


class ClusterRunner:
    """Items run by the workers of a cluster.

    Args:
        seats: The workers.
        capacity: See `Runner.capacity`.
        coming: A folder for output files on their way, made and removed by the caller.
    """

    def __init__(self, seats: Seats, capacity: int, coming: Path) -> None:
        self.capacity = capacity
        self._seats = seats
        self._coming = coming

    @property
    def engine(self) -> Mapping[str, Any]:
        """See `Runner.engine`; ``on`` is the engine of the nodes."""
        return self._seats.engine

    async def start(self) -> None:
        """See `Runner.start`."""
        remove_tree(self._coming)
        await self._seats.start()

    async def run(self, ask: Ask) -> Answer:
        """See `Runner.run`."""
        losses = 0
        while losses < MAX_LOSSES:
            seat = await self._free()
            try:
                return await self._on(seat, ask)
            except Lost:
                losses += 1
            except Broken:
                continue
            finally:
                self._seats.give_back(seat)
        return Answer(
            None,
            error=WorkerCrashed(
                f"{MAX_LOSSES} workers of the cluster were lost while they ran it.",
                why="Their nodes died, or Ray ended them; the item itself may be the cause.",
            ),
        )

    async def close(self) -> None:
        """See `Runner.close`."""
        await self._seats.close()

    async def _free(self) -> Seat:
        try:
            return await self._seats.take()
        except NovaSpiError as error:
            raise CannotGoOn(error) from error

    async def _on(self, seat: Seat, ask: Ask) -> Answer:
        given = {name: [await asyncio.to_thread(_sent, file) for file in each] for name, each in ask.files.items()}
        found = await seat.run(ask.inputs, given, ask.embedded)
        error = None if found["error"] is None else rebuilt(found["error"])
        place = self._coming / secrets.token_hex(8)
        try:
            files = await self._come(place, found["files"])
        except ray.exceptions.RayError as lost:
            remove_tree(place)
            seat.alive = False
            raise Lost(str(lost)) from lost
        release = (lambda: remove_tree(place)) if files else (lambda: None)
        return Answer(found["outputs"], files, error, found["seconds"], found["log"], release)

    async def _come(self, place: Path, files: Mapping[str, Sequence[Any]]) -> dict[str, tuple[OutputFile, ...]]:
        found: dict[str, tuple[OutputFile, ...]] = {}
        for output, each in files.items():
            taken = []
            for number, (name, size, chunks) in enumerate(each):
                path = place / output / str(number)
                path.parent.mkdir(parents=True, exist_ok=True)
                await asyncio.to_thread(write_file, path, _fetched(chunks))
                taken.append(OutputFile(path, name, size))
            found[output] = tuple(taken)
        return found


def _sent(file: InputFile) -> tuple[str, list[Any]]:
    return file.name, stored(read_file(file.path), file.path.stat().st_size)


def _fetched(chunks: Sequence[Any]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk if isinstance(chunk, bytes) else ray.get(chunk)


def _connect(address: str) -> None:
    if address.startswith("ray://"):
        raise UsageError(
            "An address of Ray Client does not work here.",
            why="Results are written by a process that belongs to the cluster.",
            mend="run this command on a node of the cluster, with --address HOST:PORT or auto",
        )
    if address not in ("auto", "local"):
        _knock(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        said = str(error).strip().splitlines()
        raise EngineUnavailable(
            f"The Ray cluster {address} cannot be joined.",
            why=said[0] if said else type(error).__name__,
            mend="run this command on a node of the cluster: ray start --address HOST:PORT makes this machine one",
        ) from error
    finally:
        signal.signal(signal.SIGTERM, before)  # Ray sets its own, which ends the process at once


def _leave() -> None:
    with redirect_stdout(None):  # what Ray has not said yet, it says now
        ray.shutdown()


def _knock(address: str) -> None:
    """Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"{address} is no address of a Ray cluster.", mend="--address HOST:PORT, or auto")
    if host in ("127.0.0.1", "localhost"):
        host = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]  # Ray's; as Ray reads it
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise EngineUnavailable(
            f"No Ray cluster answers at {host}:{port}.",
            why=error.strerror or str(error),
            mend="ray status says where it is; its head prints its address when it starts",
        ) from error


@contextmanager
def without_ray_on_stdout() -> Iterator[None]:
    """Ray prints what its nodes report, e.g. that one died, from a thread of its own; there our results stand."""
    before = sys.stdout
    if before is not None:
        sys.stdout = cast(TextIO, _Without(before))
    try:
        yield
    finally:
        sys.stdout = before


class _Without:
    """A stream that Ray's threads do not reach."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if threading.current_thread().name.startswith("ray_") else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
