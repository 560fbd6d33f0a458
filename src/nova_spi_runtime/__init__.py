"""What stands beside a model: its inputs as typed values, its outputs checked and put in their place.

A program in Python says::

    from nova_spi_runtime import SPIRuntime

    spi = SPIRuntime()
    inputs = spi.parse_inputs()
    spi.logger.info("reading %s", inputs["picture"])
    spi.write_outputs({"text": read(inputs["picture"])})

A function or a class needs not even that: ``python -m nova_spi_runtime`` calls it with its inputs, and
``python -m nova_spi_runtime.worker`` keeps it loaded for many calls. Either may say `progress`. The package needs
nothing but the standard library of Python 3.9 or later, and loads what it uses when it uses it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .errors import SPIError
    from .progressing import progress
    from .runtime import SPIRuntime

__all__ = ["SPIError", "SPIRuntime", "progress"]


def __getattr__(name: str) -> object:
    """Load the public names when they are asked for."""
    if name == "SPIRuntime":
        from .runtime import SPIRuntime

        return SPIRuntime
    if name == "SPIError":
        from .errors import SPIError

        return SPIError
    if name == "progress":
        from .progressing import progress

        return progress
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
