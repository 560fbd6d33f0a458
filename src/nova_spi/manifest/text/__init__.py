"""Text to a node tree and back: YAML and JSON with the place of each word, bounds, scalars, writing."""
