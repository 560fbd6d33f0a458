"""The Workbench's fields, as it reads them from a manifest: one flat object with every key always there."""

from typing import TYPE_CHECKING, Any

from nova_spi.manifest.meaning.categories import derived

if TYPE_CHECKING:
    from nova_spi.manifest.models import Manifest

UNSURE = "Unsure"
UNKNOWN = "Unknown"
_ANSWERS = {True: "Yes", False: "No"}


def workbench_fields(manifest: "Manifest") -> dict[str, Any]:
    """What the Workbench's form is filled with.

    A text that the manifest does not say is None and a list or a map is empty; who does not say whether a model was
    trained on copyrighted data, is trainable or fine-tunable is unsure, and the users' sentiment is unknown then.

    Args:
        manifest: What it says. Categories of inputs and outputs that it leaves out follow from its parameters.
    """
    model, written = manifest.model, manifest.to_dict()
    return {
        "model_name": model.name,
        "model_version": model.version,
        "model_company": model.company or model.organization,
        "model_url": _text(model.repository_url),
        "model_repository_url": _text(model.repository_url),
        "model_type": model.model_type,
        "requested_use_cases": {name: list(tasks) for name, tasks in (model.tasks or {}).items()},
        "usage_category": model.usage_category,
        "usage_description": model.description,
        "model_weights_url": _text(model.weights_url),
        "model_documentation_url": _text(model.documentation_url),
        "model_forums_url": _text(model.forum_url),
        "model_example_outputs_url": _text(model.example_outputs_url),
        "model_inputs": list(model.inputs or derived(written.get("inputs", ()))),
        "model_outputs": list(model.outputs or derived(written.get("outputs", ()))),
        "model_license_type": model.license_type,
        "trained_on_copyrighted_data": _certain(model.trained_on_copyrighted_data),
        "output_specifications": written.get("output_specifications") or {},
        "is_trainable": _certain(model.is_trainable),
        "is_fine_tunable": _certain(model.is_fine_tunable),
        "user_sentiment": (model.user_sentiment or UNKNOWN).capitalize(),
        "technical_dependencies": list(model.technical_dependencies),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _certain(value: object) -> str:
    return _ANSWERS[value] if isinstance(value, bool) else UNSURE
