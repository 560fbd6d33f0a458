"""Changes of a manifest that are not saved yet, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from nova_spi.errors import ManifestInvalid
from nova_spi.manifest.diagnostics import Diagnostic, Severity
from nova_spi.project.folder import Folder

Interface = Literal["inputs", "outputs"]


@dataclass(frozen=True, slots=True)
class Changes:
    """What was set, in the order in which it was.

    Attributes:
        metadata: Keys of ``model``; None removes one.
        parameters: Parameters of the default command, each with the list that it belongs to.
    """

    metadata: tuple[tuple[str, Any], ...] = ()
    parameters: tuple[tuple[Interface, dict[str, Any]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.metadata or self.parameters)

    def with_metadata(self, values: Mapping[str, Any]) -> "Changes":
        """These changes and some keys of ``model``; a key that is set again counts once."""
        return replace(self, metadata=tuple((dict(self.metadata) | dict(values)).items()))

    def with_parameter(self, interface: Interface, parameter: dict[str, Any]) -> "Changes":
        """These changes and one parameter; one that is set again counts once, at its first place."""
        kept = {(where, str(one["name"])): one for where, one in self.parameters}
        kept[interface, str(parameter["name"])] = parameter
        return replace(self, parameters=tuple((where, one) for (where, _), one in kept.items()))

    def to(self, data: dict[str, Any]) -> dict[str, Any]:
        """A manifest's plain data with these changes."""
        model = data.get("model", {}) | dict(self.metadata)
        changed = data | {"model": {key: value for key, value in model.items() if value is not None}}
        for interface, parameter in self.parameters:
            changed[interface] = _with(list(changed.get(interface, [])), parameter)
        return changed

    def applied(self, folder: Folder) -> Folder:
        """A project as it is with these changes, in memory.

        Raises:
            ManifestInvalid: The changes bring an error.
        """
        from nova_spi.manifest.reading import read
        from nova_spi.manifest.text.writing import dump, dump_json

        data = self.to(folder.manifest.to_dict())
        is_json = folder.manifest_path.suffix == ".json"
        try:
            text = (dump_json if is_json else dump)(data)
        except (TypeError, ValueError) as error:
            raise ManifestInvalid("The manifest would not be valid.", why=str(error), diagnostics=[]) from error
        document = read(text.encode("utf-8"), filename=folder.document.filename)
        errors = [found for found in document.diagnostics if found.severity is Severity.ERROR]
        if errors:
            raise invalid(errors)
        return replace(folder, document=document)


def invalid(errors: list[Diagnostic]) -> ManifestInvalid:
    """The error for changes that would break the manifest."""
    first = errors[0]
    return ManifestInvalid(
        f"The manifest would not be valid: {first.where}: {first.message}.",
        why="Nothing has changed.",
        mend=first.mend,
        diagnostics=[found.to_dict() for found in errors],
    )


def _with(parameters: list[dict[str, Any]], parameter: dict[str, Any]) -> list[dict[str, Any]]:
    names = [one.get("name") for one in parameters]
    if parameter["name"] in names:
        parameters[names.index(parameter["name"])] = parameter
    else:
        parameters.append(parameter)
    return parameters
