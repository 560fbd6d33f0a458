import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def beside(name):
    """A module that stands beside this one."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages = beside("pages")
servers = beside("servers")

ROOT = pages.ROOT
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ALLOWED_PROGRAMS = {"nova-spi", "cd", "cat", "ls", "python", "curl"}


def run_step(
    step, folder: Path, environment: dict[str, str], server
) -> tuple[Path, subprocess.CompletedProcess | None]:
    if step.title:
        target = folder / step.title
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(server.asked(step.command), "utf-8")
        return folder, None
    if step.kind == "python":
        words = [sys.executable, "-c", server.asked(step.command)]
    else:
        words = shlex.split(server.asked(step.command))
        assert words[0] in ALLOWED_PROGRAMS, f"line {step.line}: {words[0]} is no program that the pages may use"
        if words[0] == "cd":
            return folder / words[1], None
        if words[0] == "python":
            words[0] = sys.executable
        if words[0] == "curl":
            words[1:1] = ["--silent", "--show-error", "--noproxy", "*", "--max-time", "120"]
    if step.ready:
        said = server.start(words, step.ready, cwd=folder, env=environment)
        return folder, subprocess.CompletedProcess(words, 0, said, "")
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=280)
    done.stdout, done.stderr = server.as_the_page_says(done.stdout), server.as_the_page_says(done.stderr)
    return folder, done


@pytest.fixture
def server(tmp_path):
    """What a page has in the background."""
    found = servers.Server(tmp_path / "server.log")
    yield found
    found.end()


@pytest.fixture
def engine_address(request):
    """Starts Docker where a page first needs it; None where this machine has none."""

    def address() -> str | None:
        try:
            return request.getfixturevalue("docker_host")
        except pytest.skip.Exception:
            return None

    return address


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_page_works_when_pasted(path, tmp_path, isolated_environment, engine_address, server):
    page = pages.read_page(path)
    folder = tmp_path
    environment = isolated_environment | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    left_out = shutil.ignore_patterns(".nova-spi", "outputs", "test_outputs", "__pycache__")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=left_out)
    for step in page.steps:
        if step.needs == "apt-get" and shutil.which("apt-get") is None:
            continue
        if step.command.startswith("curl ") and shutil.which("curl") is None:
            continue
        if step.needs == "docker":
            if (address := engine_address()) is None:
                continue
            folder, done = run_step(step, folder, environment | {"DOCKER_HOST": address}, server)
        else:
            folder, done = run_step(step, folder, environment, server)
        if done is None:
            continue
        output = done.stdout + done.stderr
        place = f"{page.name}:{step.line}: {step.command.splitlines()[0]}\n{output}"
        assert done.returncode == step.status, place
        assert "Traceback" not in done.stderr, place
        missing = pages.appears_in_order(step.shown, done.stdout + "\n" + done.stderr)
        assert missing is None, f"{missing!r} does not come in\n{place}"


def test_a_block_that_is_not_run_says_why():
    for path in PAGES:
        assert all(len(reason) > 15 for reason in pages.unrun(path)), path


def test_every_command_has_a_page_in_the_reference():
    from nova_spi.cli.table import COMMANDS

    text = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"## {name}" not in text] == []


def test_every_option_stands_in_the_section_of_its_command():
    import re

    import click

    from nova_spi.cli.table import COMMANDS

    text = (ROOT / "docs" / "commands.md").read_text("utf-8")
    everywhere = text.partition("\n## ")[0] + "--output-format"
    sections = dict(re.findall(r"^## ([\w-]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    absent = [
        f"{name} {option.opts[-1]}"
        for name, entry in COMMANDS.items()
        for option in importlib.import_module(entry.module).command.params
        if isinstance(option, click.Option) and not option.hidden
        if not any(each in everywhere or each in sections[name] for each in option.opts if each.startswith("--"))
    ]
    assert absent == []


def test_every_address_of_a_server_is_on_its_pages():
    import re

    from nova_spi.serving.http.app import all_routes

    pages_of_it = [(ROOT / "docs" / name).read_text("utf-8") for name in ("serving.md", "interfaces.md")]
    text = "\n".join(pages_of_it).replace("[/versions/VERSION]", "")
    paths = {
        re.sub(r"\{(\w+)\*?\}", lambda part: part[1].upper(), route.path.replace("/versions/{version}", ""))
        for route in all_routes()
        if not route.path.startswith("/page/")  # what the page itself is made of
    }
    assert [
        path for path in sorted(paths) if f"{path.rstrip('/') or '/'}`" not in text and f"{path} " not in text
    ] == []


def test_every_code_that_http_alone_has_is_documented():
    from nova_spi.serving.http.statuses import STATUSES

    text = (ROOT / "docs" / "errors.md").read_text("utf-8")
    assert [code for code in STATUSES if f"`{code.removeprefix('usage.')}`" not in text and code not in text] == []


def test_every_setting_is_documented():
    from nova_spi.settings import SETTINGS

    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert [name for name in SETTINGS if f"`{name}`" not in text] == []


def test_every_error_code_is_documented():
    import re

    import nova_spi.errors

    text = (ROOT / "docs" / "errors.md").read_text("utf-8")
    classes = [one for one in vars(nova_spi.errors).values() if isinstance(one, type) and hasattr(one, "code")]
    literal = {
        code
        for file in (ROOT / "src" / "nova_spi").rglob("*.py")
        for code in re.findall(r'\bcode="([a-z_]+\.[a-z_.]+)"', file.read_text("utf-8"))
    }
    bases = {"nova_spi.error", "run.failed"}
    codes = ({one.code for one in classes} | literal) - bases
    groups = {code.split(".")[0] for code in re.findall(r"`([a-z_.]+)\.\*`", text)}
    assert sorted(code for code in codes if f"`{code}`" not in text and code.split(".")[0] not in groups) == []


def test_every_module_that_the_tour_and_the_decisions_name_is_there():
    import re

    theirs = {"run.py"}  # a model's own file
    sources = [f"/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "src").rglob("*.py")]
    for page in (ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))):
        named = set(re.findall(r"`([\w/]+\.py)`", page.read_text("utf-8"))) - theirs
        absent = [name for name in named if not any(source.endswith(f"/{name}") for source in sources)]
        assert absent == [], page.name
