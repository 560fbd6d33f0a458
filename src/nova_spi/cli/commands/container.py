"""``nova-spi container``: the containers of a project that stay, and what is left of others."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nova_spi.cli import containers, style
from nova_spi.cli.showing import Showing
from nova_spi.cli.state import State, global_options, output_format
from nova_spi.cli.state import command as spi_command

if TYPE_CHECKING:
    from nova_spi.engines.docker.services import Service, Services

EXAMPLES = (
    "nova-spi container start --publish 8080:80",
    "nova-spi container list --all",
    "nova-spi container logs my-model --follow",
    "nova-spi container exec my-model -- python -c 'print(1)'",
    "nova-spi container stats --no-stream",
    "nova-spi container prune --images --yes",
)


@click.group(
    "container",
    short_help="Show, start and end the containers of this project.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Examples: nova-spi help container --verbose",
)
@global_options
@output_format()
def command() -> None:
    """Show, start and end the containers of this project, in Docker or Podman.

    A command that takes a NAME takes the beginning of a container's name or id, and where the project has but one
    container it may be left out.
    """


def _part(name: str, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    def decorate(function: Callable[..., Any]) -> click.Command:
        made = spi_command(name, **settings)(function)
        made.epilog = "Examples: nova-spi help container --verbose"
        command.add_command(made)
        return made

    return decorate


@_part("list", short_help="The containers of this project.")
@click.option("--all", "every", is_flag=True, help="Those of every project on this machine.")
def list_(state: State, every: bool) -> None:
    """Show the containers of this project, those that have ended too."""
    with _services(every=every) as services:
        found = services.all()
    if state.machine:
        _print({"containers": [each.to_dict() for each in found]})
    elif found:
        containers.show_containers(found)
    elif not state.silent:
        style.say("There are no containers." if every else "This project has no containers.")


@_part("start", short_help="Start this project's model as a container that stays.")
@click.argument("path", type=click.Path(path_type=Path), default=Path(), required=False)
@click.option("--command", "command_name", metavar="NAME", help="The command.  [default: the default command]")
@click.option("--name", help="The container's name.  [default: the model's, with a mark of the project]")
@click.option("--publish", "-p", multiple=True, metavar="[HOST:]8080:80", help="On 127.0.0.1 unless HOST says other.")
@click.option("--secret", "secrets", multiple=True, metavar="NAME=@FILE", help="A secret's value (repeatable).")
def start(
    state: State,
    path: Path,
    command_name: str | None,
    name: str | None,
    publish: tuple[str, ...],
    secrets: tuple[str, ...],
) -> None:
    """Start the model of the project PATH (default: the current folder) as a container that stays.

    It is built first where the project has changed. It is as confined as a run, has inputs and outputs of its own below
    .nova-spi/containers, and is restarted and checked as the manifest's restart and health_check say.
    """
    from nova_spi.cli.inputs import read_secrets
    from nova_spi.engines.docker.service_starting import Port
    from nova_spi.execution.services import Wish, private_folder, start_service
    from nova_spi.project.folder import open_folder
    from nova_spi.settings import Settings

    folder = open_folder(path)
    wish = Wish(command_name, name, tuple(Port.parse(each) for each in publish), read_secrets(secrets))
    with Showing(state) as progress:
        service = start_service(folder, wish, Settings.load(folder.root), progress)
    place = private_folder(folder.root, service)
    if state.machine:
        _print(service.to_dict() | {"folder": str(place)})
    elif not state.silent:
        style.say(f"{style.Paint(sys.stdout).green('✓')} Started {service.name}")
        for port in service.ports:
            style.say(f"  {port}")
        style.say(f"  its inputs and outputs: {place}")


@_part("stop", short_help="End a container's program.")
@click.argument("name", required=False)
@click.option("--timeout", type=click.IntRange(0, 3600), default=10, show_default=True, help="Seconds until SIGKILL.")
def stop(state: State, name: str | None, timeout: int) -> None:
    """End a container's program: SIGTERM, and SIGKILL after --timeout."""
    from nova_spi.execution.services import stop_service
    from nova_spi.project.folder import open_folder

    with _services() as services:
        service = stop_service(services.connection, open_folder(Path()), _chosen(services, name), timeout)
    if state.machine:
        _print(service.to_dict())
    elif not state.silent:
        style.say(f"{style.Paint(sys.stdout).green('✓')} Stopped {service.name}")


@_part("logs", short_help="What a container has written.")
@click.argument("name", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on until it ends.")
@click.option("--tail", "-n", type=click.IntRange(0), metavar="N", help="The last N lines only.")
def logs(state: State, name: str | None, follow: bool, tail: int | None) -> None:
    """Show what a container has written, its standard output and error together.

    As JSON: one object with its lines; with --follow one object a line.
    """
    import json

    with _services() as services:
        service = _chosen(services, name)
        lines = containers.whole_lines(services.logs(service, follow=follow, tail=tail))
        if not state.machine:
            for line in lines:
                style.say(line)
        elif follow:
            for line in lines:
                style.say(json.dumps({"name": service.name, "line": line}, ensure_ascii=True))
        else:
            _print({"name": service.name, "lines": list(lines)})


@_part("exec", short_help="Run a further program in a container.")
@click.argument("name")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(state: State, name: str, words: tuple[str, ...]) -> int:
    """Run a program in a container that runs: nova-spi container exec NAME -- PROGRAM ARGUMENTS.

    Its exit status is passed on; 126 or 127 where it could not be started. On a terminal it has the terminal.
    """
    from nova_spi.engines.docker.service_exec import execute, execute_on_terminal

    with _services() as services:
        service = services.find(name)
        if state.machine:
            told: dict[str, list[bytes]] = {"output": [], "errors": []}
            status = execute(services.connection, service, words, told["output"].append, told["errors"].append)
            texts = {each: b"".join(pieces).decode("utf-8", "replace") for each, pieces in told.items()}
            _print({"name": service.name, "exit_code": status, **texts}, ok=status == 0)
            return status
        if all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
            return execute_on_terminal(services.connection, service, words)
        return execute(
            services.connection, service, words, containers.passing(sys.stdout), containers.passing(sys.stderr)
        )


@_part("stats", short_help="What the containers of this project use.")
@click.argument("name", required=False)
@click.option("--no-stream", is_flag=True, help="One answer only; without a terminal always.")
@click.option("--all", "every", is_flag=True, help="Those of every project on this machine.")
def stats(state: State, name: str | None, no_stream: bool, every: bool) -> None:
    """Show what containers that run use, about once a second on a terminal, until they end or Ctrl-C."""
    from nova_spi.engines.docker.service_stats import watch
    from nova_spi.engines.docker.services import must_run

    stream = not no_stream and not state.machine and style.moves(sys.stdout)
    with _services(every=every) as services:
        chosen = (
            [must_run(services.find(name))] if name else [each for each in services.all() if each.state == "running"]
        )
        for uses in watch(services.connection, chosen, stream=stream) if chosen else [[]]:
            if state.machine:
                _print({"containers": [each.to_dict() for each in uses]})
                continue
            containers.show_use(uses, again=stream)


@_part("prune", short_help="Remove what containers have left.")
@click.option("--images", is_flag=True, help="Images of this project's earlier builds, too.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def prune(state: State, images: bool, yes: bool) -> None:
    """Remove what this project's containers have left.

    That is: containers that have ended, with their folders; those that a killed nova-spi has left; our networks that
    nobody uses; with --images the images of earlier builds.
    """
    from nova_spi.errors import UsageError
    from nova_spi.execution.service_pruning import leftovers, remove
    from nova_spi.project.folder import open_folder

    with _services() as services:
        found = leftovers(services.connection, open_folder(Path()), images=images)
        if not state.machine and not state.silent:
            containers.tell_leftovers(found)
        if found and not yes:
            if state.machine or not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
                raise UsageError(
                    f"Nothing was removed; {len(found)} would be.", why="Nobody can be asked here.", mend="--yes"
                )
            if not click.confirm("Remove all this?"):
                return
        gone = [each for each in found if remove(services.connection, each)]
    freed = sum(each.bytes for each in gone)
    if state.machine:
        removed = [each.to_dict() for each in gone]
        kept = [each.to_dict() for each in found if each not in gone]
        _print({"removed": removed, "kept": kept, "bytes": freed})
    elif not state.silent:
        style.say(f"{style.Paint(sys.stdout).green('✓')} Removed {len(gone)}, {style.size(freed)}")


@contextmanager
def _services(*, every: bool = False) -> "Iterator[Services]":
    """The containers of the project that this folder is in, or those of all."""
    from nova_spi.engines.docker.connecting import connect
    from nova_spi.engines.docker.services import Services
    from nova_spi.project.folder import open_folder
    from nova_spi.project.identity import project_mark

    project = None if every else project_mark(open_folder(Path()).root)
    with connect() as connection:
        yield Services(connection, project)


def _chosen(services: "Services", name: str | None) -> "Service":
    return services.find(name) if name else services.only()


def _print(told: dict[str, Any], *, ok: bool = True) -> None:
    style.print_json({"schema_version": style.SCHEMA_VERSION, "ok": ok} | told)
