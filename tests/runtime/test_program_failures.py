import pytest

TEXT = {"name": "text", "type": "string", "required": True}
NUMBER = {"name": "n", "type": "integer"}


def succeeded(ended):
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


def failed(project, ended, code, message) -> dict:
    assert ended.returncode == 1
    assert project.error["code"] == code, project.error
    assert message in project.error["message"]
    assert ended.stderr.splitlines()[-1] == f"spi: {code}: {project.error['message']}"
    assert not (project.root / "outputs/output.json").exists()
    return project.error


def test_an_exception_is_a_model_error_with_its_own_frames(project):
    project.callable("def inner():\n    raise ValueError('bad\\nnews')\ndef predict():\n    inner()\n", outputs=[TEXT])
    ended = project.command(SPI_WORK_DIR=str(project.root))
    error = failed(project, ended, "model.error", "ValueError: bad news")
    assert 'File "model.py", line 4, in predict\n    inner()\n' in error["traceback"]
    assert "nova_spi_runtime" not in error["traceback"] + ended.stderr
    assert str(project.root) not in error["traceback"]


def test_chained_exceptions_keep_the_models_frames_only(project):
    code = """
def predict():
    try:
        import not_there_at_all
    except ImportError as cause:
        raise RuntimeError("chained") from cause
"""
    project.callable(code, outputs=[TEXT])
    error = failed(project, project.command(SPI_WORK_DIR=str(project.root)), "model.error", "RuntimeError: chained")
    assert "not_there_at_all" in error["traceback"]
    assert "importlib" not in error["traceback"]
    assert error["traceback"].count('File "model.py", line') == 2


def test_a_file_that_is_no_python_is_named_as_it_is_in_the_project(project):
    (project.root / "parts").mkdir()
    (project.root / "parts" / "__init__.py").write_text("def (:\n")
    project.callable("import parts\npredict = 3\n", outputs=[TEXT])
    error = failed(project, project.command(SPI_WORK_DIR=str(project.root)), "model.error", "SyntaxError")
    assert 'File "model.py", line 1, in <module>\n    import parts\n' in error["traceback"]
    assert 'File "parts/__init__.py", line 1\n    def (:\n' in error["traceback"]
    assert str(project.root) not in error["traceback"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def predict(): raise SystemExit(3)", "sys.exit(3)"),
        ("def predict(): raise SystemExit('no licence')", "no licence"),
        ("def predict(: pass", "SyntaxError"),
        ("import not_there_at_all", "No module named 'not_there_at_all'"),
        ("other = 3", "model has no 'predict'"),
        ("predict = 3", "cannot be called"),
        ("def predict(): return predict()", "RecursionError"),
        ("def predict(): raise MemoryError", "MemoryError"),
        ("class predict:\n    pass", "has no method 'predict'"),
        ("class predict:\n    def setup(self): raise OSError('no weights')", "no weights"),
        ("class E(Exception):\n    def __str__(self): raise ValueError\ndef predict(): raise E", "cannot be shown"),
        ("def predict():\n    yield 'a'\n    raise KeyError('late')", "KeyError: 'late'"),
    ],
)
def test_every_other_end_of_a_model_is_a_typed_error(project, code, message):
    project.callable(code + "\n", outputs=[TEXT])
    failed(project, project.command(), "model.error", message)


def test_a_traceback_is_bounded(project):
    project.callable("def predict(): raise ValueError('x' * 1_000_000)\n", outputs=[TEXT])
    error = failed(project, project.command(), "model.error", "xxx")
    assert len(error["message"]) <= 2000
    assert len(error["traceback"]) < 40_000


def test_a_function_that_does_not_take_its_inputs_says_so(project):
    project.callable("def predict(m): return ''\n", inputs=[NUMBER], outputs=[TEXT])
    failed(
        project, project.command(INPUT_N="1"), "model.error", "does not take its inputs: predict() got an unexpected"
    )


def test_a_type_error_of_the_models_own_stays_its_own(project):
    project.callable("def predict(n): return n + 'a'\n", inputs=[NUMBER], outputs=[TEXT])
    error = failed(project, project.command(INPUT_N="1"), "model.error", "TypeError: unsupported operand")
    assert "in predict" in error["traceback"]


def test_wrong_inputs_end_the_run_before_the_model_is_loaded(project):
    project.callable("raise AssertionError('loaded')\n", inputs=[{**NUMBER, "required": True}], outputs=[TEXT])
    ended = project.command()
    failed(project, ended, "input.invalid", "n: is required")
    assert ended.stderr.count("\n") == 1


def test_exit_status_0_is_success_only_with_outputs(project):
    project.callable("def predict(): raise SystemExit(0)\n", outputs=[TEXT])
    failed(project, project.command(), "output.missing", "sys.exit(0) before its outputs")
    project.callable("def predict(): raise SystemExit\n", outputs=[])
    succeeded(project.command())


@pytest.mark.parametrize(
    ("result", "code", "message"),
    [
        ("None", "output.missing", "text: is required"),
        ("3", "output.invalid", "text: must be a string, not a number"),
        ("{'txt': 'a'}", "output.missing", "did you mean 'text'"),
        ("'\\ud800'", "output.invalid", "surrogate"),
    ],
)
def test_wrong_results(project, result, code, message):
    project.callable(f"def predict(): return {result}\n", outputs=[TEXT])
    failed(project, project.command(), code, message)


def test_several_outputs_must_be_named(project):
    project.callable("def predict(): return ('a', 3)\n", outputs=[TEXT, {"name": "n", "type": "integer"}])
    failed(
        project, project.command(), "output.invalid", "a mapping from name to value (outputs: text, n), not an array"
    )


def test_an_entry_point_that_is_a_command_is_not_for_us(project):
    project.manifest(execution={"entry_point": {"command": ["python", "run.py"]}}, outputs=[TEXT])
    failed(project, project.command(), "manifest.unreadable", "no module or callable")


def test_what_an_earlier_run_left_is_not_taken_for_this_ones(project):
    project.write("outputs/output.json", '{"text": "old"}')
    project.callable("def predict(): raise SystemExit(0)\n", outputs=[TEXT])
    failed(project, project.command(), "output.missing", "text")
