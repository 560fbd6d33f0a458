import pytest

from nova_spi.errors import InputInvalid
from nova_spi.execution.interactive import open_shell
from nova_spi.project.folder import open_folder


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A shell that writes down what it sees."""
    script = tmp_path / "shell"
    script.write_text(f'#!/bin/sh\n{{ pwd; env; ls; cat inputs/config/inputs.json; }} > "{tmp_path}/seen"\nexit 5\n')
    script.chmod(0o755)
    monkeypatch.setenv("SHELL", str(script))
    monkeypatch.setenv("PRIVATE_TOKEN", "do-not-pass-me")
    return tmp_path / "seen"


def test_the_shell_has_the_models_folder_and_environment_and_leaves_nothing(program, shell):
    made = program("pass")
    options = {"inputs": {"prompt": "Hello"}, "engine": made.engine, "settings": made.settings, "progress": made.heard}
    assert open_shell(open_folder(made.root), **options) == 5
    seen = shell.read_text()
    assert seen.splitlines()[0].endswith("/work")
    for part in ("INPUT_PROMPT=Hello", "SPI_COMMAND=run", "VIRTUAL_ENV=", "run.py", '{"prompt": "Hello"}'):
        assert part in seen
    assert "do-not-pass-me" not in seen
    assert not list(made.root.glob(".nova-spi/runs/2*"))
    assert made.heard.stages[-1] == "shell"


def test_inputs_that_do_not_fit_open_no_shell(program, shell):
    made = program("pass")
    with pytest.raises(InputInvalid):
        open_shell(open_folder(made.root), inputs={}, engine=made.engine, settings=made.settings)
    assert not shell.exists()
    assert not list(made.root.glob(".nova-spi/runs/2*"))
