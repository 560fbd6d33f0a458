"""A batch on this machine: the project is prepared, and its workers are this process's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nova_spi.execution.choosing import choose_engine
from nova_spi.progress import Progress
from nova_spi.serving.batch.local import LocalRunner
from nova_spi.serving.batch.order import Order
from nova_spi.serving.preparing.plans import prepare, remove

if TYPE_CHECKING:
    from nova_spi.interface.compiled import CompiledCommand


@contextmanager
def here(order: Order, command: "CompiledCommand", progress: Progress) -> Iterator[LocalRunner]:
    """Prepares the project, and takes everything away again at the end.

    Raises:
        EngineUnavailable, EnvironmentFailed, AssetUnavailable: It cannot run here.
        UsageError: A secret is given that the manifest does not name.
    """
    engine = choose_engine(order.folder, order.settings, order.isolation, order.image)
    plan = prepare(
        order.folder,
        engine=engine,
        settings=order.settings,
        workers=order.workers,
        secrets=order.secrets,
        image=order.image,
        progress=progress,
        output=order.output,
    )
    try:
        yield LocalRunner(plan, engine, command.name, order.timeout)
    finally:
        remove(plan)
