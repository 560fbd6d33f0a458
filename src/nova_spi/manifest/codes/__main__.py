"""``python -m nova_spi.manifest.codes [PATH]`` writes docs/codes.md."""

import sys

from nova_spi.manifest.codes import main

main(*sys.argv[1:2])
