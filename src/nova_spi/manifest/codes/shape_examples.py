"""What findings about single values (``SPI-M2nn``) look like in a manifest: a bad fragment and a good one."""

EXAMPLES: dict[str, tuple[str, str]] = {
    "SPI-M200": (
        """\
model: {name: caption-reader, version: 1.0.0}
""",
        """\
model: {name: caption-reader, version: 1.0.0, domain: image}
""",
    ),
    "SPI-M201": (
        """\
inputs:
  - {name: prompt, type: string, requierd: true}
""",
        """\
inputs:
  - {name: prompt, type: string, required: true}
""",
    ),
    "SPI-M202": (
        """\
model:
  domain_specific: {max_resolutoin: 1024x1024}
""",
        """\
model:
  domain_specific: {max_resolution: 1024x1024}
""",
    ),
    "SPI-M203": (
        """\
execution: {timeout_seconds: "60"}
""",
        """\
execution: {timeout_seconds: 60}
""",
    ),
    "SPI-M204": (
        """\
model:
  description:
""",
        """\
model:
  description: Reads the text in a picture.
""",
    ),
    "SPI-M205": (
        """\
inputs:
  - {name: prompt, type: strin}
""",
        """\
inputs:
  - {name: prompt, type: string}
""",
    ),
    "SPI-M206": (
        """\
execution: {timeout_seconds: 0}
""",
        """\
execution: {timeout_seconds: 60}
""",
    ),
    "SPI-M207": (
        """\
inputs:
  - {name: size, type: enum, enum: []}
""",
        """\
inputs:
  - {name: size, type: enum, enum: [small, large]}
""",
    ),
    "SPI-M208": (
        """\
inputs:
  - {name: scale, type: float, constraints: {max_value: .inf}}
""",
        """\
inputs:
  - {name: scale, type: float, constraints: {min_value: 0}}
""",
    ),
    "SPI-M209": (
        """\
spi_version: "2"
""",
        """\
spi_version: "1"
""",
    ),
    "SPI-M210": (
        """\
model: {name: Caption Reader, version: 1.0.0, domain: image}
""",
        """\
model: {name: caption-reader, version: 1.0.0, domain: image}
""",
    ),
    "SPI-M211": (
        """\
model: {name: caption-reader, version: v1.0, domain: image}
""",
        """\
model: {name: caption-reader, version: 1.0.0, domain: image}
""",
    ),
    "SPI-M212": (
        """\
inputs:
  - {name: max-length, type: integer}
""",
        """\
inputs:
  - {name: max_length, type: integer}
""",
    ),
    "SPI-M213": (
        """\
commands:
  Compare: {outputs: [{name: same, type: boolean}]}
""",
        """\
commands:
  compare: {outputs: [{name: same, type: boolean}]}
""",
    ),
    "SPI-M214": (
        """\
execution: {secrets: [hf-token]}
""",
        """\
execution: {secrets: [HF_TOKEN]}
""",
    ),
    "SPI-M215": (
        """\
test_cases:
  - {name: signs/printed, expect: {max_seconds: 30}}
""",
        """\
test_cases:
  - {name: printed_signs, expect: {max_seconds: 30}}
""",
    ),
    "SPI-M216": (
        """\
execution: {entry_point: {command: []}}
""",
        """\
execution: {entry_point: {command: [python, run.py]}}
""",
    ),
    "SPI-M217": (
        """\
inputs:
  - {name: picture, type: file, file_pattern: ""}
""",
        """\
inputs:
  - {name: picture, type: file, file_pattern: "*.png"}
""",
    ),
    "SPI-M220": (
        """\
model:
  repository_url: example.org/reader
""",
        """\
model:
  repository_url: https://example.org/reader
""",
    ),
    "SPI-M221": (
        """\
assets:
  - {name: weights, uri: "http://example.org/weights.onnx", mount_path: model/weights}
""",
        """\
assets:
  - {name: weights, uri: "https://example.org/weights.onnx", mount_path: model/weights}
""",
    ),
    "SPI-M222": (
        """\
model:
  authors: [{name: Ada, email: ada at example.org}]
""",
        """\
model:
  authors: [{name: Ada, email: ada@example.org}]
""",
    ),
    "SPI-M223": (
        """\
inputs:
  - {name: picture, type: file, mount_path: ../pictures}
""",
        """\
inputs:
  - {name: picture, type: file, mount_path: inputs/pictures}
""",
    ),
    "SPI-M224": (
        """\
execution: {base_work_dir: app}
""",
        """\
execution: {base_work_dir: /app}
""",
    ),
    "SPI-M225": (
        """\
catalog: {thumbnail: ../thumbnail.png}
""",
        """\
catalog: {thumbnail: assets/thumbnail.png}
""",
    ),
    "SPI-M226": (
        """\
execution: {resources: {memory: 24GB}}
""",
        """\
execution: {resources: {memory: 24Gi}}
""",
    ),
    "SPI-M227": (
        """\
model:
  domain_specific: {max_resolution: 1024 by 768}
""",
        """\
model:
  domain_specific: {max_resolution: 1024x768}
""",
    ),
    "SPI-M228": (
        """\
inputs:
  - {name: picture, type: file, domain_specific: {image: {aspect_ratios: [wide]}}}
""",
        """\
inputs:
  - {name: picture, type: file, domain_specific: {image: {aspect_ratios: ["16:9"]}}}
""",
    ),
    "SPI-M229": (
        """\
inputs:
  - {name: picture, type: file, mime_types: [png]}
""",
        """\
inputs:
  - {name: picture, type: file, mime_types: [image/png]}
""",
    ),
    "SPI-M230": (
        """\
model:
  domain_specific: {language_codes: [english_us]}
""",
        """\
model:
  domain_specific: {language_codes: [en-US]}
""",
    ),
    "SPI-M231": (
        """\
assets:
  - {name: weights, uri: "file:weights.onnx", mount_path: model, sha256: "1234"}
""",
        """\
assets:
  - name: weights
    uri: file:weights.onnx
    mount_path: model
    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
""",
    ),
    "SPI-M232": (
        """\
execution: {python_version: python3}
""",
        """\
execution: {python_version: "3.11"}
""",
    ),
    "SPI-M233": (
        """\
execution: {cuda_version: cu124}
""",
        """\
execution: {cuda_version: "12.4"}
""",
    ),
    "SPI-M234": (
        """\
execution: {system_packages: ["--force-yes"]}
""",
        """\
execution: {system_packages: [libsndfile1]}
""",
    ),
    "SPI-M235": (
        """\
execution: {base_image: "python 3.11"}
""",
        """\
execution:
  base_image: python:3.11@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
""",
    ),
    "SPI-M236": (
        """\
execution: {entry_point: {module: run.py/main}}
""",
        """\
execution: {entry_point: {module: package.run}}
""",
    ),
    "SPI-M237": (
        """\
execution: {entry_point: {callable: model.Reader}}
""",
        """\
execution: {entry_point: {callable: "model:Reader"}}
""",
    ),
    "SPI-M240": (
        """\
model:
  license: Apache 2
""",
        """\
model:
  license: Apache-2.0
""",
    ),
    "SPI-M241": (
        """\
model:
  created_at: April 2025
""",
        """\
model:
  created_at: "2025-04-23T10:00:00Z"
""",
    ),
}
