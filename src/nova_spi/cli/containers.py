"""Containers as people read them: tables, sizes, and what programs wrote, line by line."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nova_spi.cli import style

if TYPE_CHECKING:
    from nova_spi.engines.docker.service_stats import Use
    from nova_spi.engines.docker.services import Service
    from nova_spi.execution.service_pruning import Leftover


def show_containers(found: "Iterable[Service]") -> None:
    """One line a container."""
    head = ("NAME", "KIND", "STATE", "RESTARTS", "PORTS", "IMAGE")
    _table(
        head,
        [(each.name, each.kind, _state(each), str(each.restarts), ", ".join(each.ports), each.image) for each in found],
    )


def show_use(uses: "Iterable[Use]", *, again: bool) -> None:
    """One line a container; on a terminal, ``again`` begins at its top."""
    if again:
        sys.stdout.write("\x1b[H\x1b[2J")
    head = ("NAME", "CPU %", "MEMORY", "LIMIT", "PIDS", "NET IN / OUT", "DISK READ / WRITTEN")
    _table(head, [_use(each) for each in uses])


def _state(service: "Service") -> str:
    if service.running:
        return f"{service.state} ({service.health})" if service.health else service.state
    return service.state if service.exit_code is None else f"{service.state} ({service.exit_code})"


def _use(use: "Use") -> tuple[str, ...]:
    return (
        use.name,
        f"{use.cpu_percent:.1f}",
        style.size(use.memory_bytes),
        style.size(use.memory_limit_bytes) if use.memory_limit_bytes else "-",
        str(use.processes),
        f"{style.size(use.network_in_bytes)} / {style.size(use.network_out_bytes)}",
        f"{style.size(use.disk_read_bytes)} / {style.size(use.disk_written_bytes)}",
    )


def tell_leftovers(found: "list[Leftover]") -> None:
    """What would go, and why."""
    if not found:
        style.say("There is nothing to remove.")
    for each in found:
        style.say(f"  {each.kind} {each.name}: {each.why}" + (f", {style.size(each.bytes)}" if each.bytes else ""))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        style.say("  ".join(f"{word:<{width}}" for word, width in zip(line, widths, strict=True)).rstrip())


def whole_lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """Whole lines out of pieces that end anywhere."""
    begun = b""
    for piece in pieces:
        *whole, begun = (begun + piece).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace").rstrip("\r")
    if begun:
        yield begun.decode("utf-8", "replace")


def passing(stream: Any) -> Callable[[bytes], None]:
    """What a program wrote passes as it is into a file or a pipe; a terminal is kept from being commanded by it."""
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(piece: bytes) -> None:
        if stream is None:
            return
        if stream.isatty() or not hasattr(stream, "buffer"):
            style.put(stream, decoder.decode(piece))
        else:
            stream.buffer.write(piece)
            stream.buffer.flush()

    return write
