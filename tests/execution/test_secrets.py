import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.errors import UsageError
from nova_spi.execution import secrets
from nova_spi.execution.run import make_request
from nova_spi.execution.secrets import Scrubber, gather, laid_out
from nova_spi.project.folder import open_folder


def test_a_given_secret_wins_over_the_environment():
    found = gather(("TOKEN", "KEY", "NONE"), {"TOKEN": "given"}, {"TOKEN": "env", "KEY": "env", "OTHER": "env"})
    assert found == {"TOKEN": "given", "KEY": "env"}


def test_a_secret_that_the_manifest_does_not_name_is_refused_with_a_suggestion():
    with pytest.raises(UsageError, match="'TOKN'") as raised:
        gather(("TOKEN",), {"TOKN": "hidden-value"}, {})
    assert "TOKEN" in raised.value.why
    assert "hidden-value" not in repr(raised.value.to_dict())


def test_a_secret_has_a_size(tmp_path):
    with pytest.raises(UsageError, match="larger"):
        gather(("TOKEN",), {"TOKEN": "x" * (1 << 21)}, {})


def test_secrets_are_private_files_that_are_gone_afterwards(tmp_path):
    with laid_out({"TOKEN": "value\n", "GREEK": "αβγ"}, tmp_path / "secrets") as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "TOKEN").stat().st_mode) == 0o400
        assert (folder / "TOKEN").read_text() == "value\n"
        assert sorted(p.name for p in folder.iterdir()) == ["GREEK", "TOKEN"]
    assert not folder.exists()


def test_secrets_are_removed_after_an_exception_too(tmp_path):
    with pytest.raises(KeyboardInterrupt), laid_out({"TOKEN": "value"}, tmp_path / "secrets") as folder:
        raise KeyboardInterrupt
    assert not folder.exists()


def test_without_secrets_no_folder_is_made(tmp_path):
    with laid_out({}, tmp_path / "scratch" / "secrets") as folder:
        assert not folder.exists()


def test_without_shared_memory_they_stand_in_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(secrets, "SHARED_MEMORY", tmp_path / "nothing")
    (tmp_path / "scratch").mkdir()
    with laid_out({"TOKEN": "value"}, tmp_path / "scratch" / "secrets") as folder:
        assert folder.is_relative_to(tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(secrets, "SHARED_MEMORY", tmp_path)
    old = tmp_path / f"{secrets.PREFIX}old"
    young = tmp_path / f"{secrets.PREFIX}young"
    for folder in (old, young):
        (folder / "values").mkdir(parents=True)
        (folder / ".lock").touch()
        (folder / "values" / "TOKEN").write_text("value")
    os.utime(old, (time.time() - 3600,) * 2)
    with laid_out({"TOKEN": "value"}, tmp_path / "secrets") as mine:
        assert not old.exists()
        assert young.exists()
        os.utime(mine.parent, (time.time() - 3600,) * 2)
        with laid_out({"KEY": "value"}, tmp_path / "secrets"):
            assert mine.exists()


def test_long_secrets_are_scrubbed_and_short_ones_are_not():
    scrubber = Scrubber({"TOKEN": "hunter22hunter22", "PIN": "1234"})
    assert scrubber.scrub(b"a hunter22hunter22 b 1234") == b"a [secret TOKEN] b 1234"


def test_a_secret_in_json_and_in_a_repr_is_found():
    value = 'quote"back\\slash\nend'
    scrubber = Scrubber({"TOKEN": value})
    assert scrubber.clean({"a": [value, value.strip()]}) == {"a": ["[secret TOKEN]"] * 2}
    assert b"slash" not in scrubber.scrub(repr(value).encode())


def test_the_longer_of_two_secrets_goes_first():
    scrubber = Scrubber({"A": "abcdefgh", "B": "abcdefghijkl"})
    assert scrubber.scrub(b"abcdefghijkl") == b"[secret B]"


@given(st.binary(max_size=60), st.binary(max_size=60), st.lists(st.integers(0, 140), max_size=6))
def test_a_stream_is_scrubbed_as_the_whole_would_be_wherever_it_is_cut(before, after, cuts):
    scrubber = Scrubber({"TOKEN": "s3cret-s3cret-token"})
    text = before + b"s3cret-s3cret-token" + after
    found, last = b"", 0
    for cut in sorted(cuts):
        found += scrubber.feed(text[last:cut])
        last = max(last, cut)
    found += scrubber.feed(text[last:]) + scrubber.rest()
    assert found == Scrubber({"TOKEN": "s3cret-s3cret-token"}).scrub(text)


def test_nothing_is_held_back_where_nothing_could_begin():
    scrubber = Scrubber({"TOKEN": "s3cret-token"})
    assert scrubber.feed(b"Name? ") == b"Name? "
    assert scrubber.feed(b"s3c") == b""
    assert scrubber.feed(b"ond") == b"s3cond"


def test_a_folder_of_ours_is_never_world_readable():
    with laid_out({"TOKEN": "value"}, Path("/nowhere")) as folder:
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_what_came_out_of_an_image_gets_no_secret_that_the_caller_did_not_give(program, monkeypatch):
    """Whoever made the image has named them: AWS_SECRET_ACCESS_KEY, say."""
    made = program("pass", "execution:\n  secrets: [TOKEN]\ninputs: []\noutputs: []\n")
    monkeypatch.setenv("TOKEN", "of the caller")
    own = open_folder(made.root)
    options = {"command": None, "inputs": None, "engine": made.engine, "settings": made.settings}
    assert make_request(own, secrets=None, **options).secrets == {"TOKEN": "of the caller"}
    of_image = replace(own, from_image=True)
    assert make_request(of_image, secrets=None, **options).secrets == {}
    assert make_request(of_image, secrets={"TOKEN": "given"}, **options).secrets == {"TOKEN": "given"}
