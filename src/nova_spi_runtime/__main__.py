"""``python -m nova_spi_runtime``: see `program`."""

from __future__ import annotations

import sys

from nova_spi_runtime.program import main

if __name__ == "__main__":
    sys.exit(main())
