import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.errors import UsageError
from nova_spi.serving.batch import items as module
from nova_spi.serving.batch.items import Files, Lines


def test_each_line_that_is_not_blank_is_an_item_with_its_number(tmp_path):
    place = tmp_path / "in.jsonl"
    place.write_bytes(b'\xef\xbb\xbf{"a":1}\r\n\n  \t\n{"a":2}\n\n{"a":3}')
    lines = Lines(place)
    assert lines.facts().count == 3
    assert [(item.index, item.line, item.text) for item in lines] == [
        (0, 1, b'{"a":1}'),
        (1, 4, b'{"a":2}'),
        (2, 6, b'{"a":3}'),
    ]


@settings(max_examples=60)
@given(st.lists(st.one_of(st.just(""), st.text(max_size=20).map(json.dumps))))
def test_the_count_is_that_of_the_items_and_the_digest_that_of_the_file(tmp_path_factory, texts):
    place = tmp_path_factory.mktemp("lines") / "in.jsonl"
    place.write_text("\n".join(texts))
    lines = Lines(place)
    facts = lines.facts()
    found = list(lines)
    assert [item.text for item in found] == [text.encode() for text in texts if text]
    assert facts.count == len(found)
    assert facts == Lines(place).facts()
    place.write_text("\n".join([*texts, "more"]))
    assert Lines(place).facts().digest != facts.digest


def test_a_line_that_is_too_long_is_an_item_that_cannot_be_read_and_the_next_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 10)
    place = tmp_path / "in.jsonl"
    place.write_bytes(b"short\n" + b"x" * 5000 + b"\nnext\n" + b"y" * 11)
    lines = Lines(place)
    assert lines.facts().count == 4
    found = list(lines)
    assert [item.line for item in found] == [1, 2, 3, 4]
    assert [bool(item.problem) for item in found] == [False, True, False, True]
    assert found[2].text == b"next"


def test_a_file_that_changes_while_it_is_read_is_told_at_its_end(tmp_path):
    place = tmp_path / "in.jsonl"
    place.write_text("1\n2\n")
    lines = Lines(place)
    lines.facts()
    place.write_text("1\n2\n3\n")
    with pytest.raises(UsageError, match="have changed"):
        list(lines)


def test_what_is_no_file_is_told(tmp_path):
    with pytest.raises(UsageError, match="There is no file"):
        Lines(tmp_path / "nowhere").facts()


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "pictures"
    for name in ("b.txt", "a/2.txt", "a/1.txt", "a/z/0.txt", ".hidden", "c/.git/x", "results/files/1.txt"):
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
    (root / "loop").symlink_to(root)
    (root / "linked.txt").symlink_to(root / "b.txt")
    os.mkfifo(root / "pipe")
    return root


def test_files_come_by_name_below_their_folders_without_hidden_ones_links_to_folders_and_results(tree):
    files = Files(tree, tree / "results")
    assert [item.file for item in files] == ["a/1.txt", "a/2.txt", "a/z/0.txt", "b.txt", "linked.txt"]
    assert files.facts().count == 5
    assert [item.index for item in files] == [0, 1, 2, 3, 4]
    assert [item.file for item in Files(tree, tree / "results", lambda name: "z" in name)] == ["a/z/0.txt"]


def test_a_file_that_comes_goes_or_changes_is_told(tree):
    files = Files(tree)
    before = files.facts()
    (tree / "b.txt").write_text("more than it was")
    assert Files(tree).facts().digest != before.digest
    with pytest.raises(UsageError, match="have changed"):
        list(files)


def test_a_name_that_is_no_text_is_an_item_that_cannot_be_read(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("x")
    (found,) = Files(tmp_path)
    assert "UTF-8" in found.problem
    json.dumps(found.file).encode("utf-8")
