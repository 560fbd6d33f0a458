import dataclasses
import hashlib
import threading
import time

import pytest

from nova_spi.errors import AssetUnavailable, RunCancelled


def sha(content):
    return hashlib.sha256(content).hexdigest()


def test_content_comes_over_tls_with_its_digest_and_progress(fetching, server, resource, content, heard):
    server.resources["/w"] = resource(content)
    found = fetching(server.url("/w"), sha256=sha(content), size_bytes=len(content))
    assert found.path.read_bytes() == content
    assert (found.sha256, found.size_bytes, found.cached) == (sha(content), len(content), False)
    assert heard.advances[-1] == (len(content), len(content), "bytes")
    assert heard.stages[0][0] == "assets"


def test_a_pinned_asset_is_fetched_once_and_then_nobody_is_asked(fetching, server, resource, content):
    server.resources["/w"] = resource(content)
    fetching(server.url("/w"), sha256=sha(content))
    again = fetching(server.url("/w"), sha256=sha(content))
    assert again.cached
    assert len(server.requests) == 1


def test_an_asset_without_a_digest_is_asked_for_again_and_taken_only_when_it_changed(
    fetching, server, resource, content
):
    server.resources["/w"] = resource(content)
    first = fetching(server.url("/w"))
    second = fetching(server.url("/w"))
    assert (first.cached, second.cached) == (False, True)
    assert second.sha256 == sha(content)
    assert server.asked("if-none-match") == [None, '"one"']
    server.resources["/w"] = resource(b"changed", etag='"two"')
    third = fetching(server.url("/w"))
    assert (third.cached, third.path.read_bytes()) == (False, b"changed")


def test_the_date_serves_where_there_is_no_etag(fetching, server, resource, content):
    date = "Wed, 23 Apr 2025 10:15:30 GMT"
    server.resources["/w"] = resource(content, etag=None, last_modified=date)
    fetching(server.url("/w"))
    assert fetching(server.url("/w")).cached
    assert server.asked("if-modified-since")[-1] == date


def test_without_any_validator_the_content_is_fetched_each_time(fetching, server, resource, content):
    server.resources["/w"] = resource(content, etag=None)
    fetching(server.url("/w"))
    assert not fetching(server.url("/w")).cached


@pytest.mark.parametrize("chunked", [False, True])
def test_a_broken_connection_is_resumed_where_it_broke(fetching, server, resource, content, chunked):
    server.resources["/w"] = resource(content, break_after=[300_000, 200_000], chunked=chunked)
    found = fetching(server.url("/w"), sha256=sha(content))
    assert found.path.read_bytes() == content
    ranges = server.asked("range")
    assert ranges[0] is None
    assert all(asked.startswith("bytes=") and asked != "bytes=0-" for asked in ranges[1:])
    assert server.asked("if-range")[1:] == ['"one"'] * (len(ranges) - 1)


def test_a_server_that_ignores_range_gives_the_whole_again(fetching, server, resource, content):
    server.resources["/w"] = resource(content, break_after=[300_000], ranges=False)
    assert fetching(server.url("/w")).path.read_bytes() == content


def test_content_that_changed_in_the_middle_is_never_mixed(fetching, server, resource, content):
    server.resources["/w"] = resource(content, break_after=[300_000])
    changed = bytes(reversed(content))

    def change(done, total, unit):
        server.resources["/w"] = resource(changed, etag='"two"')

    fetching.heard.advance = change
    assert fetching(server.url("/w")).path.read_bytes() == changed


def test_a_changed_etag_in_a_partial_answer_starts_over(fetching, server, resource, content):
    """A server that ignores If-Range, not Range."""
    server.resources["/w"] = resource(content, break_after=[300_000])
    changed = bytes(reversed(content))

    def change(done, total, unit):
        fresh = resource(changed, etag='"two"')
        fresh.ignores_if_range = True
        server.resources["/w"] = fresh

    fetching.heard.advance = change
    assert fetching(server.url("/w")).path.read_bytes() == changed


def test_a_partial_answer_of_the_wrong_place_is_not_taken(fetching, server, resource, content):
    server.resources["/w"] = resource(content, break_after=[300_000], wrong_range=True)
    with pytest.raises(AssetUnavailable, match="bytes from 0"):
        fetching(server.url("/w"))


def test_a_weak_etag_is_not_used_to_resume(fetching, server, resource, content):
    server.resources["/w"] = resource(content, etag='W/"one"', break_after=[300_000])
    assert fetching(server.url("/w")).path.read_bytes() == content
    assert server.asked("range") == [None, None]


def test_a_server_that_promises_more_than_it_sends_is_an_error(fetching, server, resource):
    server.resources["/w"] = resource(b"short", claimed_length=500, etag=None)
    with pytest.raises(AssetUnavailable, match="could not be fetched"):
        fetching(server.url("/w"))


def test_a_server_that_promises_less_than_it_has_is_found_by_the_digest(fetching, server, resource, content):
    server.resources["/w"] = resource(content, claimed_length=500)
    with pytest.raises(AssetUnavailable, match="not what the manifest says"):
        fetching(server.url("/w"), sha256=sha(content))


def test_a_wrong_digest_is_refused_and_nothing_of_it_stays(fetching, server, resource, content):
    server.resources["/w"] = resource(content)
    with pytest.raises(AssetUnavailable, match="not what the manifest says") as raised:
        fetching(server.url("/w"), sha256="0" * 64)
    assert raised.value.details["sha256"] == sha(content)
    left = [path for path in fetching.cache_dir.rglob("*") if path.is_file() and path.parent.name != "locks"]
    assert left == []


def test_a_size_that_differs_is_refused_before_the_content_is_sent(fetching, server, resource, content):
    server.resources["/w"] = resource(content)
    with pytest.raises(AssetUnavailable, match="larger than it may be"):
        fetching(server.url("/w"), size_bytes=100)
    assert fetching.heard.advances == []
    with pytest.raises(AssetUnavailable, match="size_bytes is 9999999"):
        fetching(server.url("/w"), size_bytes=9_999_999)


def test_content_without_a_length_is_stopped_at_its_bound(fetching, server, resource, content):
    server.resources["/w"] = resource(content, chunked=True)
    bound = dataclasses.replace(fetching.transport, max_bytes=100_000)
    with pytest.raises(AssetUnavailable, match="larger than it may be"):
        fetching(server.url("/w"), transport=bound)


@pytest.mark.parametrize("status", [404, 410, 451])
def test_what_is_not_there_is_said_at_once(fetching, server, resource, status):
    server.resources["/w"] = resource(b"", status=status)
    with pytest.raises(AssetUnavailable, match=str(status)):
        fetching(server.url("/w"))
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_names_the_credentials(fetching, server, resource, status):
    server.resources["/w"] = resource(b"", status=status)
    with pytest.raises(AssetUnavailable) as raised:
        fetching(server.url("/w"))
    assert "credentials" in raised.value.mend


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_busy_server_is_asked_again(fetching, server, resource, content, status):
    server.resources["/w"] = resource(content, statuses=[status, status])
    assert fetching(server.url("/w")).path.read_bytes() == content
    assert len(server.requests) == 3


def test_a_server_that_stays_broken_is_given_up_with_its_reason(fetching, server, resource):
    server.resources["/w"] = resource(b"", statuses=[500] * 50)
    with pytest.raises(AssetUnavailable, match="500"):
        fetching(server.url("/w"))
    assert len(server.requests) == fetching.transport.tries


def test_silence_is_an_interruption_and_is_resumed(fetching, server, resource, content):
    quick = dataclasses.replace(fetching.transport, read_seconds=0.2)
    server.resources["/w"] = resource(content, pause=0.5, piece=400_000)

    def go_on(done, total, unit):
        server.resources["/w"].pause = 0.0

    fetching.heard.advance = go_on
    assert fetching(server.url("/w"), transport=quick).path.read_bytes() == content


def test_an_unreachable_server_uses_the_copy_of_last_time_and_says_so(fetching, server, resource, content):
    server.resources["/w"] = resource(content)
    fetching(server.url("/w"))
    server.resources["/w"].statuses = [503] * 9
    found = fetching(server.url("/w"))
    assert found.cached
    assert "could not be compared" in fetching.heard.warnings[0]
    server.resources["/w"] = resource(b"", status=404)
    with pytest.raises(AssetUnavailable):
        fetching(server.url("/w"))


def test_credentials_are_sent_to_their_host(fetching, server, resource, content):
    server.resources["/w"] = resource(content)
    fetching(server.url("/w"), credentials="TOKEN", secrets={"TOKEN": "s3cret-token\n"})
    assert server.asked("authorization") == ["Bearer s3cret-token"]


def test_credentials_never_go_to_another_host_nor_back(fetching, server, other_server, resource, content):
    server.resources["/w"] = resource(location=other_server.url("/x"))
    other_server.resources["/x"] = resource(location=server.url("/y"))
    server.resources["/y"] = resource(content)
    fetching(server.url("/w"), credentials="TOKEN", secrets={"TOKEN": "s3cret-token"})
    assert server.asked("authorization") == ["Bearer s3cret-token", None]
    assert other_server.asked("authorization") == [None]


def test_credentials_stay_on_a_redirect_within_the_host(fetching, server, resource, content):
    server.resources["/w"] = resource(location="/x")
    server.resources["/x"] = resource(content)
    fetching(server.url("/w"), credentials="TOKEN", secrets={"TOKEN": "s3cret-token"})
    assert server.asked("authorization") == ["Bearer s3cret-token"] * 2


def test_a_secret_stands_in_no_file_message_or_progress(fetching, server, resource):
    server.resources["/w"] = resource(b"", status=401)
    uri = server.url("/w?signature=abcdef")
    with pytest.raises(AssetUnavailable) as raised:
        fetching(uri, credentials="TOKEN", secrets={"TOKEN": "s3cret-token"})
    told = repr(raised.value.to_dict()) + repr(fetching.heard.stages)
    assert "s3cret" not in told
    assert "abcdef" not in told
    for path in fetching.cache_dir.rglob("*"):
        if path.is_file():
            assert b"s3cret" not in path.read_bytes()
            assert b"abcdef" not in path.read_bytes()


def test_a_missing_secret_is_named(fetching, server):
    with pytest.raises(AssetUnavailable, match="TOKEN") as raised:
        fetching(server.url("/w"), credentials="TOKEN")
    assert "--secret TOKEN=@FILE" in raised.value.mend


@pytest.mark.parametrize("token", ["line\nbreak", "gr\u00fcn"])
def test_a_secret_that_no_header_can_hold_is_refused_without_showing_it(fetching, server, token):
    with pytest.raises(AssetUnavailable, match="TOKEN") as raised:
        fetching(server.url("/w"), credentials="TOKEN", secrets={"TOKEN": token})
    assert token not in str(raised.value)


def test_a_redirect_to_plain_http_is_refused(fetching, server, plain_server, resource, content):
    server.resources["/w"] = resource(location=plain_server.url("/w"))
    plain_server.resources["/w"] = resource(content)
    with pytest.raises(AssetUnavailable, match="not https"):
        fetching(server.url("/w"))
    assert plain_server.requests == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://localhost/x", "http://169.254.169.254/", "https://"])
def test_a_redirect_to_another_scheme_is_refused(fetching, server, resource, location):
    server.resources["/w"] = resource(location=location)
    loose = dataclasses.replace(fetching.transport, allow_loopback_http=True)
    with pytest.raises(AssetUnavailable):
        fetching(server.url("/w"), transport=loose)


def test_endless_redirects_end(fetching, server, resource):
    server.resources["/w"] = resource(location="/w")
    with pytest.raises(AssetUnavailable, match="more than 5 times"):
        fetching(server.url("/w"))


def test_plain_http_works_on_loopback_alone_and_only_where_asked(fetching, plain_server, resource, content):
    from nova_spi.assets.https import HttpsSource

    plain_server.resources["/w"] = resource(content)
    with pytest.raises(AssetUnavailable, match="not https"):
        HttpsSource(plain_server.url("/w"), "weights", None, fetching.transport)
    loose = dataclasses.replace(fetching.transport, allow_loopback_http=True)
    assert HttpsSource(plain_server.url("/w", "127.0.0.1"), "weights", None, loose)
    with pytest.raises(AssetUnavailable, match="not https"):
        HttpsSource("http://example.org/w", "weights", None, loose)


def test_a_password_in_the_uri_is_refused_without_showing_it(fetching):
    from nova_spi.assets.https import HttpsSource

    with pytest.raises(AssetUnavailable, match="user name or password") as raised:
        HttpsSource("https://me:hunter22@example.org/w", "weights", None, fetching.transport)
    assert "hunter22" not in repr(raised.value.to_dict())


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(fetching, server, resource, content):
    server.resources["/w"] = resource(content)
    untrusting = dataclasses.replace(fetching.transport, ca_file=None)
    with pytest.raises(AssetUnavailable, match="certificate") as raised:
        fetching(server.url("/w"), transport=untrusting)
    assert "SSL_CERT_FILE" in raised.value.mend


def test_ssl_cert_file_of_the_environment_is_trusted(fetching, server, resource, content, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
    server.resources["/w"] = resource(content)
    plain = dataclasses.replace(fetching.transport, ca_file=None)
    assert fetching(server.url("/w"), transport=plain).path.read_bytes() == content


def test_a_server_that_is_not_there_is_said(fetching, server):
    url = server.url("/w")
    server.close()
    server._httpd.server_close()
    with pytest.raises(AssetUnavailable, match="could not be fetched"):
        fetching(url)


def test_a_folder_over_https_is_refused(fetching, server):
    with pytest.raises(AssetUnavailable, match="cannot list"):
        fetching(server.url("/folder/"))


def test_cancelling_keeps_what_has_come(fetching, server, resource, content):
    server.resources["/w"] = resource(content, pause=0.02, piece=100_000)
    cancel = threading.Event()
    fetching.heard.advance = lambda done, total, unit: cancel.set()
    with pytest.raises(RunCancelled):
        fetching(server.url("/w"), cancel=cancel)
    server.resources["/w"].pause = 0
    fetching(server.url("/w"))
    assert server.asked("range")[-1] not in (None, "bytes=0-")


def test_cancelling_while_it_waits_for_another_try_is_at_once(fetching, server, resource):
    server.resources["/w"] = resource(b"", statuses=[503] * 50)
    slow = dataclasses.replace(fetching.transport, backoff_seconds=20)
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    begun = time.monotonic()
    with pytest.raises(RunCancelled):
        fetching(server.url("/w"), transport=slow, cancel=cancel)
    assert time.monotonic() - begun < 5


def test_a_full_disk_is_said_before_anything_is_sent(fetching, server, resource, content, monkeypatch):
    import shutil

    server.resources["/w"] = resource(content)
    usage = shutil.disk_usage(fetching.root)._replace(free=1000)
    monkeypatch.setattr("nova_spi.assets.download.shutil.disk_usage", lambda path: usage)
    with pytest.raises(AssetUnavailable, match="disk of the cache is full"):
        fetching(server.url("/w"))


@pytest.mark.parametrize("scheme", ["s3", "gs", "hf", "oci"])
def test_the_schemes_of_later_releases_say_so(fetching, scheme):
    with pytest.raises(AssetUnavailable, match="later release"):
        fetching(f"{scheme}://bucket/key")


def test_an_empty_file_is_content_too(fetching, server, resource):
    server.resources["/w"] = resource(b"")
    assert fetching(server.url("/w"), size_bytes=0).path.read_bytes() == b""
