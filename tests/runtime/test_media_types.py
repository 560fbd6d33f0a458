import pytest

from nova_spi_runtime.media_types import ALIASES, accepted, canonical


@pytest.mark.parametrize(
    ("mime", "name"),
    [
        ("audio/mp3", "audio/mpeg"),
        ("audio/x-wav", "audio/wav"),
        ("audio/vnd.wave", "audio/wav"),
        ("image/jpg", "image/jpeg"),
        ("IMAGE/PNG", "image/png"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("application/x-unheard", "application/x-unheard"),
    ],
)
def test_a_type_has_one_name(mime, name):
    assert canonical(mime) == name


def test_no_alias_leads_to_an_alias():
    assert not set(ALIASES.values()) & set(ALIASES)


@pytest.mark.parametrize(
    ("mime", "types", "ok"),
    [
        ("image/png", [], True),
        ("image/png", ["image/*"], True),
        ("image/png", ["image/jpeg"], False),
        ("image/jpeg", ["image/jpg"], True),
        ("audio/wave", ["audio/x-wav"], True),
        ("video/mp4", ["image/*", "*/*"], True),
        ("imagex/png", ["image/*"], False),
        ("text/json", ["application/*"], True),
    ],
)
def test_accepted_types(mime, types, ok):
    assert accepted(mime, types) is ok
