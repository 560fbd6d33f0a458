"""What a model says of itself: the manifest, read with positions, checked rule by rule, and written back.

Import what is wanted from its module; this package loads nothing by itself, so that the command line starts fast.

- `nova_spi.manifest.reading.read`: bytes to a `Document` with every finding at once.
- `nova_spi.manifest.models`: what a valid manifest holds.
- `nova_spi.manifest.spelling.fixing`, `nova_spi.manifest.text.writing`: the canonical form.
- `nova_spi.manifest.json_schema`: the same rules as JSON Schema.
- `nova_spi.manifest.codes`: every code that a finding can have.
"""
