"""Cleaning up after a project in a container engine: what has ended, networks that nobody uses, images that are old."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nova_spi.engines.docker.connecting import Connection
from nova_spi.engines.docker.networks import LABEL as NETWORK
from nova_spi.engines.docker.reaping import OWNER, RUN, is_dead
from nova_spi.engines.docker.services import PROJECT, Services
from nova_spi.execution.removal import remove_tree
from nova_spi.execution.services import private_folder
from nova_spi.images.labels import MANIFEST
from nova_spi.project.identity import project_mark

if TYPE_CHECKING:
    from nova_spi.project.folder import Folder

TITLE = "org.opencontainers.image.title"
ORPHAN = "its nova-spi has died"
ENDED = frozenset({"created", "exited", "dead", "configured", "stopped", "initialized"})
"""States of a container without a program, in Docker's words and in Podman's."""

Kind = Literal["container", "network", "image"]


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that can go.

    Attributes:
        kind: ``container``, ``network`` or ``image``.
        id: In the engine.
        name: For people.
        why: Why it can go.
        bytes: What goes with it; of images a part of that may be shared with others.
        folder: The folder of a container's own, which goes too; None where it has none.
    """

    kind: Kind
    id: str
    name: str
    why: str
    bytes: int = 0
    folder: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON shape."""
        return {"kind": self.kind, "id": self.id, "name": self.name, "why": self.why, "bytes": self.bytes}


def leftovers(connection: Connection, folder: "Folder", *, images: bool = False) -> list[Leftover]:
    """What can go: this project's containers that have ended, those of dead runs, networks and old images.

    Nothing of another project is among them but containers of runs whose nova-spi has died.

    Args:
        connection: The engine.
        folder: The project.
        images: Also images of this project's earlier builds that have no name any more and that no container uses.

    Raises:
        EngineUnavailable: The engine does not answer.
    """
    project = project_mark(folder.root)
    with connection.speaking("looking for what can go"):
        found = list(_containers(connection, folder.root, project))
        found += _networks(connection, project, {each.id for each in found})
        if images:
            found += _images(connection, folder)
    return found


def remove(connection: Connection, leftover: Leftover) -> bool:
    """Removes one thing; False where the engine refuses, since somebody has begun to use it."""
    from docker.errors import APIError, NotFound

    api: Any = connection.client.api
    with connection.speaking("removing what is left"):
        try:
            match leftover.kind:
                case "container":
                    api.remove_container(leftover.id, v=True, force=leftover.why == ORPHAN)
                case "network":
                    api.remove_network(leftover.id)
                case "image":
                    api.remove_image(leftover.id)
        except NotFound:
            pass
        except APIError:
            return False
    if leftover.folder is not None:
        remove_tree(leftover.folder)
    return True


def _containers(connection: Connection, root: Path, project: str) -> Iterator[Leftover]:
    api: Any = connection.client.api
    for service in Services(connection, project).all():
        if service.kind != "run" and service.state in ENDED:
            size, own = _size(api, service.id), private_folder(root, service)
            yield Leftover("container", service.id, service.name, "it has ended", size, own)
    for each in api.containers(all=True, filters={"label": RUN}):
        labels = each.get("Labels") or {}
        if is_dead(labels.get(OWNER, "")):
            yield Leftover("container", each["Id"], str(labels[RUN]), ORPHAN, _size(api, each["Id"]))


def _size(api: Any, identity: str) -> int:
    found = api.containers(all=True, size=True, filters={"id": identity})
    return int(found[0].get("SizeRw") or 0) if found else 0


def _networks(connection: Connection, project: str, leaving: set[str]) -> Iterator[Leftover]:
    api: Any = connection.client.api
    for each in api.networks(filters={"label": NETWORK}):
        if (each.get("Labels") or {}).get(PROJECT, project) != project:
            continue
        # One that has ended counts: it would not start again without its network.
        members = api.containers(all=True, filters={"network": each["Name"]})
        if all(member["Id"] in leaving for member in members):
            yield Leftover("network", each["Id"], each["Name"], "no container is in it")


def _images(connection: Connection, folder: "Folder") -> Iterator[Leftover]:
    api: Any = connection.client.api
    name = folder.manifest.model.name
    used = {each.get("ImageID") for each in api.containers(all=True)}
    for each in api.images(filters={"dangling": True}):
        labels = each.get("Labels") or {}
        tagged = [tag for tag in each.get("RepoTags") or [] if "<none>" not in tag]
        if labels.get(TITLE) == name and MANIFEST in labels and each["Id"] not in used and not tagged:
            yield Leftover(
                "image", each["Id"], each["Id"][7:19], f"an earlier build of {name}", int(each.get("Size") or 0)
            )
    for each in api.images(name=f"localhost/nova-spi/{name}-development"):
        if each["Id"] not in used:
            tags = each.get("RepoTags") or [each["Id"]]
            yield Leftover("image", each["Id"], tags[0], "no container is made from it", int(each.get("Size") or 0))
