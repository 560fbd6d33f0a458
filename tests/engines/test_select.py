import pytest

from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.select import select
from nova_spi.errors import EngineUnavailable, UsageError
from nova_spi.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings.load(cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["auto", "process"])
def test_the_embedded_engine_is_the_default(settings, name):
    assert isinstance(select(name, settings), ProcessEngine)


def test_an_engine_that_is_not_here_says_what_to_do(settings):
    with pytest.raises(EngineUnavailable, match="ray") as failure:
        select("ray", settings)
    assert "--engine process" in failure.value.mend
    assert failure.value.exit_status == 3


def test_an_unknown_engine_is_a_usage_error(settings):
    with pytest.raises(UsageError, match="warp"):
        select("warp", settings)
