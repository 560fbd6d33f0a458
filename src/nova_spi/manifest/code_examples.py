"""What a finding of each code looks like in a manifest, and what stands there once it is mended."""

EXAMPLES: dict[str, tuple[str, str]] = {}
"""Code to a bad and a good fragment."""
