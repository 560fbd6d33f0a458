"""nova-spi: one manifest says what an AI model is, takes and gives; this package validates it and runs the model.

A project is a folder with a manifest and a model's code. Five lines make one and run it:

    import nova_spi

    project = nova_spi.Project.create("my-model", domain="text")
    result = project.run({"prompt": "Hello, world!"})
    print(result.outputs["generated_text"] if result.ok else result.error)

The face of the package

- `Project`: create, load, change, validate, run and test a project.
- `Container`: a project's built image, run and tested as it was built; `Project.build_container` makes one.
- `run(path, inputs)`, `validate(path)`: the same in one call.
- `load(path)`: a `Model` that is loaded once and called many times: `model.predict(prompt="Hello")`.
- `catalog_metadata(ref)`: what a catalog shows of the model in an image, as `CatalogMetadata`; nothing of it runs.
- `Manifest`: what a manifest says; `read_manifest(data)` reads one from bytes, with every finding and its place.
- `Settings`: where the library looks when the caller does not say.
- What comes back: `ExecutionResult` of a run, `TestReport` of test cases, `ValidationReport` of a validation, with a
  `Diagnostic` of a `Severity` for each finding.
- `Progress`: what a caller implements to hear of stages and logs; the library itself never prints.

A run that fails is a result and not an exception: `result.ok` is False, `result.error` is one of the errors below, and
`result.raise_for_error()` raises it. What is raised is wrong use. Every error says what happened (`message`), the
cause (`why`), what mends it (`mend`), and has a stable code (`error_code`); `nova_spi.errors` draws the whole tree:

- `NovaSpiError`: the root. `UsageError`, `ManifestInvalid`, `ManifestUnreadable`, `ProjectError`, `SettingsInvalid`,
  `ExtraMissing`, `ArtifactInvalid`, `RegistryError`, `BuildFailed`.
- `ExecutionError`: a run that did not succeed. `InputInvalid`, `AssetUnavailable`, `EngineUnavailable`,
  `EnvironmentFailed`, `WorkerCrashed`, `WorkerOutOfMemory`, `WorkerOutOfDisk`, `WorkerUnavailable`, `QueueFull`,
  `Draining`, `RunTimeout`, `RunCancelled`, `ProjectModified`, `OutputMissing`, `OutputInvalid`, `ModelError`.

Importing the package loads none of its parts; each name is loaded when it is first used.
"""

from nova_spi.version import __version__

TYPE_CHECKING = False  # checkers know the name; importing typing for it costs more than all the rest
if TYPE_CHECKING:
    from nova_spi.checks.testing.report import TestReport
    from nova_spi.checks.validation.report import ValidationReport
    from nova_spi.errors import (
        ArtifactInvalid,
        AssetUnavailable,
        BuildFailed,
        Draining,
        EngineUnavailable,
        EnvironmentFailed,
        ExecutionError,
        ExtraMissing,
        InputInvalid,
        ManifestInvalid,
        ManifestUnreadable,
        ModelError,
        NovaSpiError,
        OutputInvalid,
        OutputMissing,
        ProjectError,
        ProjectModified,
        QueueFull,
        RegistryError,
        RunCancelled,
        RunTimeout,
        SettingsInvalid,
        UsageError,
        WorkerCrashed,
        WorkerOutOfDisk,
        WorkerOutOfMemory,
        WorkerUnavailable,
    )
    from nova_spi.execution.records import ExecutionResult
    from nova_spi.images.catalog import CatalogMetadata
    from nova_spi.manifest.diagnostics import Diagnostic, Severity
    from nova_spi.manifest.models.manifest import Manifest
    from nova_spi.manifest.reading import read as read_manifest
    from nova_spi.progress import Progress
    from nova_spi.sdk.catalog import catalog_metadata
    from nova_spi.sdk.container import Container
    from nova_spi.sdk.loading import Model, load
    from nova_spi.sdk.project import Project, run, validate
    from nova_spi.settings import Settings

__all__ = [
    "ArtifactInvalid",
    "AssetUnavailable",
    "BuildFailed",
    "CatalogMetadata",
    "Container",
    "Diagnostic",
    "Draining",
    "EngineUnavailable",
    "EnvironmentFailed",
    "ExecutionError",
    "ExecutionResult",
    "ExtraMissing",
    "InputInvalid",
    "Manifest",
    "ManifestInvalid",
    "ManifestUnreadable",
    "Model",
    "ModelError",
    "NovaSpiError",
    "OutputInvalid",
    "OutputMissing",
    "Progress",
    "Project",
    "ProjectError",
    "ProjectModified",
    "QueueFull",
    "RegistryError",
    "RunCancelled",
    "RunTimeout",
    "Settings",
    "SettingsInvalid",
    "Severity",
    "TestReport",
    "UsageError",
    "ValidationReport",
    "WorkerCrashed",
    "WorkerOutOfDisk",
    "WorkerOutOfMemory",
    "WorkerUnavailable",
    "__version__",
    "catalog_metadata",
    "load",
    "read_manifest",
    "run",
    "validate",
]

_ELSEWHERE = {
    "CatalogMetadata": "nova_spi.images.catalog",
    "Container": "nova_spi.sdk.container",
    "Diagnostic": "nova_spi.manifest.diagnostics",
    "ExecutionResult": "nova_spi.execution.records",
    "Manifest": "nova_spi.manifest.models.manifest",
    "Model": "nova_spi.sdk.loading",
    "Progress": "nova_spi.progress",
    "Project": "nova_spi.sdk.project",
    "Settings": "nova_spi.settings",
    "Severity": "nova_spi.manifest.diagnostics",
    "TestReport": "nova_spi.checks.testing.report",
    "ValidationReport": "nova_spi.checks.validation.report",
    "catalog_metadata": "nova_spi.sdk.catalog",
    "load": "nova_spi.sdk.loading",
    "read_manifest": "nova_spi.manifest.reading",
    "run": "nova_spi.sdk.project",
    "validate": "nova_spi.sdk.project",
}
_OTHER_NAMES = {"read_manifest": "read"}


if not TYPE_CHECKING:  # so that checkers find a name that is not there

    def __getattr__(name: str) -> object:
        """Loads a public name where it is first used (PEP 562)."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        module = import_module(_ELSEWHERE.get(name, "nova_spi.errors"))
        value = getattr(module, _OTHER_NAMES.get(name, name))
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
