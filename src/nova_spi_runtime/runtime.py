"""`SPIRuntime`: what a program says when it wants its inputs, and when it has its outputs."""

from __future__ import annotations

import os
import sys

from . import failures
from .inputs import read_inputs
from .manifests import find_manifest, load_manifest, select_command, work_dir_of
from .outputs import write_outputs
from .places import Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from logging import Logger
    from typing import Any, Union

LOG_FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"


class SPIRuntime:
    """The contract of a run, for a program.

    An `SPIError` that the program does not catch ends it with one line on standard error, the typed error in
    ``SPI_ERROR_FILE`` and exit status 1.

    Args:
        manifest_path: Where the manifest stands; None looks at the known places.

    Attributes:
        manifest: The manifest as a dict.
        command: The command that runs, with its parameters: ``SPI_COMMAND``, or the default.
        places: The files and folders of this run.

    Raises:
        SPIError: ``manifest.unreadable``.
    """

    def __init__(self, manifest_path: Union[str, os.PathLike[str], None] = None) -> None:
        failures.install(Places(os.getcwd()).error_file)
        path = find_manifest(None if manifest_path is None else os.fspath(manifest_path))
        self.places = Places(work_dir_of(path))
        failures.install(self.places.error_file)
        manifest = load_manifest(path)
        self.command = select_command(manifest, path, os.environ.get("SPI_COMMAND"))
        self.manifest: dict[str, Any] = {key: value for key, value in manifest.items() if key != "x-compiled"}
        self._logger: Logger | None = None

    @property
    def logger(self) -> Logger:
        """The logger ``spi``: from INFO, to standard output, ``time - name - level - message``."""
        if self._logger is None:
            self._logger = _make_logger()
        return self._logger

    def parse_inputs(self) -> dict[str, Any]:
        """The inputs that were given or have a default, by name, as typed values.

        A file is a `pathlib.Path` where ``max_files`` is 1, and a list of them everywhere else; paths are absolute.

        Raises:
            SPIError: ``input.invalid``, with everything that is missing or wrong.
        """
        return read_inputs(self.command.inputs, self.places)

    def write_outputs(self, outputs: Mapping[str, Any]) -> None:
        """Check the outputs, put files in their place under their names, and write ``SPI_OUTPUT_FILE``.

        A file output is a path or a list of paths. One that is left out is looked for below its mount path. NumPy's
        scalars and arrays count as numbers and lists. A second call replaces what the first wrote.

        Raises:
            SPIError: ``output.missing`` or ``output.invalid``, with everything that is wrong. Nothing is written then.
        """
        write_outputs(self.command.outputs, outputs, self.places)


def _make_logger() -> Logger:
    import logging

    logger = logging.getLogger("spi")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter(LOG_FORMAT))
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger
