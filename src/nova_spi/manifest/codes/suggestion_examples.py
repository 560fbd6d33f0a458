"""What suggestions (``SPI-M5nn``) look like in a manifest: a bad fragment and a good one."""

EXAMPLES: dict[str, tuple[str, str]] = {
    "SPI-M500": (
        """\
model:
  description: Reads.
""",
        """\
model:
  description: Reads the text in a picture and says where it stands.
""",
    ),
    "SPI-M501": (
        """\
inputs:
  - {name: confidence, type: float}
""",
        """\
inputs:
  - {name: confidence, type: float, description: "The least confidence of a line, from 0 to 1."}
""",
    ),
    "SPI-M502": (
        """\
outputs: []
""",
        """\
test_cases:
  - {name: sign, expect: {max_seconds: 30}}
""",
    ),
    "SPI-M503": (
        """\
model: {name: caption-reader, version: 1.0.0, domain: image}
""",
        """\
model: {name: caption-reader, version: 1.0.0, domain: image, license: Apache-2.0}
""",
    ),
    "SPI-M504": (
        """\
outputs: []
""",
        """\
execution: {entry_point: {callable: "model:Reader"}, resources: {memory: 2Gi}}
""",
    ),
    "SPI-M505": (
        """\
test_cases:
  - {name: sign}
""",
        """\
test_cases:
  - {name: sign, expect: {max_seconds: 30}}
""",
    ),
    "SPI-M506": (
        """\
inputs:
  - {name: picture, type: file}
""",
        """\
inputs:
  - {name: picture, type: file, mime_types: [image/png]}
""",
    ),
}
