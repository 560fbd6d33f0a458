"""What findings about sections (``SPI-M33n`` to ``M38n``) look like in a manifest: a bad fragment and a good one."""

EXAMPLES: dict[str, tuple[str, str]] = {
    "SPI-M330": (
        """\
model:
  domain_specific: {max_sample_rate: 48000}
""",
        """\
model:
  domain_specific: {max_resolution: 1024x1024}
""",
    ),
    "SPI-M331": (
        """\
model:
  created_at: "2025-04-23T10:00:00Z"
  modified_at: "2025-04-22T10:00:00Z"
""",
        """\
model:
  created_at: "2025-04-23T10:00:00Z"
  modified_at: "2025-04-24T10:00:00Z"
""",
    ),
    "SPI-M332": (
        """\
model:
  inputs: [audio]
inputs:
  - {name: picture, type: file, mime_types: [image/png]}
""",
        """\
model:
  inputs: [image]
inputs:
  - {name: picture, type: file, mime_types: [image/png]}
""",
    ),
    "SPI-M340": (
        """\
execution: {entry_point: {module: run, callable: "model:Reader"}}
""",
        """\
execution: {entry_point: {callable: "model:Reader"}}
""",
    ),
    "SPI-M341": (
        """\
execution: {environment: {SPI_COMMAND: read}}
""",
        """\
execution: {environment: {READER_COMMAND: read}}
""",
    ),
    "SPI-M342": (
        """\
execution: {environment: {SERVICE_TOKEN: 8f3e9a7c1b5d}}
""",
        """\
execution: {secrets: [SERVICE_TOKEN]}
""",
    ),
    "SPI-M343": (
        """\
assets:
  - {name: weights, uri: "hf://owner/model", mount_path: model, credentials: HF_TOKEN}
""",
        """\
execution: {secrets: [HF_TOKEN]}
assets:
  - {name: weights, uri: "hf://owner/model", mount_path: model, credentials: HF_TOKEN}
""",
    ),
    "SPI-M344": (
        """\
execution: {health_check: {interval_seconds: 10}}
""",
        """\
execution: {health_check: {callable: "model:well", interval_seconds: 10}}
""",
    ),
    "SPI-M345": (
        """\
execution: {base_image: "python:3.11"}
""",
        """\
execution:
  base_image: python:3.11@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
""",
    ),
    "SPI-M350": (
        """\
commands:
  read: {default: true, inputs: [{name: prompt, type: string}]}
""",
        """\
commands:
  read: {default: true}
""",
    ),
    "SPI-M351": (
        """\
commands:
  read: {default: true}
  tell: {default: true}
""",
        """\
commands:
  read: {default: true}
""",
    ),
    "SPI-M352": (
        """\
commands:
  run: {outputs: [{name: same, type: boolean}]}
""",
        """\
commands:
  compare: {outputs: [{name: same, type: boolean}]}
""",
    ),
    "SPI-M353": (
        """\
commands:
  read-text: {outputs: [{name: text, type: string}]}
  read_text: {outputs: [{name: text, type: string}]}
""",
        """\
commands:
  read-text: {outputs: [{name: text, type: string}]}
""",
    ),
    "SPI-M360": (
        """\
test_cases:
  - {name: sign, command: compar, expect: {max_seconds: 30}}
""",
        """\
test_cases:
  - {name: sign, command: run, expect: {max_seconds: 30}}
""",
    ),
    "SPI-M361": (
        """\
inputs:
  - {name: prompt, type: string}
test_cases:
  - {name: greeting, inputs: {promt: hello}, expect: {max_seconds: 30}}
""",
        """\
inputs:
  - {name: prompt, type: string}
test_cases:
  - {name: greeting, inputs: {prompt: hello}, expect: {max_seconds: 30}}
""",
    ),
    "SPI-M362": (
        """\
inputs:
  - {name: steps, type: integer, constraints: {max_value: 20}}
test_cases:
  - {name: many, inputs: {steps: 50}, expect: {max_seconds: 30}}
""",
        """\
inputs:
  - {name: steps, type: integer, constraints: {max_value: 20}}
test_cases:
  - {name: too_many, inputs: {steps: 50}, expect: {error: input.invalid}}
""",
    ),
    "SPI-M363": (
        """\
inputs:
  - {name: picture, type: file}
test_cases:
  - {name: sign, inputs: {picture: tests/sign.png}, expect: {max_seconds: 30}}
""",
        """\
inputs:
  - {name: picture, type: file}
test_cases:
  - {name: sign, files: {picture: tests/sign.png}, expect: {max_seconds: 30}}
""",
    ),
    "SPI-M364": (
        """\
outputs:
  - {name: caption, type: string}
test_cases:
  - {name: sign, expect: {outputs: [captoin]}}
""",
        """\
outputs:
  - {name: caption, type: string}
test_cases:
  - {name: sign, expect: {outputs: [caption]}}
""",
    ),
    "SPI-M365": (
        """\
inputs:
  - {name: prompt, type: string, required: true}
test_cases:
  - {name: greeting, expect: {max_seconds: 30}}
""",
        """\
inputs:
  - {name: prompt, type: string, required: true}
test_cases:
  - {name: greeting, inputs: {prompt: hello}, expect: {max_seconds: 30}}
""",
    ),
    "SPI-M366": (
        """\
test_cases:
  - {name: broken, expect: {error: input.wrong}}
""",
        """\
test_cases:
  - {name: broken, expect: {error: input.invalid}}
""",
    ),
    "SPI-M367": (
        """\
outputs:
  - {name: caption, type: string}
test_cases:
  - {name: sign, expect: {file_count: {caption: 1}}}
""",
        """\
outputs:
  - {name: caption, type: string}
test_cases:
  - {name: sign, expect: {min_length: {caption: 1}}}
""",
    ),
    "SPI-M380": (
        """\
benchmark:
  metrics:
    - {name: accuracy, weight: 0.7}
    - {name: latency, weight: 0.7}
""",
        """\
benchmark:
  metrics:
    - {name: accuracy, weight: 0.7}
    - {name: latency, weight: 0.3}
""",
    ),
    "SPI-M381": (
        """\
benchmark:
  metrics:
    - {name: accuracy, weight: 1}
    - {name: latency}
""",
        """\
benchmark:
  metrics:
    - {name: accuracy, weight: 1}
    - {name: latency, weight: 0}
""",
    ),
    "SPI-M382": (
        """\
benchmark:
  metrics:
    - {name: latency, direction: lower, target: 2000, floor: 200}
""",
        """\
benchmark:
  metrics:
    - {name: latency, direction: lower, target: 200, floor: 2000}
""",
    ),
    "SPI-M385": (
        """\
catalog: {thumbnail: /srv/thumbnail.png}
""",
        """\
catalog: {thumbnail: /app/assets/thumbnail.png}
""",
    ),
}
