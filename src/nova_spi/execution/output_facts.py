"""The files of one output against what the manifest says of them: count, size, type, media facts."""

from pathlib import Path

from nova_spi_runtime.media_types import accepted
from nova_spi_runtime.parameters import Parameter

MAX_PROBLEMS = 20


def file_problems(parameter: Parameter, files: list[Path]) -> list[str]:
    """What is wrong with them, one sentence each. A type or a fact is looked up only where the manifest names one."""
    rules = parameter.constraints
    found = []
    least, most = rules.get("min_files"), rules.get("max_files")
    if least is not None and len(files) < least:
        found.append(f"{len(files)} files came, min_files is {least}")
    if most is not None and len(files) > most:
        found.append(f"{len(files)} files came, max_files is {most}")
    for file in files:
        if len(found) >= MAX_PROBLEMS:
            break
        found += _of_file(parameter, file)
    return found


def _of_file(parameter: Parameter, file: Path) -> list[str]:
    size = file.stat().st_size
    least, most = parameter.constraints.get("min_size_bytes"), parameter.constraints.get("max_size_bytes")
    if least is not None and size < least:
        return [f"{file.name!r} has {size} bytes, min_size_bytes is {least}"]
    if most is not None and size > most:
        return [f"{file.name!r} has {size} bytes, max_size_bytes is {most}"]
    if not parameter.mime_types and not parameter.domain_specific:
        return []
    # The media libraries are slow to import: only where there is something to look up.
    from nova_spi.interface.media import MediaProblem, probe, sniff

    mime = sniff(file)
    if parameter.mime_types and not accepted(mime, parameter.mime_types):
        return [f"{file.name!r} is {mime}, not {' or '.join(parameter.mime_types)}"]
    try:
        facts = probe(file, mime)
    except MediaProblem as problem:
        return [f"{file.name!r} {problem.message}"]
    return []
