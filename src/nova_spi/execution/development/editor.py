"""Visual Studio Code on a project: in a running container, or in a folder with its virtual environment.

The address of a running container is ``vscode-remote://attached-container+HEX/FOLDER``. HEX is the UTF-8 of
``{"containerName": "/NAME"}`` in hexadecimal digits, without spaces between its words, as the Dev Containers extension
(ms-vscode-remote.remote-containers) reads it; with ``"settings": {"host": ...}`` in it the extension asks another
daemon than its own setting names.
"""

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nova_spi.project.devcontainer import replace_file

PROGRAM = "code"
SECONDS = 60.0
USUAL_HOST = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class Attached:
    """What came of opening the editor.

    Attributes:
        opened: Whether the editor took it.
        command: What opens it, for pasting.
        why: Why it was not opened; empty where it was.
    """

    opened: bool
    command: str
    why: str = ""


def container_address(name: str, folder: str, host: str = USUAL_HOST) -> str:
    """The address of a folder in a running container.

    Args:
        name: The container's.
        folder: Absolute, inside.
        host: The daemon's address.
    """
    said: dict[str, object] = {"containerName": f"/{name}"}
    if host != USUAL_HOST:
        said["settings"] = {"host": host}
    text = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
    return f"vscode-remote://attached-container+{text.encode().hex()}{folder}"


def open_container(name: str, folder: str, host: str = USUAL_HOST) -> Attached:
    """Opens the editor on a running container; see `container_address`."""
    return _open(["--folder-uri", container_address(name, folder, host)])


def open_folder(root: Path) -> Attached:
    """Opens the editor on a project with its ``.venv``; the editor's settings are written where there are none."""
    settings = root / ".vscode" / "settings.json"
    if not os.path.lexists(settings):
        settings.parent.mkdir(exist_ok=True)
        content = {"python.defaultInterpreterPath": "${workspaceFolder}/.venv/bin/python"}
        replace_file(settings, (json.dumps(content, indent=2) + "\n").encode())
    return _open([str(root)])


def _open(words: list[str]) -> Attached:
    command = shlex.join([PROGRAM, *words])
    program = shutil.which(PROGRAM)
    if program is None:
        why = "the program 'code' is not on PATH (in Visual Studio Code: Shell Command: Install 'code' command in PATH)"
        return Attached(False, command, why)
    try:
        done = subprocess.run(
            [program, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Attached(False, command, str(error))
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return Attached(False, command, told[-1][:300] if told else f"it ended with {done.returncode}")
    return Attached(True, command)
