"""Dockerfiles: the one that we write for a manifest's system packages, and what a project's own says of its bases."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from nova_spi.errors import BuildFailed

NAME = "Dockerfile"
MAX_BYTES = 256 * 1024
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(?::[a-z0-9]+)?(?:=[A-Za-z0-9.+:~-]+)?")
_PINNED = re.compile(r"(?:[A-Za-z0-9._:/-]+@)?sha256:[0-9a-f]{64}")
_ESCAPE = re.compile(r"#\s*escape\s*=\s*([\\`])\s*", re.IGNORECASE)

_TEXT = """\
# Written by nova-spi for execution.system_packages of the manifest. What is built from this is the base of the model's
# image: the model's Python packages, weights and code come above it without a Dockerfile, and so an edit of the code
# does not come here again.

# By its digest: a tag may be another image tomorrow.
FROM {base}

# Only root may install. The model does not run as root: its image names another user above this base.
USER 0

# One step, so that no layer keeps the lists of packages, which are soon out of date. Nothing asks questions, and what
# is only recommended stays away.
RUN export DEBIAN_FRONTEND=noninteractive \\
    && apt-get update \\
    && apt-get install --yes --no-install-recommends \\
{packages} \\
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log
"""


def dockerfile(base: str, system_packages: Sequence[str]) -> str:
    """The Dockerfile that installs packages of a base's own package manager, which is Debian's.

    Args:
        base: ``NAME@sha256:...``, or an engine's id ``sha256:...``.
        system_packages: ``NAME`` or ``NAME=VERSION``; their order and repetitions do not count.

    Raises:
        BuildFailed: The base has no digest (``build.base_not_pinned``), or a name is none.
    """
    if not _PINNED.fullmatch(base):
        raise BuildFailed(
            f"The base {base[:200]!r} has no digest.",
            why="What a Dockerfile is built from must be the same tomorrow.",
            mend="Write it as NAME@sha256:...",
            code="build.base_not_pinned",
        )
    wrong = [name for name in system_packages if not _PACKAGE.fullmatch(name)]
    if wrong or not system_packages:
        said = f"{wrong[0][:120]!r} is no name of a package" if wrong else "There are no packages to install"
        raise BuildFailed(f"{said}.", mend="Write NAME or NAME=VERSION in execution.system_packages.")
    names = " \\\n".join(f"        {name}" for name in sorted(set(system_packages)))
    return _TEXT.format(base=base, packages=names)


def own_dockerfile(root: Path) -> str | None:
    """The text of a project's own ``Dockerfile``; None where it has none.

    Raises:
        BuildFailed: It is no plain file, too long, or no text.
    """
    path = root / NAME
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BuildFailed(f"{path} cannot be read.", why=f"{error.strerror}.") from error
    with os.fdopen(handle, "rb") as stream:
        plain = stat.S_ISREG(os.fstat(handle).st_mode)
        data = stream.read(MAX_BYTES + 1) if plain else b""
    if not plain or len(data) > MAX_BYTES:
        raise BuildFailed(f"{path} is no plain file of at most {MAX_BYTES} bytes.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BuildFailed(f"{path} is not UTF-8.") from error


def bases(text: str) -> tuple[str, ...]:
    """What a Dockerfile is built from: the images of its ``FROM`` lines and ``COPY --from``, as they stand there.

    Its own stages and ``scratch`` are left out. A name with a variable (``FROM $BASE``) stays as it is, and so is no
    reference that anything could approve.
    """
    stages, found = {"scratch"}, dict[str, None]()
    for words in _instructions(text):
        instruction, plain = words[0].upper(), [word for word in words[1:] if not word.startswith("--")]
        if instruction == "FROM" and plain:
            if plain[0].lower() not in stages:
                found[plain[0]] = None
            if len(plain) > 2 and plain[1].upper() == "AS":  # FROM image AS name
                stages.add(plain[2].lower())
        elif instruction in ("COPY", "ADD", "RUN"):
            named = re.findall(r"(?:--from=|(?<=,)from=)([^\s,]+)", " ".join(words[1:]))
            found.update(dict.fromkeys(name for name in named if name.lower() not in stages and not name.isdigit()))
    return tuple(found)


def _instructions(text: str) -> Iterator[list[str]]:
    """The instructions of a Dockerfile as words, lines that go on joined."""
    directive = _ESCAPE.fullmatch(text.partition("\n")[0].strip())
    escape, waiting = directive[1] if directive else "\\", ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("#") or not bare:
            continue
        if bare.endswith(escape):
            waiting += bare[:-1] + " "
            continue
        if words := (waiting + bare).split():
            yield words
        waiting = ""
    if words := waiting.split():
        yield words
