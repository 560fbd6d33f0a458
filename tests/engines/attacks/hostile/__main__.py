"""Makes every attack of the modules that are named, each in a process of its own, and prints one line for each."""

import importlib
import sys

from hostile import attempt

for module in sys.argv[1:]:
    importlib.import_module(f"hostile.{module}")
    for tried in attempt.of(module):
        attempt.make(tried)
