import subprocess
import sys

import pytest

import nova_spi

PROGRAM = """import nova_spi
from nova_spi import ExecutionResult, Project, Progress, TestReport, ValidationReport


class Listener:
    def stage(self, name: str, detail: str = "") -> None:
        print(name, detail)

    def advance(self, done: int, total: int | None, unit: str) -> None:
        print(done, total, unit)

    def warn(self, message: str) -> None:
        print(message)

    def log(self, chunk: bytes) -> None:
        print(chunk)


def main() -> None:
    listener: Progress = Listener()
    project: Project = nova_spi.Project.create("my-model", path=".", domain="text", version="1.0.0", description="x y")
    project.set_metadata(name="my-model", version="1.0.0")
    project.add_input(name="prompt", type="string", description="Input prompt", required=True)
    project.add_output(name="generated_text", type="string")
    project.save_manifest()
    report: ValidationReport = project.validate(strict=True)
    print(report.summary(), report.ok, [item.code for item in report.diagnostics])
    result: ExecutionResult = project.run(inputs={"prompt": "x"}, progress=listener, timeout=3)
    if result.error is not None:
        print(result.error.error_code, result.error.mend)
    text: str = result.outputs["generated_text"]
    tests: TestReport = project.test(names=["a"], progress=listener)
    for case in tests.cases:
        print(case.name, case.status, case.findings)
    try:
        nova_spi.run("my-model", inputs={"prompt": text}, timeout=5).raise_for_error()
    except nova_spi.RunTimeout as error:
        print(error.message)
    except nova_spi.NovaSpiError as error:
        print(error.details)
    manifest: nova_spi.Manifest = project.manifest
    print(manifest.model.name, nova_spi.validate(".").ok)
    with nova_spi.load(".") as model:
        print(model.predict(prompt=text)["generated_text"], model.command(timeout=5).name)
        model.command(timeout="5")  # type: ignore[arg-type]  # seconds are a number
    document = nova_spi.read_manifest(b'')
    wrong: int = result.ok and result.folder  # type: ignore[assignment]  # a path is no number
    project.run(inputs=["prompt"])  # type: ignore[arg-type]  # inputs have names
    project.add_input("prompt", "string")  # type: ignore[call-arg]  # by name only
    project.runn()  # type: ignore[attr-defined]  # no such method
    nova_spi.nothing  # type: ignore[attr-defined]  # no such name
    print(wrong, document.ok, nova_spi.Settings.load().engine, nova_spi.Severity.ERROR, nova_spi.__version__)


if __name__ == "__main__":
    main()
"""
"""Somebody's program. Each ignore stands for a mistake that a checker must find: one that it does not is an error."""


def test_a_program_that_uses_the_sdk_passes_strict_type_checking(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    words = ["--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache"), "program.py"]
    done = subprocess.run([sys.executable, "-m", "mypy", *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("kind", "some"),
    [
        ("Project", {"create", "load", "validate", "run", "test", "set_metadata", "save_manifest", "build_container"}),
        ("Container", {"load", "run", "test", "save", "name", "digest"}),
    ],
)
def test_every_public_method_says_what_it_does(kind, some):
    made = getattr(nova_spi, kind)
    names = {name for name in dir(made) if not name.startswith("_")}
    assert some <= names
    for name in names:
        assert len((getattr(made, name).__doc__ or "").split()) > 3, name
