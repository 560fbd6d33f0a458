"""The runtime under its usual name, ``from spi.utils import SPIRuntime``: this file stands as ``spi/utils.py``.

In a run the runtime's own package stands beside this file; on a developer's machine it is installed with nova-spi.
"""

import os
import sys

try:
    from nova_spi_runtime import SPIError, SPIRuntime
except ModuleNotFoundError:
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    try:
        from nova_spi_runtime import SPIError, SPIRuntime
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "nova_spi_runtime is neither beside spi/utils.py nor installed: run the project by `nova-spi run`, "
            "or `pip install nova-spi`.",
            name="nova_spi_runtime",
        ) from None

__all__ = ["SPIError", "SPIRuntime"]
