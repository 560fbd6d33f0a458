"""What both foreign faces say of a model that cannot be loaded, and to whom has no token."""

import openai
import pytest
from tritonclient.http import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

TOKEN = "a-token-of-the-test-0123456789"


@pytest.fixture(scope="module")
def broken(serve):
    return serve("broken", until="serving")


@pytest.fixture(scope="module")
def secured(serve, tmp_path_factory):
    path = tmp_path_factory.mktemp("token") / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    return serve("writer", "--token-file", str(path))


def openai_client(server, key, **options):
    return openai.OpenAI(base_url=f"http://{server.host}:{server.port}/v1", api_key=key, max_retries=0, **options)


def triton_client(server):
    return InferenceServerClient(f"{server.host}:{server.port}", network_timeout=60)


def test_the_protocol_says_that_a_model_is_not_ready(broken):
    with triton_client(broken) as client:
        assert client.is_server_live()
        assert not client.is_server_ready()
        assert not client.is_model_ready("broken")
        assert client.get_model_metadata("broken")["name"] == "broken"
        tensor = InferInput("messages", [1], "BYTES")
        tensor._data = ['[{"role":"user","content":"x"}]']
        with pytest.raises(InferenceServerException) as caught:
            client.infer("broken", [tensor])
        assert caught.value.status() == "503"


def test_openai_s_client_is_told_that_a_model_is_not_there(broken):
    with openai_client(broken, "none") as client:
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="broken", messages=[{"role": "user", "content": "x"}])
        assert caught.value.status_code == 503
        assert caught.value.code == "worker.unavailable"
        assert int(caught.value.response.headers["retry-after"]) >= 1


def test_without_the_token_nothing_is_answered_but_probes(secured):
    with triton_client(secured) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        with pytest.raises(InferenceServerException) as caught:
            client.get_model_metadata("writer")
        assert caught.value.status() == "401"
        assert isinstance(caught.value.message(), str)
        found = client.get_model_metadata("writer", headers={"Authorization": f"Bearer {TOKEN}"})
        assert found["name"] == "writer"


def test_openai_s_key_is_the_token(secured):
    with openai_client(secured, TOKEN) as client:
        assert client.models.retrieve("writer").id == "writer"
    with openai_client(secured, "another") as client, pytest.raises(openai.AuthenticationError) as caught:
        client.models.list()
    assert caught.value.code == "usage.unauthorised"
