import pytest

from nova_spi.serving.batch.figures import Pace, duration, told


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h")],
)
def test_a_time_is_told_as_people_tell_it(seconds, words):
    assert duration(seconds) == words


def test_the_rate_is_that_of_the_last_half_minute():
    pace = Pace()
    assert pace.look(0.0, 500) is None  # what was there before counts for nothing
    assert pace.look(10.0, 600) == 10.0
    for second in range(11, 100):
        rate = pace.look(float(second), 600 + second)
    assert rate == pytest.approx(1.0, rel=0.01)


def test_what_is_not_known_yet_is_not_told():
    assert told(None, 0, 10) == "items"
    assert told(41.23, 3, 4947) == "items, 41.2/s, 3 failed, 2 min left"
    assert told(0.05, 0, 1) == "items, 3.0/min, 20 s left"
    assert told(1234.5, 0, 0) == "items, 1234/s"
