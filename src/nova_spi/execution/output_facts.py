"""The files of one output against what the manifest says of them: count, size, type, media facts."""

from dataclasses import dataclass, field
from pathlib import Path

from nova_spi.errors import ExtraMissing
from nova_spi_runtime.parameters import Parameter

MAX_PROBLEMS = 20


@dataclass
class FileFindings:
    """What is wrong with the files of an output, and what could not be checked."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_output_files(parameter: Parameter, files: list[Path]) -> FileFindings:
    """Holds files against their parameter. A type or a fact is looked up only where the manifest names one."""
    rules = parameter.constraints
    found = FileFindings()
    least, most = rules.get("min_files"), rules.get("max_files")
    if least is not None and len(files) < least:
        found.problems.append(f"{len(files)} files came, min_files is {least}")
    if most is not None and len(files) > most:
        found.problems.append(f"{len(files)} files came, max_files is {most}")
    for file in files:
        if len(found.problems) >= MAX_PROBLEMS:
            break
        _check_size(parameter, file, found)
        if parameter.mime_types or parameter.domain_specific:
            _check_content(parameter, file, found)
    return found


def _check_size(parameter: Parameter, file: Path, found: FileFindings) -> None:
    size = file.stat().st_size
    least, most = parameter.constraints.get("min_size_bytes"), parameter.constraints.get("max_size_bytes")
    if least is not None and size < least:
        found.problems.append(f"{file.name!r} has {size} bytes, min_size_bytes is {least}")
    if most is not None and size > most:
        found.problems.append(f"{file.name!r} has {size} bytes, max_size_bytes is {most}")


def _check_content(parameter: Parameter, file: Path, found: FileFindings) -> None:
    # The media libraries are slow to import: only where there is something to look up.
    from nova_spi.interface.files import takes
    from nova_spi.interface.media import MediaProblem, probe, sniff
    from nova_spi.interface.media_rules import check_media

    mime = sniff(file)
    if parameter.mime_types and not takes(parameter, mime):
        found.problems.append(f"{file.name!r} is {mime}, not {' or '.join(parameter.mime_types)}")
        return
    try:
        facts = probe(file, mime)
    except MediaProblem as problem:
        found.problems.append(f"{file.name!r} {problem.message}")
        return
    except ExtraMissing as missing:
        found.warnings.append(f"{file.name!r} could not be looked into: {missing.message}")
        return
    if facts is not None and parameter.domain_specific:
        verdict = check_media(parameter.domain_specific, facts)
        found.problems += [f"{file.name!r} {said}" for said in verdict.problems]
        found.warnings += [f"{file.name!r} {said}" for said in verdict.warnings]
