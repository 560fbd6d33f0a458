"""Which files are the outputs: those that the model names, or those that stand where outputs belong."""

from __future__ import annotations

import os

from .inputs import check_files
from .naming import Claim, allowed
from .patterns import matches, natural_key
from .places import DEFAULT_OUTPUTS, files_below
from .problems import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from .parameters import Parameter
    from .places import Places
    from .problems import Problems


def claim_files(
    parameters: Sequence[Parameter],
    outputs: Mapping[str, Any],
    places: Places,
    problems: Problems,
    *,
    aside: Iterable[str] = (),
    given: Iterable[str] = (),
    search: bool = True,
) -> dict[str, list[Claim]]:
    """Find and check the files of every file output.

    What the model names comes first; an output that it does not name has what stands below its mount path, matches its
    pattern and is not named otherwise. An output without files is left out, unless something was wrong with it.

    Args:
        parameters: The file outputs.
        outputs: What the model gave.
        places: Where it ran.
        problems: Gets what is wrong.
        aside: Files that are no output unless the model names them, absolute.
        given: Files outside the work folder that the model was given; it may give back copies of them.
        search: Whether to look for files that the model does not name.
    """
    grounds = _Grounds(places, given)
    found: dict[str, list[Claim]] = {}
    named: set[str] = {*places.own_files(), *aside}
    ordered = sorted(parameters, key=lambda parameter: outputs.get(parameter.name) is None)
    for parameter in ordered:
        value = outputs.get(parameter.name)
        mount = places.below(parameter.mount_path or DEFAULT_OUTPUTS)
        if not grounds.has(mount):
            problems.add(parameter.name, "its mount path leaves the work folder")
            continue
        before = len(problems.found)
        if value is None:
            paths = _standing(parameter, mount, named) if search else []
        else:
            paths = _paths(parameter, value, problems)
        claims = [_claim(parameter, path, mount, grounds, problems) for path in paths]
        taken = [claim for claim in claims if claim is not None]
        named.update(paths)
        if len(problems.found) == before and taken:
            check_files(parameter, [claim.path for claim in taken], parameter.name, problems)
        if taken or len(problems.found) > before:
            found[parameter.name] = taken
    return {parameter.name: found[parameter.name] for parameter in parameters if parameter.name in found}


class _Grounds:
    """Folders that a produced file may stand in, with symbolic links resolved once."""

    def __init__(self, places: Places, given: Iterable[str] = ()) -> None:
        self.places = places
        self.given = frozenset(given)
        self.work = os.path.realpath(places.work_dir)
        # Where `tempfile` puts what a model makes on the way.
        self.temporary = os.path.realpath(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108  # only where nothing is set
        self.outputs = os.path.realpath(places.output_dir)
        self.inputs = os.path.realpath(places.below("inputs"))
        self._folders: dict[str, str] = {}

    def real(self, path: str) -> str:
        """The path without links, of something that is no link itself."""
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)

    def has(self, folder: str) -> bool:
        real = os.path.realpath(folder)
        return real == self.work or _stands_in(real, self.work)

    def allow(self, path: str) -> bool:
        real = self.real(path)
        return path in self.given or _stands_in(real, self.work) or _stands_in(real, self.temporary)

    def may_move(self, path: str, mount: str) -> bool:
        """Whether a file is the run's own; one that stands among inputs, code or weights is copied."""
        real = self.real(path)
        if path in self.given or _stands_in(real, self.inputs):
            return False
        if _stands_in(real, self.outputs) or _stands_in(real, os.path.realpath(mount)):
            return True
        return _stands_in(real, self.temporary) and not _stands_in(real, self.work)


def _stands_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _standing(parameter: Parameter, mount: str, named: set[str]) -> list[str]:
    names = [name for name in files_below(mount, deep=False) if matches(parameter.file_pattern, name)]
    paths = [os.path.join(mount, name) for name in sorted(names, key=natural_key)]
    return [path for path in paths if path not in named]


def _paths(parameter: Parameter, value: Any, problems: Problems) -> list[str]:
    """The paths of a file output, in the order in which the model gave them; a set has natural order."""
    entries = [value] if isinstance(value, str) or hasattr(value, "__fspath__") else value
    if isinstance(entries, (dict, bytes)) or not hasattr(entries, "__iter__"):
        return problems.add(parameter.name, f"must be a path or a list of paths, not {kind_of(value)}") or []
    found = []
    for index, entry in enumerate(entries):
        path = os.fspath(entry) if isinstance(entry, str) or hasattr(entry, "__fspath__") else None
        if isinstance(path, str) and path and "\0" not in path:
            found.append(os.path.abspath(path))
        else:
            problems.add(f"{parameter.name}[{index}]", f"must be a path, not {kind_of(entry)}")
    return sorted(found, key=natural_key) if isinstance(value, (set, frozenset)) else found


def _claim(parameter: Parameter, path: str, mount: str, grounds: _Grounds, problems: Problems) -> Claim | None:
    problem = _path_problem(path, grounds) or allowed(parameter, os.path.basename(path))
    if problem:
        problems.add(parameter.name, f"{os.path.basename(path)[:200]}: {problem}")
        return None
    return Claim(path, moves=grounds.may_move(path, mount))


def _path_problem(path: str, grounds: _Grounds) -> str | None:
    if os.path.islink(path):
        return "it is a symbolic link, and an output is a file"
    if not os.path.lexists(path):
        return "there is no such file"
    if not os.path.isfile(path):
        return "it is not a regular file"
    if not grounds.allow(path):
        return "it stands outside the work folder and the folder for temporary files"
    return "it belongs to the run itself" if path in grounds.places.own_files() else None
