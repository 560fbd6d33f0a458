"""From a job to the description of its container: image, user, network, devices, labels."""

import re
from typing import TYPE_CHECKING

from nova_spi.engines.docker.flags import Flags
from nova_spi.engines.docker.gpu import devices_for
from nova_spi.engines.docker.networks import network_of
from nova_spi.engines.docker.owning import user_of
from nova_spi.engines.docker.reaping import OWNER, RUN, owner
from nova_spi.engines.port import Job
from nova_spi.errors import EngineUnavailable

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection

USER = 1000
"""Who a program is where its image names nobody, a name, or root."""


def flags_of(connection: "Connection", job: Job, image: str, name: str, *, init: bool) -> Flags:
    """Everything of the container for one job.

    Args:
        connection: The engine.
        job: What runs.
        image: The image's id in the engine.
        name: Of the container; what no engine takes in a name is left out.
        init: Whether to ask for a first process that reaps.

    Raises:
        EngineUnavailable: A folder to mount is not there, or there is no such GPU.
    """
    for mount in job.mounts:
        if not mount.source.exists():
            raise EngineUnavailable(
                f"{mount.source} is to be seen as {mount.target} in the container, and is not there.",
                engine=connection.engine,
            )
    with connection.speaking("preparing a container"):
        network = network_of(connection, job.network)
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:120]
    user = job.environment.user if job.environment is not None else USER
    return Flags(
        name=name,
        image=image,
        job=job,
        user=user_of(connection, user or USER),
        network=network,
        devices=devices_for(connection, job.gpus),
        labels={**job.labels, RUN: name, OWNER: owner()},
        init=init,
        filtered=connection.filters_calls,
    )


def number_of(user: str) -> int:
    """The user number in an image's config, ``1000:1000``; never root's."""
    number = user.partition(":")[0]
    return int(number) if number.isascii() and number.isdigit() and 0 < int(number[:10]) < 2**31 else USER
