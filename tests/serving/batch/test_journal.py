import errno
import json
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.errors import ModelError
from nova_spi.serving.batch import journal as module
from nova_spi.serving.batch.items import Item
from nova_spi.serving.batch.journal import Journal
from nova_spi.serving.batch.records import Done, glance, read_record, write_record


def line(index, *, ok=True, outputs=b'{"said":"x"}'):
    return write_record(
        Item(index, line=index + 1), None, Done(outputs) if ok else Done(None, ModelError("no"), 0.1, "log")
    )


def written(folder, indexes, count, bad=()):
    journal = Journal(folder, count)
    for index in indexes:
        journal.add(index, line(index, ok=index not in bad), ok=index not in bad)
    journal.sync()
    journal.close()
    return journal


def indexes(folder, name="results.jsonl"):
    return [json.loads(one)["index"] for one in (folder / name).read_bytes().splitlines()]


def test_what_is_written_is_known_at_the_next_start(tmp_path):
    written(tmp_path, [3, 0, 7], 10, bad={0})
    journal = Journal(tmp_path, 10)
    assert [index in journal for index in range(10)] == [index in (0, 3, 7) for index in range(10)]
    assert (journal.succeeded, journal.failed, journal.recorded, journal.complete) == (2, 1, 3, False)
    with pytest.raises(ValueError, match="recorded already"):
        journal.add(3, line(3), ok=True)
    journal.close()
    assert indexes(tmp_path, "failures.jsonl") == [0]


def test_cut_off_at_any_byte_it_keeps_the_whole_lines_and_goes_on(tmp_path):
    written(tmp_path, [2, 0, 1], 5, bad={0})
    whole = (tmp_path / "results.jsonl").read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        (tmp_path / "results.jsonl").write_bytes(whole[:cut])
        journal = Journal(tmp_path, 5)
        kept = sum(end <= cut for end in ends)
        assert journal.recorded == kept
        assert journal.dropped == int(cut not in (0, *ends))
        left = [index for index in (2, 0, 1, 3, 4) if index not in journal]
        for index in left:
            journal.add(index, line(index), ok=True)
        journal.close()
        assert sorted(indexes(tmp_path)) == [0, 1, 2, 3, 4]


@settings(max_examples=80)
@given(st.binary(max_size=200), st.integers(0, 400), st.booleans())
def test_whatever_is_written_over_it_no_item_is_counted_that_has_no_whole_line(tmp_path_factory, noise, at, insert):
    folder = tmp_path_factory.mktemp("journal")
    written(folder, [1, 0, 2], 4)
    place = folder / "results.jsonl"
    whole = place.read_bytes()
    place.write_bytes(whole[:at] + noise + whole[at if insert else at + len(noise) :])
    journal = Journal(folder, 4)
    found = [read_record(one) for one in place.read_bytes().splitlines(keepends=True)]
    assert None not in found
    assert sorted(index for index, _ in found) == [index for index in range(4) if index in journal]
    journal.close()


def test_lines_that_stand_twice_or_belong_to_no_item_go(tmp_path):
    written(tmp_path, [0, 1], 2)
    with (tmp_path / "results.jsonl").open("ab") as stream:
        stream.write(line(1) + line(2) + b'{"index":1}\n' + b"\0" * 30 + b"\n")
    journal = Journal(tmp_path, 2)
    assert (journal.dropped, journal.complete) == (4, True)
    journal.close()
    assert indexes(tmp_path) == [0, 1]


def test_failed_items_run_again_where_that_is_asked_for(tmp_path):
    written(tmp_path, [0, 1, 2], 3, bad={1})
    journal = Journal(tmp_path, 3, again=True)
    assert (1 in journal, journal.succeeded, journal.failed) == (False, 2, 0)
    assert (tmp_path / "failures.jsonl").read_bytes() == b""
    journal.close()


@settings(max_examples=60)
@given(st.permutations(range(23)), st.sets(st.integers(0, 22)), st.integers(1, 30))
def test_in_the_end_the_lines_stand_in_the_order_of_the_items(tmp_path_factory, order, bad, window):
    folder = tmp_path_factory.mktemp("journal")
    written(folder, order, 23, bad)
    journal = Journal(folder, 23)
    before, module.WINDOW = module.WINDOW, window
    try:
        journal.close()
        journal.put_in_order()
    finally:
        module.WINDOW = before
    assert indexes(folder) == list(range(23))
    assert indexes(folder, "failures.jsonl") == sorted(bad)
    again = Journal(folder, 23)
    assert again.complete
    again.close()


def test_a_line_that_the_disk_has_no_room_for_leaves_nothing(tmp_path, monkeypatch):
    journal = Journal(tmp_path, 3)
    journal.add(0, line(0), ok=True)
    real = os.write

    def full(handle, data):
        if len(data) > 20:
            return real(handle, bytes(data[:20]))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        journal.add(1, line(1), ok=True)
    monkeypatch.undo()
    assert 1 not in journal
    journal.add(1, line(1), ok=True)
    journal.close()
    assert indexes(tmp_path) == [0, 1]


def test_a_link_in_the_place_of_the_results_is_not_written_through(tmp_path):
    (tmp_path / "other").write_text("")
    (tmp_path / "results.jsonl").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic links"):
        Journal(tmp_path, 1)


def test_a_million_items_need_a_bit_each(tmp_path):
    journal = Journal(tmp_path, 1_000_000)
    assert len(journal._marks.bits) == 125_000
    journal.close()


@settings(max_examples=80)
@given(
    st.integers(0, 10**9),
    st.one_of(st.none(), st.text(max_size=30)),
    st.one_of(st.none(), st.text(max_size=30)),
    st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=20), st.floats(allow_nan=False), st.none())),
    st.booleans(),
)
def test_a_record_is_one_line_of_json_that_says_what_it_was_given(index, file, custom_id, outputs, ok):
    done = Done(json.dumps(outputs, indent=random.choice([None, 1])).encode(), seconds=1.25)
    if not ok:
        done = Done(None, ModelError("it\nfailed", why="so", problems=[{"path": "x", "message": "y"}]), 0.5, "log\n")
    raw = write_record(Item(index, line=None if file is not None else 4, file=file), custom_id, done)
    assert raw.count(b"\n") == 1
    assert read_record(raw) == glance(raw) == (index, ok)
    found = json.loads(raw)
    assert found.get("custom_id") == custom_id
    assert found.get("outputs") == (outputs if ok else None)
    assert ok or (found["error"]["code"], found["error"]["details"]["log"]) == ("model.error", "log\n")


def test_of_a_long_log_the_end_is_kept():
    found = json.loads(write_record(Item(0, 1), None, Done(None, ModelError("no"), log="x" * 100_000 + "the end")))
    assert found["error"]["details"]["log"].endswith("the end")
    assert len(found["error"]["details"]["log"]) == 4096
