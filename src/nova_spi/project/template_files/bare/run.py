"""Answers each output of the manifest with an example made from the inputs.

This is a placeholder: it shows that the interface works and knows nothing of your model. Replace `answer` by a call of
your model; the rest may stay.
"""

import json
import os
from pathlib import Path
from typing import Any

from spi.utils import SPIRuntime


def answer(parameter: dict[str, Any], inputs: dict[str, Any]) -> Any:
    """An example of the parameter's type, made from the inputs. To be replaced."""
    kind, limits = parameter["type"], parameter.get("constraints") or {}
    if parameter.get("enum"):
        return parameter["enum"][0]
    if kind == "string":
        words = "; ".join(f"{name}: {value}" for name, value in sorted(inputs.items())) or "no inputs"
        text = f"An example, made from {words}"
        return text.ljust(limits.get("min_length") or 0, ".")[: limits.get("max_length") or len(text) + 64]
    if kind in ("integer", "float", "decimal"):
        number = limits.get("min_value", min(len(str(inputs)), limits.get("max_value", 1)))
        return str(number) if kind == "decimal" else int(number) if kind == "integer" else float(number)
    if kind == "boolean":
        return bool(inputs)
    if kind == "array":
        return [answer(parameter["items"], inputs) for _ in range(max(limits.get("min_items") or 0, 1))]
    if kind == "map":
        return {"example": answer(parameter["values"], inputs)}
    if kind == "object":
        return {name: answer(inner, inputs) for name, inner in (parameter.get("properties") or {}).items()}
    return file(parameter, inputs)


def file(parameter: dict[str, Any], inputs: dict[str, Any]) -> str:
    """An example file: the inputs as JSON. To be replaced; a picture, sound or video needs a real one."""
    media = [kind for kind in parameter.get("mime_types") or [] if kind not in ("application/json", "text/plain")]
    if media:
        raise NotImplementedError(f"run.py makes no {media[0]} for the output {parameter['name']!r} yet.")
    path = Path(os.environ["SPI_OUTPUT_DIR"], f"{parameter['name']}.json")
    path.write_text(json.dumps(inputs, default=str), encoding="utf-8")
    return str(path)


def main() -> None:
    """Reads the inputs, answers each output of the command, and writes the outputs."""
    runtime = SPIRuntime()
    inputs = runtime.parse_inputs()
    command = (runtime.manifest.get("commands") or {}).get(os.environ.get("SPI_COMMAND", ""), runtime.manifest)
    outputs = runtime.manifest["outputs"] if command.get("default") else command["outputs"]
    runtime.logger.info("making examples of %d outputs", len(outputs))
    runtime.write_outputs({parameter["name"]: answer(parameter, inputs) for parameter in outputs})


if __name__ == "__main__":
    main()
