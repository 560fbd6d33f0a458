"""The pages' code blocks, as steps that a test can run.

A ``console`` block holds commands after ``$ `` and, below each, lines of its output. A shown line must appear in the
real output, in order; ``...`` in it stands for anything. A comment before the block changes how it is run:
``<!-- exit: 1 -->`` expects that status, ``<!-- not run: REASON -->`` leaves the block out, ``<!-- with: docker -->``
runs it where Docker answers, ``<!-- with: apt-get -->`` where that program is; both are left out elsewhere.
``<!-- background: READY -->`` starts the block's one command, waits until it has written that text, and lets it go on
beside the rest of the page, or until the next such block; see `servers`. A ``python`` block is a program; a block of
another kind with ``title="FILE"`` is written to that file.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(
    r"^(?:<!--\s*(?P<remark>[^>]*?)\s*-->\n+)?```(?P<kind>[\w-]+)(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Step:
    kind: str
    command: str
    shown: tuple[str, ...] = ()
    status: int = 0
    title: str = ""
    line: int = 0
    needs: str = ""
    ready: str = ""


@dataclass
class Page:
    path: Path
    steps: list[Step] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))


def read_page(path: Path) -> Page:
    text = path.read_text("utf-8")
    page = Page(path)
    for match in FENCE.finditer(text):
        remark = match["remark"] or ""
        if remark.startswith("not run:"):
            continue
        line = text.count("\n", 0, match.start("kind")) + 1
        status = int(remark.removeprefix("exit:")) if remark.startswith("exit:") else 0
        title = re.search(r'title="([^"]+)"', match["info"])
        needs = remark.removeprefix("with:").strip() if remark.startswith("with:") else ""
        ready = remark.removeprefix("background:").strip() if remark.startswith("background:") else ""
        if match["kind"] == "console":
            steps = list(commands(match["body"], status, line))
            assert not ready or len(steps) == 1, f"line {line}: one command goes on in the background, no more"
            page.steps += [replace(step, needs=needs, ready=ready) for step in steps]
        elif match["kind"] == "python" or title:
            title_of = title[1] if title else ""
            page.steps.append(Step(match["kind"], match["body"], title=title_of, line=line, needs=needs))
    return page


def commands(body: str, status: int, line: int):
    blocks = re.split(r"^\$ ", body, flags=re.M)
    assert not blocks[0].strip(), f"line {line}: a console block starts with a command"
    for block in blocks[1:]:
        command, _, output = block.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = command[:-1] + more.strip()
        yield Step(
            "console", command, tuple(shown for shown in output.splitlines() if shown.strip()), status, line=line
        )


def unrun(path: Path) -> list[str]:
    return re.findall(r"<!--\s*not run:\s*([^>]*?)\s*-->", path.read_text("utf-8"))


def appears_in_order(shown: tuple[str, ...], output: str) -> str | None:
    """The first shown line that does not come, or None."""
    lines = iter(output.splitlines())
    for wanted in shown:
        pattern = re.compile(".*".join(re.escape(part) for part in wanted.strip().split("...")) + r"\s*$")
        if wanted.strip() == "...":
            continue
        if not any(pattern.match(line.strip()) for line in lines):
            return wanted
    return None
