"""`make demo`: real models created, validated, run and tested from their manifests, and a table of what came out.

A fresh project made from a template, then the text, image and video examples (`--all`: the audio and multimodal ones
too), through nova-spi's SDK as any program would use it. The first time, each model's own environment is installed;
it is kept for the next.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nova_spi import Project
from nova_spi.errors import NovaSpiError

EXAMPLES = Path(__file__).resolve().parent
OUTPUT = EXAMPLES.parent / ".build" / "demo"
SHOWN = 58  # characters of one value in the table
WIDE = 120  # columns of a terminal from which the table has a column for everything


@dataclass(frozen=True)
class Model:
    """A project of the demo, and what it is run with."""

    folder: Path
    inputs: dict[str, Any]
    needs_wheels_only: bool = True


@dataclass
class Story:
    """What became of one model: a row of the table."""

    domain: str = ""
    name: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    environment_seconds: float = 0.0
    run_seconds: float = 0.0
    tests: str = "not reached"
    failure: str = ""


class Steps:
    """Progress as lines, for a terminal and a file alike."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def stage(self, name: str, detail: str = "") -> None:
        """Says what is installed or fetched, which can take long; the other stages are over at once."""
        if detail:
            text = f"    {name}: {detail}"
            self.console.print(text[: self.console.width], style="dim", highlight=False, markup=False)

    def advance(self, done: int, total: int | None, unit: str) -> None:
        """Lines have no bars."""

    def warn(self, message: str) -> None:
        """A remark of the library."""
        self.console.print(f"    ! {message}", style="yellow", highlight=False, markup=False)

    def log(self, chunk: bytes) -> None:
        """The model's log stays in its run's folder."""


def models() -> list[Model]:
    """The examples, each with inputs of its own tests."""
    return [
        Model(EXAMPLES / "text-sentiment", {"text": "VADER is smart, handsome, and funny!"}),
        Model(EXAMPLES / "image-ocr", {"picture": EXAMPLES / "image-ocr/tests/sign.jpg"}),
        Model(
            EXAMPLES / "video-frame-interpolation",
            {"video": EXAMPLES / "video-frame-interpolation/tests/scene_25fps.mp4"},
        ),
        Model(
            EXAMPLES / "audio-voice-activity",
            {"recording": EXAMPLES / "audio-voice-activity/tests/speech_and_noise.wav"},
            needs_wheels_only=False,
        ),
        Model(
            EXAMPLES / "multimodal-picture-reader",
            {"picture": EXAMPLES / "multimodal-picture-reader/tests/lakeside.jpg"},
            needs_wheels_only=False,
        ),
    ]


def fresh(output: Path) -> Model:
    """A project made on the spot from the text template, with the inputs of its first test case."""
    project = Project.create(
        "fresh-text-model", path=output / f"projects-{time.strftime('%Y%m%d-%H%M%S')}", domain="text"
    )
    return Model(project.root, dict(project.manifest.test_cases[0].inputs or {}))


def tell(model: Model, output: Path, console: Console) -> Story:
    """Validates, runs and tests one model; what goes wrong is part of its story."""
    story = Story(name=model.folder.name, inputs=model.inputs)
    try:
        project = Project.load(model.folder)
        story.domain = project.manifest.model.domain
        console.print("  validate", style="bold")
        report = project.validate()
        console.print(f"    {report.summary()}", style="dim", highlight=False, markup=False)
        if not report.ok:
            story.failure = "the manifest is not valid"
            return story
        console.print("  run", style="bold")
        run(project, story, output, console)
        console.print("  test", style="bold")
        test(project, story, output, console)
    except NovaSpiError as error:
        story.failure = error.message
    return story


def run(project: Project, story: Story, output: Path, console: Console) -> None:
    """One execution with the demo's inputs."""
    result = project.run(inputs=story.inputs, output=output / story.name / "run", progress=Steps(console))
    timings = result.record["timings"]
    story.environment_seconds, story.run_seconds = timings.get("environment", 0.0), timings.get("run", 0.0)
    story.outputs = result.raise_for_error().outputs


def test(project: Project, story: Story, output: Path, console: Console) -> None:
    """All test cases of the manifest."""
    report = project.test(output=output / story.name / "tests")
    passed = sum(case.status == "passed" for case in report.cases)
    story.tests = f"{passed} of {len(report.cases)} passed"
    for case in report.cases:
        console.print(f"    {case.name}: {case.status} ({case.seconds:.1f} s)", style="dim", highlight=False)
        for finding in case.findings:
            console.print(f"      {finding}", style="red", highlight=False, markup=False)
    if not report.ok:
        story.failure = "test cases failed"


def table(stories: list[Story], width: int) -> Table:
    """What went in, what came out, and how long it took; with fewer columns where the terminal is narrow."""
    result = Table(title="Models from their manifests", show_lines=True)
    if width < WIDE:
        for heading in ("Model", "In and out", "Time"):
            result.add_column(heading, overflow="fold", no_wrap=heading == "Time")
        for story in stories:
            values = f"[dim]in[/dim]\n{lines(story.inputs)}\n[dim]out[/dim]\n{lines(story.outputs)}"
            times = f"installed {story.environment_seconds:.1f} s\nrun {story.run_seconds:.2f} s"
            result.add_row(f"[dim]{story.domain}[/dim]\n{story.name}", values, f"{times}\n{verdict(story)}")
        return result
    for heading in ("Domain", "Model", "Inputs", "Outputs"):
        result.add_column(heading, overflow="fold")
    for heading in ("Installed", "Run"):
        result.add_column(heading, justify="right", no_wrap=True)
    result.add_column("Tests", overflow="fold")
    for story in stories:
        times = (f"{story.environment_seconds:.1f} s", f"{story.run_seconds:.2f} s")
        values = (lines(story.inputs), lines(story.outputs))
        result.add_row(story.domain, story.name, *values, *times, verdict(story))
    return result


def verdict(story: Story) -> str:
    """How the test cases went, or what failed."""
    return f"[red]{escape(story.failure)}[/red]" if story.failure else f"[green]{story.tests}[/green]"


def lines(values: dict[str, Any]) -> str:
    """Values as short lines; files by their names."""
    return escape("\n".join(f"{name}: {short(value)}" for name, value in values.items()))


def short(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, list) and value and all(isinstance(item, Path) for item in value):
        return ", ".join(item.name for item in value)
    if isinstance(value, Path):
        text = value.name
    elif isinstance(value, str):
        text = " / ".join(value.splitlines())
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def main() -> int:
    """Runs the demo; 1 where anything failed."""
    parser = argparse.ArgumentParser(description="Real models, validated, run and tested from their manifests.")
    parser.add_argument(
        "--all", action="store_true", help="the audio and multimodal examples too; the last needs flite"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where outputs are kept [default: .build/demo]")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 150)
    begun = time.monotonic()
    output: Path = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)

    made = fresh(output)
    console.rule("create")
    console.print(f"    ✓ {made.folder.name}, from the template text", style="dim", highlight=False, markup=False)
    chosen = [made, *(model for model in models() if options.all or model.needs_wheels_only)]
    stories = []
    for number, model in enumerate(chosen, 1):
        console.rule(f"{number} of {len(chosen)}: {model.folder.name}")
        stories.append(tell(model, output, console))
        if stories[-1].failure:
            console.print(f"  {stories[-1].failure}", style="red", highlight=False, markup=False)

    console.print(table(stories, console.width))
    failed = [story.name for story in stories if story.failure]
    console.print(f"Outputs are kept in {output}", soft_wrap=True, highlight=False)
    console.print(
        f"{time.monotonic() - begun:.0f} seconds in all; "
        + (f"failed: {', '.join(failed)}" if failed else "all passed")
    )
    if not failed:
        console.print("Next: source .venv/bin/activate, then nova-spi create my-model --domain text", highlight=False)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
