"""The table of settings: every name with its type, default and meaning."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

ENGINES = ("auto", "docker", "process", "ray")

Kind = Literal["url", "text", "path", "engine"]


class Setting(NamedTuple):
    """One row of the table of settings.

    Attributes:
        type: ``url`` (http or https), ``text``, ``path`` or ``engine`` (one of `ENGINES`).
        default: What counts where nobody says anything; None where there is nothing, or where the default follows from
            ``data_dir`` or from the user's directories.
        help: One sentence for people.
    """

    type: Kind
    default: str | None
    help: str


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "server": Setting("url", "https://aiportal.icvr.io", "The platform that login, submit and model speak to."),
        "registry": Setting("text", None, "Where images and artifacts are pushed, e.g. registry.example.org/models."),
        "engine": Setting("engine", "auto", "Where models run: auto, docker, process or ray."),
        "base_image": Setting("text", None, "What images are built from, where the manifest does not say."),
        "store": Setting("path", None, "The folder of the local artifact store; below data_dir by default."),
        "advisory_db": Setting("path", None, "The local database of advisories; below data_dir by default."),
        "osv_url": Setting("url", "https://api.osv.dev", "The service that knows advisories of packages."),
        "cache_dir": Setting("path", None, "What can be made again: environments, fetched assets."),
        "data_dir": Setting("path", None, "What cannot: stored artifacts, volumes, tokens."),
    }
)
