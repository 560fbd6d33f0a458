"""What the Workbench reads from a manifest: its own names for what stands there.

The manifest is plain data here, as any YAML reader gives it, because the Workbench also reads files that nobody
validated. Nothing is required, nothing raises.
"""

from collections.abc import Mapping
from typing import Any

from nova_spi.manifest.meaning.categories import derived

UNSURE = "Unsure"
UNKNOWN = "Unknown"


def workbench_fields(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the Workbench, under its names; what the manifest does not say is None, or empty.

    Args:
        manifest: A manifest as plain data (`Manifest.to_dict`, ``yaml.safe_load``).
    """
    model = _map(manifest.get("model"))
    return {
        "model_name": model.get("name"),
        "model_version": model.get("version"),
        "model_company": model.get("company") or model.get("organization"),
        "model_url": model.get("repository_url"),
        "model_repository_url": model.get("repository_url"),
        "model_type": model.get("model_type"),
        "requested_use_cases": _map(model.get("tasks")),
        "usage_category": model.get("usage_category"),
        "usage_description": model.get("description"),
        "model_weights_url": model.get("weights_url"),
        "model_documentation_url": model.get("documentation_url"),
        "model_forums_url": model.get("forum_url"),
        "model_example_outputs_url": model.get("example_outputs_url"),
        "model_inputs": _categories(model.get("inputs"), manifest.get("inputs")),
        "model_outputs": _categories(model.get("outputs"), manifest.get("outputs")),
        "model_license_type": model.get("license_type"),
        "trained_on_copyrighted_data": certainty(model.get("trained_on_copyrighted_data")),
        "output_specifications": _map(manifest.get("output_specifications")),
        "is_trainable": certainty(model.get("is_trainable")),
        "is_fine_tunable": certainty(model.get("is_fine_tunable")),
        "user_sentiment": str(model.get("user_sentiment") or UNKNOWN).capitalize(),
        "technical_dependencies": _list(model.get("technical_dependencies")),
        "catalog": _map(manifest.get("catalog")),
    }


def certainty(value: Any) -> str:
    """True, false or unsure as the Workbench says it: Yes, No, Unsure."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    words = {"yes": "Yes", "true": "Yes", "no": "No", "false": "No"}
    return words.get(str(value).strip().lower(), UNSURE)


def _categories(declared: Any, parameters: Any) -> list[Any]:
    """The categories that the manifest names, else those of its parameters."""
    return _list(declared) or list(derived([item for item in _list(parameters) if isinstance(item, Mapping)]))


def _map(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
