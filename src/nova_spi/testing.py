"""A pytest plug-in: the project's model, loaded once for the session, as the fixture ``nova_spi_model``.

    def test_it_says_hello(nova_spi_model):
        assert "hello" in nova_spi_model.predict(prompt="Say hello")["generated_text"].lower()

The project is that of ``--nova-spi-project PATH``, else of ``nova_spi_project`` in pytest's ini file (a path from that
file's folder), else the folder that pytest calls its root; a name of an image does as well. What ``nova_spi.load``
takes beside the path comes from the fixture ``nova_spi_options``, which a project may override:

    @pytest.fixture(scope="session")
    def nova_spi_options():
        return {"require_isolation": "sandbox", "workers": 2}

pytest finds the plug-in by its entry point; ``-p no:nova_spi`` leaves it out. It loads nothing of nova-spi until a test
asks for the model.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nova_spi.sdk.loading import Model

OPTION, INI = "--nova-spi-project", "nova_spi_project"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option and the ini value that name the project."""
    group = parser.getgroup("nova-spi", "models that nova-spi runs")
    group.addoption(OPTION, metavar="PATH", help="the project, or the image, whose model is nova_spi_model")
    parser.addini(INI, "the project, or the image, whose model is nova_spi_model", default="")


@pytest.fixture(scope="session")
def nova_spi_options() -> Mapping[str, Any]:
    """What `nova_spi.load` is given beside the path; a project overrides it."""
    return {}


@pytest.fixture(scope="session")
def nova_spi_model(request: pytest.FixtureRequest, nova_spi_options: Mapping[str, Any]) -> "Iterator[Model]":
    """The project's model, loaded; it is closed at the end of the session.

    A model that cannot be loaded is an error of every test that asks for it, in the words of `nova_spi.load`.
    """
    from nova_spi.errors import NovaSpiError
    from nova_spi.sdk.loading import load

    try:
        model = load(project_of(request.config), **nova_spi_options)
    except NovaSpiError as error:
        pytest.fail(_told(error), pytrace=False)
    with model:
        yield model


def project_of(config: pytest.Config) -> str:
    """What is loaded: a path, absolute where it came from an ini file, or the name of an image."""
    said = config.getoption(OPTION)
    if said:
        return str(said)
    said = config.getini(INI)
    if not said:
        return str(config.rootpath)
    base = config.inipath.parent if config.inipath is not None else config.rootpath
    found = base / Path(str(said)).expanduser()
    is_image = (":" in said or "@" in said) and not found.exists()
    return str(said) if is_image else str(found)


def _told(error: Any) -> str:
    lines = [f"{error.message} [{error.error_code}]", *(f"{word}: {text}" for word, text in _more(error) if text)]
    return "\n".join(lines)


def _more(error: Any) -> Iterator[tuple[str, str]]:
    yield "why", error.why
    yield "mend", error.mend
    yield "log", str(error.details.get("log", ""))
