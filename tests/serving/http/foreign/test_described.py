"""What /openapi.json says of the two foreign faces is what they do: schemathesis asks for all of it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

OPENAI, V2 = "^/v1/(chat|completions|models)", "^/v2"


def schemathesis(folder, server, paths, *more):
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("schemathesis is not installed")
    url = f"http://{server.host}:{server.port}/openapi.json"
    command = [program, "run", url, "--include-path-regex", paths, "--max-examples", "20", "--no-color", *more]
    options = ["--phases", "examples,coverage,fuzzing", "--seed", "7", "--generation-database", "none"]
    return subprocess.run([*command, *options], capture_output=True, text=True, timeout=280, cwd=folder)


@pytest.mark.parametrize("project", ["writer", "talker"])
def test_openai_s_routes_are_described_as_they_are(serve, tmp_path, project):
    found = schemathesis(tmp_path, serve(project), OPENAI)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("project", "left_out"),
    [
        ("speaker", ()),
        # JSON Schema cannot say that a shape and its data, or several tensors, agree.
        ("writer", ("--exclude-checks", "positive_data_acceptance")),
        # And this model fails where it is asked to.
        ("tensors", ("--exclude-checks", "positive_data_acceptance,not_a_server_error")),
    ],
)
def test_the_routes_of_the_protocol_are_described_as_they_are(serve, tmp_path, project, left_out):
    found = schemathesis(tmp_path, serve(project), V2, *left_out)
    assert found.returncode == 0, found.stdout
