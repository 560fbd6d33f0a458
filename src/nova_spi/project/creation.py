"""A new project: written aside, read once to see that it is right, and then put in its place as a whole."""

import os
import re
import shutil
import tempfile
import unicodedata
from pathlib import Path

import nova_spi_runtime
from nova_spi.errors import ManifestInvalid, ProjectError
from nova_spi.project.clock import timestamp
from nova_spi.project.folder import Folder, open_folder
from nova_spi.project.templates import Template, choose, list_templates

__all__ = ["create", "list_templates", "slug"]

MAX_NAME_LENGTH = 63
MAX_DESCRIPTION_LENGTH = 1000
TREE = ("model/code", "model/weights", "assets", "inputs/files", "inputs/config", "outputs")
"""The folders of every project, as they stand in an image (runtime.md)."""

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")


def create(
    name: str,
    *,
    domain: str | None,
    output_dir: Path | str = ".",
    template: str | None = None,
    version: str = "0.1.0",
    description: str | None = None,
) -> Folder:
    """Makes the project ``name`` as a folder in ``output_dir``.

    Args:
        name: The model's name and the folder's: lower-case letters and digits, joined by single ``.``, ``_``, ``-``.
        domain: text, image, video, audio or multimodal; None takes the template's, or text.
        output_dir: Where the folder is made; it is made too where it is missing.
        template: One of `list_templates`; None takes the domain's own, without a domain the bare one.
        version: The first version, semver.
        description: One sentence that says what the model does; None takes the template's.

    Raises:
        ProjectError: The name, version, description, domain or template cannot be used; there is something at the
            place already; or it cannot be written. Nothing is left behind.
    """
    _check_name(name, domain)
    chosen = choose(domain, template)
    words = {
        "name": name,
        "version": version,
        "description": _one_line(chosen.summary if description is None else description),
        "domain": domain or chosen.domain or "text",
        "created_at": timestamp(),
    }
    target = Path(os.path.abspath(Path(output_dir) / name))  # noqa: PTH100 - resolve() would follow the user's links
    _check_free(target)
    try:
        return _write(target, chosen, words | {"description_text": words["description"]})
    except OSError as error:
        raise ProjectError(
            f"The project cannot be written to {target}.",
            why=error.strerror or str(error),
            mend="Choose a folder that you may write and that has room: --output-dir FOLDER",
            path=str(target),
        ) from error


def slug(text: str) -> str:
    """The nearest name to ``text`` that a model can have; empty where nothing of it can stay."""
    plain = unicodedata.normalize("NFKD", text[:256]).encode("ascii", "ignore").decode("ascii").lower()
    words = re.sub(r"[^a-z0-9._]+", "-", plain)
    return re.sub(r"([._-])[._-]+", r"\1", words)[:MAX_NAME_LENGTH].strip("._-")


def _check_name(name: str, domain: str | None) -> None:
    if _NAME.fullmatch(name) and len(name) <= MAX_NAME_LENGTH:
        return
    folder, _, last = name.rpartition("/")
    suggestion = slug(last)
    options = (f" --domain {domain}" if domain else "") + (f" --output-dir {folder}" if folder and suggestion else "")
    raise ProjectError(
        f"{name[:80]!r} is not a model's name." + (f" Did you mean {suggestion!r}?" if suggestion else ""),
        why="A name is made of lower-case letters and digits, joined by single '.', '_' or '-', at most "
        f"{MAX_NAME_LENGTH} characters; it becomes the repository's name.",
        mend=f"nova-spi create {suggestion or 'my-model'}{options}",
    )


def _one_line(description: str) -> str:
    text = " ".join(description.split())
    if not text or len(text) > MAX_DESCRIPTION_LENGTH or not text.isprintable():
        raise ProjectError(
            "The description is empty, too long or holds control characters.",
            mend=f"Give one sentence of at most {MAX_DESCRIPTION_LENGTH} printable characters.",
        )
    return text


def _check_free(target: Path) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ProjectError(f"{target} is there already and is not a folder.", mend="Choose another name.")
    if target.is_dir() and any(target.iterdir()):
        raise ProjectError(
            f"The folder {target} is not empty.",
            why="A project is made in a folder of its own, and nothing is overwritten.",
            mend="Choose another name, or another --output-dir.",
        )


def _write(target: Path, template: Template, words: dict[str, str]) -> Folder:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as aside:
        # A folder within, because the temporary one is for its owner only.
        root = Path(aside) / target.name
        root.mkdir()
        _fill(root, template, words)
        _check(root)
        root.rename(target)
    return open_folder(target)


def _fill(root: Path, template: Template, words: dict[str, str]) -> None:
    for relative, content in template.files(words):
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for relative in TREE:
        folder = root / relative
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            (folder / ".gitkeep").touch()
    (root / "spi").mkdir()
    shutil.copyfile(Path(nova_spi_runtime.__file__).with_name("spi_utils.py"), root / "spi" / "utils.py")


def _check(root: Path) -> None:
    try:
        _ = open_folder(root).manifest
    except ManifestInvalid as error:
        first = error.details["diagnostics"][0]
        raise ProjectError(
            f"The project would not be valid: {first['path']}: {first['message']}.",
            mend=first.get("mend", ""),
        ) from error
