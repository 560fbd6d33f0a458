import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.serving.http.routes import Route, Routes


async def handler(request, served, **segments):
    raise NotImplementedError


PATHS = ("/", "/v1/commands", "/v1/commands/{name}", "/v1/commands/special", "/v1/executions/{id}/files/{name*}")
ROUTES = Routes([Route("GET", path, handler) for path in PATHS] + [Route("POST", "/v1/commands/{name}", handler)])


def found(path, method="GET"):
    fits = ROUTES.at(path).get(method)
    return None if fits is None else (fits.route.path, fits.segments)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ("/", {})),
        ("/v1/commands", ("/v1/commands", {})),
        ("/v1/commands/", None),
        ("/v1/commands/run", ("/v1/commands/{name}", {"name": "run"})),
        ("/v1/commands/special", ("/v1/commands/special", {})),
        ("/v1/commands/a/b", None),
        ("/v1/executions/1/files/a", ("/v1/executions/{id}/files/{name*}", {"id": "1", "name": "a"})),
        ("/v1/executions/1/files/a/b.c", ("/v1/executions/{id}/files/{name*}", {"id": "1", "name": "a/b.c"})),
        ("/v1/executions/1/files/", None),
        ("/v1/executions//files/a", None),
        ("", None),
        ("//", None),
        ("*", None),
    ],
)
def test_an_address_is_found_by_its_shape(path, expected):
    assert found(path) == expected


def test_methods_of_one_address_stand_beside_each_other():
    assert set(ROUTES.at("/v1/commands/run")) == {"GET", "POST"}


def test_what_is_settled_is_found_as_before():
    routes = Routes([Route("POST", "/v1/commands/{name}", handler)])
    before = routes.at("/v1/commands/run")
    routes.settle("/v1/commands/run")
    assert routes.at("/v1/commands/run") == before
    assert routes.at("/v1/commands/run") is routes.at("/v1/commands/run")


@settings(max_examples=100)
@given(st.lists(st.text(min_size=1).filter(lambda text: "/" not in text), min_size=1, max_size=4))
def test_segments_come_back_as_they_are(parts):
    assert found("/v1/executions/x/files/" + "/".join(parts)) == (PATHS[-1], {"id": "x", "name": "/".join(parts)})


@settings(max_examples=100)
@given(st.text())
def test_no_address_makes_it_fail(path):
    ROUTES.at(path)
