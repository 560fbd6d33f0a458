"""File inputs: from what the caller gives to the files that are staged for the model, checked before anything runs.

A file of a type that the parameter does not take is skipped with a warning that says what it really is. A file that
lies about its type, is cut off or is a bomb is a problem, as are too few or too many files, sizes and media rules.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nova_spi.interface.candidates import Candidate, Findings, find_candidates, readable
from nova_spi.interface.claims import lies
from nova_spi.interface.media import MediaFacts, MediaProblem, ProbeLimits, probe, sniff
from nova_spi.interface.sniffing import UNKNOWN, is_text
from nova_spi_runtime.media_types import accepted, canonical
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.problems import MAX_PROBLEMS, Problem

DEFAULT_MOUNT = "inputs"
_RESERVED = ("inputs/config/", "spi/")
_MAX_NAME_BYTES = 255
_ALSO = {"audio/ogg": ("audio/opus", "application/ogg"), "video/ogg": ("application/ogg",)}
_MEDIA = ("image/", "video/", "audio/")


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One file that goes to the model.

    Attributes:
        source: Where it is now, absolute.
        relative: Where the model finds it, relative to its work folder, with ``/``.
        mime: Its media type by content.
        facts: What is known of it as a medium; None where nobody asked, or it is none.
        size: Bytes.
    """

    source: Path
    relative: str
    mime: str
    facts: MediaFacts | None
    size: int


@dataclass(frozen=True, slots=True)
class ResolvedFiles:
    """The files of one parameter, with all that was found on the way."""

    files: tuple[StagedFile, ...]
    warnings: tuple[str, ...]
    problems: tuple[Problem, ...]


def resolve_files(parameter: Parameter, value: Any, base: Path, limits: ProbeLimits | None = None) -> ResolvedFiles:
    """Finds and checks the files of one input.

    Args:
        parameter: A parameter of type file.
        value: A path, a glob, a folder, or a list of them.
        base: The folder that relative paths start from.
        limits: How much work is done for the facts of one file.

    Raises:
        ExtraMissing: Media rules or media types need Pillow or PyAV, and they are not installed.
    """
    found = Findings(parameter.name)
    return check_files(parameter, find_candidates(parameter, value, base, found), found, limits)


def check_files(
    parameter: Parameter, candidates: Sequence[Candidate], found: Findings, limits: ProbeLimits | None = None
) -> ResolvedFiles:
    """Checks files that are found already: their types, counts, sizes, and what is in them.

    Args:
        parameter: A parameter of type file.
        candidates: Each regular, with a name below the mount path that the parameter takes.
        found: What was noted while they were looked for; it takes in what is noted here.
        limits: How much work is done for the facts of one file.

    Raises:
        ExtraMissing: Media rules or media types need Pillow or PyAV, and they are not installed.
    """
    typed = [(candidate, mime) for candidate in candidates if (mime := _type_of(parameter, candidate, found))]
    if _count_fits(parameter, len(typed), len(candidates), found):
        staged = [_checked(parameter, *each, found, limits) for each in typed if len(found.problems) < MAX_PROBLEMS]
    else:
        staged = []
    files = tuple(file for file in staged if file)
    for problem in collisions((parameter.name, file) for file in files):
        found.problems.append(problem)
    return ResolvedFiles(files, tuple(found.warnings), tuple(found.problems))


def _type_of(parameter: Parameter, candidate: Candidate, found: Findings) -> str | None:
    """The file's type where the parameter takes it; else the file is skipped, with a warning, or is a problem."""
    try:
        mime = sniff(candidate.source)
    except MediaProblem as problem:
        found.problem(f"{candidate.shown} {problem.message}")
        return None
    lie = lies(candidate.source.name, mime)
    if not takes(parameter, mime):
        reason = "it is empty" if _is_empty(candidate) else f"it {lie}" if lie else _content(mime)
        found.warn(f"{candidate.shown} is skipped: {reason}, and {', '.join(parameter.mime_types)} is wanted")
        return None
    if lie:
        found.problem(f"{candidate.shown} {lie}; rename it, or give the file that it should be")
        return None
    return mime


def _is_empty(candidate: Candidate) -> bool:
    try:
        return candidate.source.stat().st_size == 0
    except OSError:
        return False


def _content(mime: str) -> str:
    return f"its content is {'of no known type' if mime == UNKNOWN else mime}"


def takes(parameter: Parameter, mime: str) -> bool:
    """Whether a parameter takes a type. ``text/plain`` takes every kind of text, Opus and Theora stand in Ogg."""
    if any(accepted(name, parameter.mime_types) for name in (mime, *_ALSO.get(mime, ()))):
        return True
    return is_text(mime) and any(canonical(item) in ("text/plain", "text/*") for item in parameter.mime_types)


def _count_fits(parameter: Parameter, count: int, before: int, found: Findings) -> bool:
    rules = parameter.constraints
    least = max(int(rules.get("min_files") or 0), int(parameter.required))
    most = rules.get("max_files")
    if count < least and not found.problems:
        reason = f" ({found.warnings[-1].partition(': ')[2]})" if before > count or found.warnings else ""
        what = "needs at least one file" if least == 1 else f"needs at least {least} files, not {count}"
        found.problem(what + reason)
    if most is not None and count > most:
        found.problem(f"takes at most {most} file{'s' * (most != 1)}, not {count}")
        return False
    return True


def _checked(
    parameter: Parameter, candidate: Candidate, mime: str, found: Findings, limits: ProbeLimits | None
) -> StagedFile | None:
    mount = (parameter.mount_path or DEFAULT_MOUNT).strip("/")
    relative = candidate.relative if mount in ("", ".") else f"{mount}/{candidate.relative}"
    problem = _name_problem(relative)
    if problem:
        found.problem(f"{candidate.shown} {problem}")
        return None
    try:
        size = candidate.source.stat().st_size
        if not _size_fits(parameter, candidate, size, found):
            return None
        facts = _facts(parameter, candidate, mime, found, limits)
    except OSError as error:
        found.problem(f"{candidate.shown} cannot be read ({error.strerror or error})")
        return None
    except MediaProblem as trouble:
        found.problem(f"{candidate.shown} {trouble.message}")
        return None
    return StagedFile(candidate.source, relative, mime, facts, size)


def _name_problem(relative: str) -> str | None:
    """Why a file cannot stand at this place for the model."""
    if not relative.isprintable():
        return "has a name with control characters or of no known encoding"
    if any(len(part.encode()) > _MAX_NAME_BYTES for part in relative.split("/")):
        return f"has a name of more than {_MAX_NAME_BYTES} bytes"
    if f"{relative}/".startswith(_RESERVED):
        return f"would stand at {relative}, a place that belongs to the run itself"
    return None


def _size_fits(parameter: Parameter, candidate: Candidate, size: int, found: Findings) -> bool:
    least, most = parameter.constraints.get("min_size_bytes"), parameter.constraints.get("max_size_bytes")
    if least is not None and size < least:
        found.problem(f"{candidate.shown} has {size} bytes, fewer than {least}")
    elif most is not None and size > most:
        found.problem(f"{candidate.shown} has {size} bytes, more than {most}")
    else:
        return True
    return False


def needs_facts(parameter: Parameter) -> bool:
    """Whether the facts of a parameter's media matter: it has rules for them, or it takes media by type."""
    return bool(parameter.domain_specific) or any(item.startswith(_MEDIA) for item in parameter.mime_types)


def _facts(
    parameter: Parameter, candidate: Candidate, mime: str, found: Findings, limits: ProbeLimits | None
) -> MediaFacts | None:
    if not needs_facts(parameter) or not mime.startswith(_MEDIA):
        return None
    facts = probe(candidate.source, mime, limits)
    rules = parameter.domain_specific.get(mime.partition("/")[0])
    if facts is None and rules:
        found.warn(f"{candidate.shown} could not be checked: the facts of {mime} cannot be read here")
    if facts is not None and rules:
        from nova_spi.interface.media_rules import check_media

        verdict = check_media(parameter.domain_specific, facts)
        for message in verdict.problems:
            found.problem(f"{candidate.shown} {message}")
        for message in verdict.warnings:
            found.warn(f"{candidate.shown} {message}")
    return facts


def collisions(staged: Iterable[tuple[str, StagedFile]]) -> list[Problem]:
    """Files of different sources that would stand at one place, or one at a place that another needs as a folder.

    Args:
        staged: Each file with the name of its parameter.
    """
    problems: list[Problem] = []
    places: dict[str, Path] = {}
    folders: dict[str, Path] = {}
    for name, file in staged:
        parents = _parents(file.relative)
        other = places.get(file.relative) or folders.get(file.relative)
        other = other or next((places[parent] for parent in parents if parent in places), None)
        if other is not None and (other != file.source or file.relative in folders):
            problems.append(
                Problem(
                    name,
                    f"{readable(str(file.source))} and {readable(str(other))} would both stand at {file.relative}; "
                    "rename one of them",
                )
            )
        places.setdefault(file.relative, file.source)
        for parent in parents:
            folders.setdefault(parent, file.source)
    return problems


def _parents(relative: str) -> list[str]:
    parts = relative.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
