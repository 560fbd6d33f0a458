import hashlib
import os
import threading

import pytest

from nova_spi.assets.cache import Cache, Remembered, uri_key
from nova_spi.assets.source import Validators
from nova_spi.errors import AssetUnavailable, RunCancelled


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "assets")


def kept(cache, tmp_path, content=b"content"):
    source = tmp_path / "came"
    source.write_bytes(content)
    return cache.keep(source, sha(content), len(content))


def test_what_is_kept_is_found_by_its_content(cache, tmp_path):
    entry = kept(cache, tmp_path)
    assert cache.find(sha(b"content")) == entry
    assert cache.find("0" * 64) is None
    assert entry.path.parent.name == entry.sha256[:2]


def test_a_changed_entry_is_found_and_removed(cache, tmp_path):
    entry = kept(cache, tmp_path)
    entry.path.chmod(0o644)
    entry.path.write_bytes(b"CONTENT")
    assert cache.find(entry.sha256) is None
    assert not entry.path.exists()


def test_a_change_that_sets_size_and_time_back_is_found(cache, tmp_path):
    entry = kept(cache, tmp_path)
    before = entry.path.stat()
    entry.path.chmod(0o644)
    entry.path.write_bytes(b"CONTENT")
    os.utime(entry.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert entry.path.stat().st_size == before.st_size
    assert cache.find(entry.sha256) is None


def test_an_entry_that_was_only_touched_is_verified_and_stays(cache, tmp_path):
    entry = kept(cache, tmp_path)
    os.utime(entry.path)
    assert cache.find(entry.sha256) == entry


@pytest.mark.parametrize("record", [b"", b"[]", b'{"status": 3}', b"\xff"])
def test_a_damaged_record_means_another_verification(cache, tmp_path, record):
    entry = kept(cache, tmp_path)
    entry.path.with_name(entry.path.name + ".json").write_bytes(record)
    assert cache.find(entry.sha256) == entry


@pytest.mark.parametrize("written", [b"", b"[]", b'{"sha256": 3', b"null"])
def test_a_damaged_memory_of_a_uri_is_none(cache, tmp_path, written):
    key = uri_key("https://example.org/w")
    cache.remember(key, Remembered("ab", Validators('"one"')))
    assert cache.remembered(key) == Remembered("ab", Validators('"one"'))
    (tmp_path / "assets" / "uri" / f"{key}.json").write_bytes(written)
    assert cache.remembered(key) is None


def test_a_damaged_folder_is_found_and_removed(fetching):
    (fetching.root / "tok").mkdir()
    (fetching.root / "tok" / "a").write_text("a")
    found = fetching("file:tok/")
    (found.path / "b").write_text("b")
    again = fetching("file:tok/")
    assert not again.cached
    assert [path.name for path in again.path.iterdir()] == ["a"]


def test_a_pinned_asset_whose_entry_is_damaged_is_fetched_again(fetching, server, resource, content):
    server.resources["/w"] = resource(content)
    found = fetching(server.url("/w"), sha256=sha(content))
    found.path.chmod(0o644)
    found.path.write_bytes(content[:100])
    again = fetching(server.url("/w"), sha256=sha(content))
    assert not again.cached
    assert again.path.read_bytes() == content


def test_an_unpinned_asset_whose_entry_is_damaged_is_fetched_again(fetching, server, resource, content):
    server.resources["/w"] = resource(content)
    found = fetching(server.url("/w"))
    found.path.unlink()
    assert fetching(server.url("/w")).path.read_bytes() == content


def test_the_same_content_under_another_size_is_told(fetching, server, resource, content):
    server.resources["/w"] = resource(content)
    fetching(server.url("/w"), sha256=sha(content))
    with pytest.raises(AssetUnavailable, match=f"size_bytes: {len(content)}|has {len(content)} bytes"):
        fetching(server.url("/w"), sha256=sha(content), size_bytes=5)


def test_damaged_bytes_of_a_broken_download_are_fetched_again(fetching, server, resource, content):
    url = server.url("/w")
    server.resources["/w"] = resource(content, break_after=[300_000] + [0] * 9)
    with pytest.raises(AssetUnavailable, match="could not"):
        fetching(url, sha256=sha(content))
    [partial] = fetching.cache_dir.rglob("partial/*/content")
    partial.write_bytes(b"x" * partial.stat().st_size)
    server.resources["/w"] = resource(content)
    assert fetching(url, sha256=sha(content)).path.read_bytes() == content


def test_bytes_without_their_state_are_not_trusted(fetching, server, resource, content):
    server.resources["/w"] = resource(content, break_after=[300_000] + [0] * 9)
    with pytest.raises(AssetUnavailable):
        fetching(server.url("/w"))
    [state] = fetching.cache_dir.rglob("partial/*/state.json")
    state.write_text("{")
    server.resources["/w"] = resource(content)
    assert fetching(server.url("/w")).path.read_bytes() == content
    assert server.asked("range")[-1] is None


def test_bytes_that_were_complete_before_a_kill_are_taken_as_they_are(fetching, server, resource, content):
    server.resources["/w"] = resource(content, break_after=[300_000] + [0] * 9)
    with pytest.raises(AssetUnavailable):
        fetching(server.url("/w"))
    [partial] = fetching.cache_dir.rglob("partial/*/content")
    partial.write_bytes(content)
    server.resources["/w"] = resource(content)
    assert fetching(server.url("/w")).path.read_bytes() == content
    assert server.asked("range")[-1] == f"bytes={len(content)}-"


def test_more_bytes_than_there_are_begin_again(fetching, server, resource, content):
    server.resources["/w"] = resource(content, break_after=[300_000] + [0] * 9)
    with pytest.raises(AssetUnavailable):
        fetching(server.url("/w"))
    [partial] = fetching.cache_dir.rglob("partial/*/content")
    partial.write_bytes(content + b"more")
    server.resources["/w"] = resource(content)
    assert fetching(server.url("/w")).path.read_bytes() == content


def test_waiting_for_another_process_can_be_cancelled(cache):
    cancel = threading.Event()
    cancel.set()
    with cache.lock("key"), pytest.raises(RunCancelled), cache.lock("key", cancel):
        pass
