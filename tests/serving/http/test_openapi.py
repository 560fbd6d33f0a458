"""What /openapi.json says is what the server does: schemathesis asks for all of it, with all of its checks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

HERE = Path(__file__).parent
OURS = "^/(v1/(commands|executions)|livez|healthz|readyz|metrics|openapi)"
FAILING = "^/v1/commands/(fail|soon|wait|count)$"
"""Commands that fail, or take their time: that is what they are for."""

CONFIG = """
[[operations]]
include-name = "POST /v1/commands/copy"
# In a form everything is text: an object where a text is wanted is a text too.
checks.negative_data_rejection.enabled = false

"""


@pytest.fixture(scope="module")
def document(server):
    with server.client() as client:
        return client.get("/openapi.json").json()


@pytest.mark.slow
@pytest.mark.parametrize("secured", [False, True])
def test_schemathesis_finds_nothing(serve, tmp_path, secured):
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("schemathesis is not installed")
    config, options = CONFIG, {"workers": 2}
    if secured:
        token = tmp_path / "token"
        token.write_text("the-token-of-this-test-and-no-other")
        token.chmod(0o600)
        options["token_file"] = token
        config += f'[auth.openapi.token]\nbearer = "{token.read_text()}"\n'
    server = serve(**options)
    with server.client(headers={"authorization": "Bearer the-token-of-this-test-and-no-other"}) as client:
        (tmp_path / "openapi.json").write_bytes(client.get("/openapi.json").content)
    (tmp_path / "schemathesis.toml").write_text(config)
    command = [program, "run", "openapi.json", "--url", server.url, "--no-color", "--include-path-regex", OURS]
    more = ["--exclude-path-regex", FAILING, "--max-examples", "20", "--seed", "7", "--generation-database", "none"]
    found = subprocess.run(
        [*command, *more],
        capture_output=True,
        text=True,
        timeout=250,
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE)},
    )
    assert found.returncode == 0, found.stdout[-8000:]


def test_every_schema_is_valid_and_every_reference_leads_somewhere(document):
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert set(re.findall(r"'#/components/schemas/([^']+)'", str(document))) <= set(schemas)


def test_every_operation_has_a_name_of_its_own(document):
    names = [
        operation["operationId"]
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in ("get", "post", "delete") and "operationId" in operation
    ]
    assert len(names) == len(set(names))
    assert {"run", "wait", "copy", "executions.show", "executions.delete"} <= set(names)


def test_every_route_is_described(document):
    from nova_spi.serving.http import commands, executions, probes

    described = {re.sub(r"/commands/\w+$", "/commands/{name}", path) for path in document["paths"]}
    for route in (*commands.ROUTES, *executions.ROUTES, *probes.ROUTES):
        assert route.path.replace("*", "") in described, route.path


def test_a_server_without_a_token_asks_for_none(document):
    assert "security" not in document
    assert "401" not in str(document["paths"]["/v1/commands/run"]["post"]["responses"].keys())
