"""Runs pip so that it answers for another machine; it is started as a program of its own.

``pip install --platform --python-version`` chooses wheels by the target's tags, but judges markers such as
``python_version < "3.12"`` and ``platform_machine == "aarch64"`` by the Python that runs pip, and so installs what the
target does not need, or leaves out what it does. Here the markers' variables are the target's.

Usage: ``python target_pip.py MARKERS PIP-ARGUMENTS...``, MARKERS being a JSON object of PEP 508's variables.
"""

import json
import sys


def main() -> int:
    """Replaces the markers' environment and hands over to pip."""
    target = json.loads(sys.argv[1])
    from pip._internal.cli.main import main as pip
    from pip._vendor.packaging import markers

    own = markers.default_environment
    markers.default_environment = lambda: {**own(), **target}
    return pip(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
