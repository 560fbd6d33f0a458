"""What the manifest says about its project, held against the files: is what it names there?

Nothing of the project is run or imported. Every finding comes at once, with the place in the manifest that names what
is missing.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.errors import ProjectError
from nova_spi.manifest.diagnostics import Diagnostic, Findings
from nova_spi.manifest.finding import finding
from nova_spi.manifest.nodes import Path as Place
from nova_spi.project.entry_points import check_entry_points
from nova_spi.project.files import links_that_leave
from nova_spi.project.folder import MANIFEST_NAMES, Folder, open_folder
from nova_spi.project.places import Places

if TYPE_CHECKING:
    from nova_spi.manifest.models import Manifest


def validate(path: Path | str) -> tuple[Folder, list[Diagnostic]]:
    """Every finding about a manifest, and, where ``path`` is a folder, about its project too.

    Raises:
        ManifestUnreadable: There is no manifest, or it cannot be opened.
    """
    folder = open_folder(path)
    findings = Findings(list(folder.document.diagnostics))
    if Path(path).is_dir():
        findings.extend(check_project(folder))
    return folder, findings.sorted()


def check_project(folder: Folder) -> Findings:
    """Every finding about the project; of a manifest with errors only what does not need its content."""
    findings = Findings()
    findings.extend(_two_manifests(folder))
    findings.extend(_links(folder))
    manifest = folder.document.manifest
    if manifest is not None:
        checks = _Checks(manifest, Places(folder.root, folder.document, _has_requirements(manifest)))
        findings.extend(check_entry_points(manifest, checks.places))
        findings.extend(checks.all())
    return findings


def _has_requirements(manifest: "Manifest") -> bool:
    return bool(manifest.execution and manifest.execution.requirements)


def _two_manifests(folder: Folder) -> Iterator[Diagnostic]:
    present = [name for name in MANIFEST_NAMES if os.path.lexists(folder.root / name)]
    for other in present:
        if folder.manifest_path.name in present and other != folder.manifest_path.name:
            message = f"{other} stands beside {folder.manifest_path.name}; a project has one manifest"
            mend = f"keep one of them; {folder.manifest_path.name} is the one that was read"
            yield replace(finding("SPI-M400", message, mend=mend), file=other)


def _links(folder: Folder) -> Iterator[Diagnostic]:
    try:
        for relative in links_that_leave(folder.root):
            message = f"the link {relative} leads out of the project or nowhere; the model will not have it"
            mend = "copy what it leads to, declare it as an asset, or name it in .spiignore"
            yield replace(finding("SPI-M411", message, mend=mend), file=relative)
    except ProjectError as error:
        said = [part.removesuffix(".") for part in (error.message, error.why) if part]
        message = f"the project cannot be looked through: {'; '.join(part[0].lower() + part[1:] for part in said)}"
        yield finding("SPI-M413", message, mend=error.mend or "make the project readable")


@dataclass(frozen=True, slots=True)
class _Checks:
    """The checks of the files that the manifest names."""

    manifest: "Manifest"
    places: Places

    def all(self) -> Iterator[Diagnostic]:
        """Each kind of file in the order of the manifest."""
        yield from self._requirements()
        yield from self._assets()
        yield from self._cases()
        yield from self._dataset()
        yield from self._media()

    def _requirements(self) -> Iterator[Diagnostic]:
        execution = self.manifest.execution
        if execution and execution.requirements:
            place: Place = ("execution", "requirements")
            yield from self._file("SPI-M405", "the requirements file", execution.requirements, place)

    def _assets(self) -> Iterator[Diagnostic]:
        for index, asset in enumerate(self.manifest.assets):
            path = asset.uri.removeprefix("file:")
            if path == asset.uri or path.startswith("/") or asset.optional:
                continue
            found = self.places.file_or_folder(path)
            if isinstance(found, str):
                yield self._missing("SPI-M414", "the asset", path, found, ("assets", index, "uri"))

    def _cases(self) -> Iterator[Diagnostic]:
        for index, case in enumerate(self.manifest.test_cases):
            for name, paths in (case.files or {}).items():
                place: Place = ("test_cases", index, "files", name)
                if isinstance(paths, str):
                    yield from self._case_files(name, paths, place)
                else:
                    for at, path in enumerate(paths):
                        yield from self._case_files(name, path, (*place, at))
            for output, path in (case.expect.reference or {}).items():
                place = ("test_cases", index, "expect", "reference", output)
                yield from self._file("SPI-M408", f"the reference of {output}", path, place)

    def _case_files(self, name: str, path: str, place: Place) -> Iterator[Diagnostic]:
        found = self.places.matches(path)
        if isinstance(found, str):
            code = "SPI-M406" if found.startswith(("does not", "matches")) else "SPI-M407"
            yield self._missing(code, f"the test file of {name}", path, found, place)

    def _dataset(self) -> Iterator[Diagnostic]:
        dataset = self.manifest.benchmark.dataset if self.manifest.benchmark else None
        if dataset:
            found = self.places.file_or_folder(dataset)
            if isinstance(found, str):
                yield self._missing("SPI-M410", "the data set", dataset, found, ("benchmark", "dataset"))

    def _media(self) -> Iterator[Diagnostic]:
        catalog = self.manifest.catalog
        if catalog is None:
            return
        places: list[Place] = [("catalog", "thumbnail")] if catalog.thumbnail else []
        places += [("catalog", "media_carousel", index) for index in range(len(catalog.media_carousel))]
        for path, place in zip(self.manifest.catalog_media, places, strict=True):
            yield from self._file("SPI-M409", "the medium of the catalog", path, place)

    def _file(self, code: str, what: str, path: str, place: Place) -> Iterator[Diagnostic]:
        found = self.places.file(path)
        if isinstance(found, str):
            yield self._missing(code, what, path, found, place)

    def _missing(self, code: str, what: str, path: str, problem: str, place: Place) -> Diagnostic:
        mend = self.places.similar(path) or "put it into the project, or correct the path; it starts at the root"
        return self.places.finding(code, f"{what}, {path}, {problem}", place, mend)
