"""Every error that nova-spi raises: one tree with stable codes.

An error says what happened, why, and the command that mends it. The command line prints these three and exits with
`exit_status`; a program catches the class or compares `code`.

    NovaSpiError
    ├── UsageError                  usage.*                  exit 2
    ├── ManifestInvalid             manifest.invalid         exit 1
    ├── ManifestUnreadable          manifest.unreadable      exit 2
    ├── ProjectError                project.*                exit 2
    ├── SettingsInvalid             settings.invalid         exit 2
    ├── ExtraMissing                extra.missing            exit 2
    ├── ArtifactInvalid             artifact.*               exit 1
    ├── RegistryError               registry.*               exit 1
    ├── BuildFailed                 build.*                  exit 1
    └── ExecutionError              (every failed run; exit 1)
        ├── InputInvalid            input.invalid
        ├── AssetUnavailable        asset.unavailable
        ├── EngineUnavailable       engine.unavailable       exit 3
        ├── EnvironmentFailed       environment.failed
        ├── WorkerCrashed           worker.crashed
        ├── WorkerOutOfMemory       worker.out_of_memory
        ├── WorkerOutOfDisk         worker.out_of_disk
        ├── WorkerUnavailable       worker.unavailable       exit 3
        ├── QueueFull               queue.full               exit 3
        ├── Draining                serving.draining         exit 3
        ├── RunTimeout              run.timeout
        ├── RunCancelled            run.cancelled            exit 130
        ├── ProjectModified         run.project_modified
        ├── OutputMissing           output.missing
        ├── OutputInvalid           output.invalid
        └── ModelError              model.error
"""

from typing import Any, ClassVar


class NovaSpiError(Exception):
    """The root of the tree.

    Args:
        message: What happened, one sentence, without a final newline.
        why: The cause, where it is known.
        mend: The command or the change that mends it.
        code: Only where one class stands for several codes.
        details: Facts for machines; every value must be representable as JSON and free of secrets.
    """

    code: ClassVar[str] = "nova_spi.error"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, why: str = "", mend: str = "", code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.why = why
        self.mend = mend
        self.details = details
        self._code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.why, self.mend, self._code, self.details)

    @property
    def error_code(self) -> str:
        """The stable code of this error."""
        return self._code or self.code

    def to_dict(self) -> dict[str, Any]:
        """The error as the JSON object that every command and record uses."""
        found: dict[str, Any] = {"code": self.error_code, "message": self.message}
        if self.why:
            found["why"] = self.why
        if self.mend:
            found["mend"] = self.mend
        if self.details:
            found["details"] = self.details
        return found


def _rebuild(
    kind: type[NovaSpiError], message: str, why: str, mend: str, code: str | None, details: dict[str, Any]
) -> NovaSpiError:
    return kind(message, why=why, mend=mend, code=code, **details)


class UsageError(NovaSpiError):
    """The call itself is wrong: an unknown command, an option's value, a case that is not there."""

    code = "usage.invalid"
    exit_status = 2


class ManifestInvalid(NovaSpiError):
    """The manifest has errors; ``details['diagnostics']`` lists them."""

    code = "manifest.invalid"


class ManifestUnreadable(NovaSpiError):
    """There is no manifest at the place, or it cannot be opened."""

    code = "manifest.unreadable"
    exit_status = 2


class ProjectError(NovaSpiError):
    """A project cannot be created or written."""

    code = "project.invalid"
    exit_status = 2


class SettingsInvalid(NovaSpiError):
    """An option, a NOVA_SPI_* variable or a settings file holds what cannot be used."""

    code = "settings.invalid"
    exit_status = 2


class ExtraMissing(NovaSpiError):
    """An optional part is not installed."""

    code = "extra.missing"
    exit_status = 2

    @classmethod
    def named(cls, extra: str, package: str, purpose: str) -> "ExtraMissing":
        """The error for ``package`` of the extra ``extra``, needed for ``purpose``."""
        return cls(
            f"{purpose} needs the package {package}, which is not installed.",
            why=f"It belongs to the extra '{extra}'.",
            mend=f"pip install 'nova-spi[{extra}]'",
            extra=extra,
            package=package,
        )


class ArtifactInvalid(NovaSpiError):
    """An artifact, a layout or an archive that is not what it says, or not what its digest says."""

    code = "artifact.invalid"


class RegistryError(NovaSpiError):
    """A registry cannot be reached, does not let us in, or does not have what was asked for."""

    code = "registry.unavailable"


class BuildFailed(NovaSpiError):
    """An image could not be built."""

    code = "build.failed"


class ExecutionError(NovaSpiError):
    """An execution that did not succeed. ``details['log']`` names its log where there is one."""

    code = "run.failed"


class InputInvalid(ExecutionError):
    """Inputs that do not meet the interface; ``details['problems']`` lists each with its path."""

    code = "input.invalid"


class AssetUnavailable(ExecutionError):
    """An asset could not be fetched or is not what its digest says."""

    code = "asset.unavailable"


class EngineUnavailable(ExecutionError):
    """The engine, or the Python that it needs, is not on this machine."""

    code = "engine.unavailable"
    exit_status = 3


class EnvironmentFailed(ExecutionError):
    """The model's own environment could not be made, e.g. a requirement that does not exist."""

    code = "environment.failed"


class WorkerCrashed(ExecutionError):
    """The model's process ended by a signal, or with a status and no word of its own."""

    code = "worker.crashed"


class WorkerOutOfMemory(ExecutionError):
    """The model used more than its ``memory``."""

    code = "worker.out_of_memory"


class WorkerOutOfDisk(ExecutionError):
    """The model wrote more than its ``disk``."""

    code = "worker.out_of_disk"


class WorkerUnavailable(ExecutionError):
    """A served model could not be loaded; ``details['log']`` holds what it wrote on the way."""

    code = "worker.unavailable"
    exit_status = 3


class QueueFull(ExecutionError):
    """A served model has as many calls waiting as it may; ``details['retry_after_seconds']`` says when to come back."""

    code = "queue.full"
    exit_status = 3


class Draining(ExecutionError):
    """What serves the model is about to end, and takes no more calls."""

    code = "serving.draining"
    exit_status = 3


class RunTimeout(ExecutionError):
    """The deadline passed."""

    code = "run.timeout"


class RunCancelled(ExecutionError):
    """The caller ended the execution."""

    code = "run.cancelled"
    exit_status = 130


class ProjectModified(ExecutionError):
    """The model wrote into the project instead of its own run folder."""

    code = "run.project_modified"


class OutputMissing(ExecutionError):
    """A required output was not produced."""

    code = "output.missing"


class OutputInvalid(ExecutionError):
    """An output does not meet the interface."""

    code = "output.invalid"


class ModelError(ExecutionError):
    """The model's own code raised; ``details['traceback']`` holds its own frames."""

    code = "model.error"
