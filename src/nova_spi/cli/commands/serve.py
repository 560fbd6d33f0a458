"""``nova-spi serve``: a model over HTTP. It prepares what is to be served, and becomes the server."""

import importlib.util
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from nova_spi.cli.calling import Place
from nova_spi.cli.inputs import place_options, read_secrets, secret_option
from nova_spi.cli.showing import Showing
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command
from nova_spi.errors import ExtraMissing

if TYPE_CHECKING:
    from nova_spi.engines.process.isolation.levels import Level
    from nova_spi.serving.plan import Plan

NEEDED = ("uvicorn", "httptools", "uvloop")
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

EXAMPLES = (
    "nova-spi serve",
    "nova-spi serve my-model --port 9000 --workers 2",
    "nova-spi serve my-model:1.0.0 --host 0.0.0.0 --token-file token.txt",
    "nova-spi serve --idle-timeout 600 --secret API_KEY=@key.txt",
)


@spi_command("serve", short_help="Serve a model over HTTP, with workers that have it loaded.")
@click.argument("path", metavar="[PATH or REF]", default=".", required=False)
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Where to listen; beyond this machine only with a token.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", default=8000, show_default=True, help="0 takes a free one."
)
@click.option(
    "--workers", type=click.IntRange(1, 1000), metavar="N", help="How many at once.  [default: the manifest's, else 1]"
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Holds the token that callers must send.  [default: none on this machine, else one is made]",
)
@place_options
@secret_option
@click.option(
    "--queue-size",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    default=1000,
    show_default=True,
    help="How many calls may wait; one more is refused with 429.",
)
@click.option(
    "--max-body-size",
    type=click.IntRange(1024, 240 * 1024 * 1024),
    metavar="BYTES",
    default=64 * 1024 * 1024,
    show_default=True,
    help="Of a body of JSON. Files in a form have bounds of their own.",
)
@click.option(
    "--max-file-size",
    type=click.IntRange(1),
    metavar="BYTES",
    default=10 * 1024**3,
    show_default=True,
    help="Of an input file where the manifest has no max_size_bytes.",
)
@click.option(
    "--start-timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    default=600.0,
    show_default=True,
    help="A worker that is not ready by then is ended.",
)
@click.option(
    "--idle-timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Without a call for so long, workers end until the next one.  [default: never]",
)
@click.option(
    "--drain-timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="What calls get to finish at the end.  [default: as long as the slowest may take]",
)
@click.option("--in-place", is_flag=True, hidden=True, help="In an image for serving: the environment is the image's.")
def command(
    state: State,
    path: str,
    host: str,
    port: int,
    workers: int | None,
    token_file: Path | None,
    engine: str | None,
    require_isolation: "Level | None",
    secrets: tuple[str, ...],
    queue_size: int,
    max_body_size: int,
    max_file_size: int,
    start_timeout: float,
    idle_timeout: float | None,
    drain_timeout: float | None,
    in_place: bool,
) -> int:
    """Serve a model over HTTP: the project PATH (default: the current folder), or the built image REF.

    What it answers stands at /openapi.json; at / is a page to try it. Ctrl-C lets calls come to their end.
    """
    _check_installed()
    from nova_spi.serving.http import listening, tokens
    from nova_spi.serving.preparing.plans import prepare, remove

    if token_file is not None:
        tokens.read(token_file)
    values = read_secrets(secrets)
    with listening.bind(host, port) as bound:
        open_place = _in_place if in_place else Place.open
        place = open_place(path, engine, require_isolation, state)
        with Showing(state) as progress:
            plan = prepare(
                place.folder,
                engine=place.engine,
                settings=place.settings,
                workers=workers,
                secrets=values,
                image=place.image,
                progress=progress,
                queue_size=queue_size,
                start_timeout_seconds=start_timeout,
                idle_seconds=idle_timeout,
            )
        options = ["--host", host, "--output-format", state.output_format]
        options += ["--max-body-size", str(max_body_size), "--max-file-size", str(max_file_size)]
        options += ["--token-file", str(token_file.absolute())] if token_file is not None else []
        options += ["--drain-timeout", str(drain_timeout)] if drain_timeout is not None else []
        options += ["--silent"] if state.silent else []
        options += ["--show-log"] if state.verbosity else []
        try:
            _become(plan, bound, options)
        except BaseException:  # whatever kept us from becoming the server: what was prepared goes
            remove(plan)
            raise


def _in_place(path: str, engine: str | None, isolation: "Level | None", state: State) -> Place:
    """The project of the image that we are in; another engine than that of its own processes there is none."""
    del engine
    from nova_spi.cli.calling import opened
    from nova_spi.engines import select

    folder, settings, _ = opened(path, "process", state)
    return Place(folder, settings, select.in_place(settings, isolation))


def _check_installed() -> None:
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise ExtraMissing.named("serve", package, "nova-spi serve")


def _become(plan: "Plan", bound: socket.socket, options: list[str]) -> NoReturn:
    """Replaces this program by the server; the process stays the same, and with it the locks that it holds."""
    from nova_spi.serving.plan_text import write

    path = plan.folder / "plan.json"
    write(plan, path)
    bound.set_inheritable(True)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # the server hears them as soon as it listens for them
    words = [sys.executable, "-P", "-m", "nova_spi.serving.server", str(path), "--listener", str(bound.fileno())]
    os.execv(sys.executable, [*words, *options])  # noqa: S606 - our own interpreter, without a shell
