"""Cannot be loaded."""

raise RuntimeError("The weights are not there.")
