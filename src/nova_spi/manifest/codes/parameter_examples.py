"""What findings about parameters (``SPI-M30n`` to ``M32n``) look like in a manifest: a bad fragment and a good one."""

EXAMPLES: dict[str, tuple[str, str]] = {
    "SPI-M300": (
        """\
inputs:
  - {name: Prompt, type: string}
  - {name: prompt, type: string}
""",
        """\
inputs:
  - {name: prompt, type: string}
  - {name: second_prompt, type: string}
""",
    ),
    "SPI-M301": (
        """\
test_cases:
  - {name: sign, expect: {max_seconds: 30}}
  - {name: sign, expect: {max_seconds: 60}}
""",
        """\
test_cases:
  - {name: sign, expect: {max_seconds: 30}}
  - {name: long_sign, expect: {max_seconds: 60}}
""",
    ),
    "SPI-M302": (
        """\
model: {name: lambda, version: 1.0.0, domain: text}
""",
        """\
model: {name: lambda-model, version: 1.0.0, domain: text}
""",
    ),
    "SPI-M303": (
        """\
inputs:
  - {name: prompt, type: string, constraints: {max_value: 100}}
""",
        """\
inputs:
  - {name: prompt, type: string, constraints: {max_length: 100}}
""",
    ),
    "SPI-M304": (
        """\
inputs:
  - {name: size, type: enum}
""",
        """\
inputs:
  - {name: size, type: enum, enum: [small, large]}
""",
    ),
    "SPI-M305": (
        """\
inputs:
  - {name: size, type: enum, enum: [small, small]}
""",
        """\
inputs:
  - {name: size, type: enum, enum: [small, large]}
""",
    ),
    "SPI-M306": (
        """\
inputs:
  - {name: steps, type: integer, enum: [1, 50], constraints: {max_value: 20}}
""",
        """\
inputs:
  - {name: steps, type: integer, enum: [1, 20], constraints: {max_value: 20}}
""",
    ),
    "SPI-M307": (
        """\
inputs:
  - {name: confidence, type: float, default: 1.5, constraints: {max_value: 1.0}}
""",
        """\
inputs:
  - {name: confidence, type: float, default: 0.5, constraints: {max_value: 1.0}}
""",
    ),
    "SPI-M308": (
        """\
inputs:
  - {name: confidence, type: float, required: true, default: 0.5}
""",
        """\
inputs:
  - {name: confidence, type: float, default: 0.5}
""",
    ),
    "SPI-M309": (
        """\
inputs:
  - {name: confidence, type: float, constraints: {min_value: 1.0, max_value: 0.0}}
""",
        """\
inputs:
  - {name: confidence, type: float, constraints: {min_value: 0.0, max_value: 1.0}}
""",
    ),
    "SPI-M310": (
        """\
inputs:
  - {name: width, type: integer, constraints: {multiple_of: 0}}
""",
        """\
inputs:
  - {name: width, type: integer, constraints: {multiple_of: 8}}
""",
    ),
    "SPI-M311": (
        """\
inputs:
  - {name: code, type: string, constraints: {pattern: "^(a+)+$"}}
""",
        """\
inputs:
  - {name: code, type: string, constraints: {pattern: "^a+$"}}
""",
    ),
    "SPI-M312": (
        """\
inputs:
  - name: cube
    type: array
    items:
      type: array
      items: {type: array, items: {type: array, items: {type: array, items: {type: array, items: {type: float}}}}}
""",
        """\
inputs:
  - name: cube
    type: array
    items: {type: array, items: {type: array, items: {type: float}}}
""",
    ),
    "SPI-M313": (
        """\
inputs:
  - {name: pictures, type: array, items: {type: file}}
""",
        """\
inputs:
  - {name: pictures, type: file, constraints: {max_files: 10}}
""",
    ),
    "SPI-M314": (
        """\
inputs:
  - {name: pin, type: integer, secret: true}
""",
        """\
inputs:
  - {name: pin, type: string, secret: true}
""",
    ),
    "SPI-M315": (
        """\
outputs:
  - {name: caption, type: string, default: nothing}
""",
        """\
outputs:
  - {name: caption, type: string}
""",
    ),
    "SPI-M316": (
        """\
outputs:
  - {name: facts, type: object, schema: {type: dictionary}}
""",
        """\
outputs:
  - {name: facts, type: object, schema: {type: object}}
""",
    ),
    "SPI-M317": (
        """\
inputs:
  - {name: settings, type: object, schema: {type: object}}
""",
        """\
inputs:
  - {name: settings, type: object, properties: {depth: {type: integer}}}
""",
    ),
    "SPI-M318": (
        """\
outputs:
  - {name: frames, type: file, file_pattern: "*/frame_*.png"}
""",
        """\
outputs:
  - {name: frames, type: file, file_pattern: "frame_*.png"}
""",
    ),
    "SPI-M319": (
        """\
inputs:
  - {name: picture, type: file, file_pattern: "*.png"}
  - {name: mask, type: file, file_pattern: "mask*.png"}
""",
        """\
inputs:
  - {name: picture, type: file, file_pattern: "*.png", mount_path: inputs/pictures}
  - {name: mask, type: file, file_pattern: "*.png", mount_path: inputs/masks}
""",
    ),
    "SPI-M320": (
        """\
outputs:
  - {name: frames, type: file, file_pattern: frame.png, index_padding: 3}
""",
        """\
outputs:
  - {name: frames, type: file, file_pattern: "frame_*.png", index_padding: 3}
""",
    ),
    "SPI-M321": (
        """\
inputs:
  - {name: picture, type: file, mime_types: [image/png], domain_specific: {video: {max_fps: 30}}}
""",
        """\
inputs:
  - {name: picture, type: file, mime_types: [image/png], domain_specific: {image: {max_resolution: 1024x1024}}}
""",
    ),
    "SPI-M322": (
        """\
inputs:
  - {name: api_key, type: string, secret: true, default: abcdefgh}
""",
        """\
inputs:
  - {name: api_key, type: string, secret: true}
""",
    ),
}
