"""The registry of all codes that a finding about a manifest or its project can have.

``python -m nova_spi.manifest.codes [PATH]`` writes docs/codes.md from it.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from nova_spi.manifest.codes.code import Code
from nova_spi.manifest.codes.project_codes import PROJECT_CODES
from nova_spi.manifest.codes.rule_codes import RULE_CODES
from nova_spi.manifest.codes.shape_codes import SHAPE_CODES
from nova_spi.manifest.codes.suggestion_codes import SUGGESTION_CODES
from nova_spi.manifest.codes.text_codes import READING, SPELLINGS

_CHAPTERS = (
    ("Reading", "Whether the file can be read at all.", READING),
    ("Spellings", "What is read and written otherwise; `nova-spi validate --fix` rewrites it.", SPELLINGS),
    ("Keys and values", "What one key holds.", SHAPE_CODES),
    ("Rules", "What holds between several keys.", RULE_CODES),
    ("The project", "What the manifest names, and what is there.", PROJECT_CODES),
    ("Suggestions", "What would make a good manifest better. They never fail a validation.", SUGGESTION_CODES),
)

CODES: Mapping[str, Code] = MappingProxyType({code.code: code for _, _, codes in _CHAPTERS for code in codes})
"""Every code, in its order."""

_HEAD = """\
# Codes

Every finding of `nova-spi validate` has one of these codes. An **error** fails the validation, a **warning** only with
`--strict`, a **suggestion** never. A finding stands at its place in the file, says what is wrong there, and how to mend
it; here is why it is told at all. This page is written by `python -m nova_spi.manifest.codes`.
"""


def examples() -> dict[str, tuple[str, str]]:
    """A bad and a good fragment for each code that a few lines can show. The page needs them, reading does not."""
    from nova_spi.manifest.codes import parameter_examples, section_examples, shape_examples, suggestion_examples

    modules = (shape_examples, parameter_examples, section_examples, suggestion_examples)
    return {code: pair for module in modules for code, pair in module.EXAMPLES.items()}


def page() -> str:
    """The page docs/codes.md."""
    parts = [_HEAD]
    shown = examples()
    for title, about, codes in _CHAPTERS:
        parts.append(f"## {title}\n\n{about}\n")
        parts.extend(_entry(code, *shown.get(code.code, ("", ""))) for code in codes)
    return "\n".join(parts)


def _entry(code: Code, bad: str, good: str) -> str:
    lines = [f"### {code.code}: {code.title}", "", f"*{code.severity}*", "", code.explanation]
    for label, example in (("Bad:", bad), ("Good:", good)):
        if example:
            lines += ["", label, "", "```yaml", example.rstrip("\n"), "```"]
    if code.mend:
        is_command = not code.mend.endswith(".")
        lines += ["", f"**Mend:** {f'`{code.mend}`' if is_command else code.mend}"]
    return "\n".join(lines) + "\n"


def main(path: str = "docs/codes.md") -> None:
    """Writes the page to ``path``."""
    target = Path(path)
    temporary = target.with_suffix(".md.new")
    temporary.write_text(page(), encoding="utf-8")
    temporary.replace(target)
