import os
import signal
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # bench starts the daemons, for its own figures too

from bench.daemons import DaemonMissing, docker_daemon, podman_service
from bench.registries import docker_registry

NO_DAEMON = "unix:///var/empty/no-daemon.sock"
KEPT = ("PATH", "LANG", "SSL_CERT_FILE", "PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "COVERAGE_")


@pytest.fixture(scope="session", autouse=True)
def _control_c_is_heard():
    """In the background of a script it is ignored, and so it would be by every program that a test starts."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory) -> Path:
    """One cache of model environments for the whole session, all its workers together: making them is what costs."""
    if base := os.environ.get("NOVA_SPI_TEST_CACHE"):
        return Path(base)
    own = tmp_path_factory.getbasetemp()
    cache = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared-cache"
    cache.mkdir(exist_ok=True)
    return cache


@pytest.fixture
def isolated_environment(tmp_path, shared_cache) -> dict[str, str]:
    """An environment for a program of ours: the user's own settings, cache and home stay out of it."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    config = Path.home() / ".config" / "pip"
    if config.is_dir():  # where a machine reaches its package index only by the user's pip configuration
        (home / ".config").mkdir(exist_ok=True)
        (home / ".config" / "pip").symlink_to(config)
    return kept | {
        "DOCKER_HOST": NO_DAEMON,  # that of the machine stays out of it too
        "HOME": str(home),
        "NOVA_SPI_CACHE_DIR": str(shared_cache),
        "NOVA_SPI_DATA_DIR": str(tmp_path / "data"),
        "NO_COLOR": "1",
        "PYTHONWARNINGS": "error",
    }


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """For code that runs in the test itself: no engine of this machine, no credentials, and folders of its own."""
    for name in ("DOCKER_CONFIG", "DOCKER_CONTEXT", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_HOST", NO_DAEMON)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NOVA_SPI_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def debian_base(tmp_path_factory, shared_cache) -> str:
    """The base ``debian``, assembled once, as a layout on disk with a name: what ``--base-image`` takes."""
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.platforms import Platform
    from nova_spi.images.base import open_base
    from nova_spi.images.debian_apt import can_be_asked
    from nova_spi.progress import Silent

    if why := can_be_asked(Platform.here()):
        pytest.skip(f"the base debian cannot be made here: {why}")
    layout = Layout.create(tmp_path_factory.mktemp("base") / "layout")
    made = open_base("debian", layout, Platform.here(), Silent(), cache_dir=shared_cache)
    layout.name(made.manifest.descriptor, "base")
    return f"{layout.root}:base"


@pytest.fixture
def open_folder_without_rights():
    """A folder that anybody may enter, and for the test the rights of nobody in it: root would read everything."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)

        @contextmanager
        def without_rights():
            if os.geteuid() != 0:
                yield
                return
            os.seteuid(65534)
            try:
                yield
            finally:
                os.seteuid(0)

        yield folder, without_rights


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory):
    """The address of a Docker daemon of this session's own (of this worker's: it starts in 0.15 s)."""
    yield from _daemon(docker_daemon, tmp_path_factory.mktemp("docker"))


@pytest.fixture(scope="session")
def podman_host(tmp_path_factory):
    """The address of a Podman service of this session's own."""
    yield from _daemon(podman_service, tmp_path_factory.mktemp("podman"))


def _daemon(start, folder):
    with ExitStack() as running:
        try:
            address = running.enter_context(start(folder))
        except DaemonMissing as missing:
            pytest.skip(str(missing))
        yield address


@pytest.fixture(scope="session")
def real_registry(tmp_path_factory):
    """The host of a docker-registry of the session's own; ended by its own process, whatever the tests do."""
    with ExitStack() as stack:
        try:
            host = stack.enter_context(docker_registry(tmp_path_factory.mktemp("registry")))
        except DaemonMissing as missing:
            pytest.skip(str(missing))
        yield host
