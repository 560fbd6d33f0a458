"""``nova-spi validate --fix``: the canonical spelling goes into the file, all else stays as it was."""

import os
from datetime import UTC, datetime
from typing import Protocol

from nova_spi.manifest.models.times import parse_time
from nova_spi.manifest.nodes import Entry, Mapping, Node, Scalar, Sequence, at
from nova_spi.manifest.spelling.edits import Action, Edit, edited
from nova_spi.manifest.spelling.spellings import normalise
from nova_spi.manifest.spelling.surgery import CannotEdit, Surgery
from nova_spi.manifest.text.comments import comments_in
from nova_spi.manifest.text.json_text import json_text
from nova_spi.manifest.text.resolving import is_null
from nova_spi.manifest.text.scalars import resolve_core
from nova_spi.manifest.text.source import Parsed, parse

_MODIFIED = ("model", "modified_at")


class Readable(Protocol):
    """What a fix needs of a document (`nova_spi.manifest.reading.Document`)."""

    @property
    def text(self) -> str:
        """The source."""

    @property
    def filename(self) -> str:
        """Its name; JSON by its ending."""

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What reading found to rewrite."""


def fix(document: Readable) -> bytes | None:
    """Makes a document canonical, with its comments and its order.

    Where anything changes, ``model.modified_at`` says when (`SOURCE_DATE_EPOCH` where set).

    Args:
        document: The document as it was read.

    Returns:
        The file's new content, the old one where there is nothing to rewrite, or None where reading finds errors in the
        text itself or it has a shape that cannot be rewritten without a loss.
    """
    is_json = document.filename.lower().endswith(".json")
    before = parse(document.text.encode("utf-8", "replace"), json=is_json)
    if not isinstance(before.node, Mapping):
        return None
    if not document.edits:
        return document.text.encode()
    if len(before.findings):
        return None  # a key that stands twice: to rewrite one of them would decide which counts
    wanted = _canonical(before.node, document.edits)
    stamp = _stamp(before.node)
    try:
        if is_json:
            text = json_text(_stamped(wanted, stamp), before.text)
        else:
            text = Surgery(before.text, before.node).apply(_with_stamp(document.edits, stamp))
    except (CannotEdit, ValueError, IndexError):
        return None
    return text.encode() if _holds(before, wanted, text, is_json) else None


def _canonical(root: Node, edits: tuple[Edit, ...]) -> Node:
    """The tree as all edits leave it; those that reading found after `normalise` set single values."""
    normalised = normalise(root)
    return edited(normalised.node, [edit for edit in edits if edit not in normalised.edits])


def _stamped(root: Node, stamp: Edit | None) -> Node:
    model = at(root, ("model",))
    if stamp is None or stamp.value is None or not isinstance(model, Mapping) or not isinstance(root, Mapping):
        return root
    return _put(root, "model", _put(model, _MODIFIED[-1], stamp.value))


def _put(node: Mapping, key: str, value: Node) -> Mapping:
    """The mapping with ``value`` under ``key``, in the place of the old one or last."""
    new = Entry(Scalar(key, False, value.span), value)
    old = node.entry(key)
    entries = [new if entry is old else entry for entry in node]
    return Mapping(tuple(entries if old else [*entries, new]), node.span, node.flow)


def _stamp(root: Mapping) -> Edit | None:
    """The edit that states when the manifest was changed; None without a model that it could be said of."""
    model = root.get("model")
    if not isinstance(model, Mapping):
        return None
    now = _now(model)
    old = model.get("modified_at")
    if old is None:
        return Edit(Action.INSERT, _MODIFIED, model.span, Scalar(now, False, model.span))
    return Edit(Action.SET, _MODIFIED, old.span, Scalar(now, False, old.span)) if isinstance(old, Scalar) else None


def _with_stamp(edits: tuple[Edit, ...], stamp: Edit | None) -> tuple[Edit, ...]:
    return (*(edit for edit in edits if edit.path != _MODIFIED), stamp) if stamp else edits


def _now(model: Mapping) -> str:
    """The time of the change, never before the model was made."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch.isascii() and epoch.isdigit() else datetime.now(UTC)
    stated = model.get("created_at")
    made = parse_time(stated.text) if isinstance(stated, Scalar) else None
    if made and made.tzinfo and made > now:
        now = made.astimezone(UTC)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _holds(before: Parsed, wanted: Node, text: str, is_json: bool) -> bool:
    """Whether the new text says what is wanted, needs no other spelling any more and has lost no comment."""
    after = parse(text.encode(), json=is_json)
    if before.node is None or after.node is None or len(after.findings):
        return False
    if normalise(after.node).edits or not _alike(_unstamped(wanted), _unstamped(after.node)):
        return False
    return is_json or sorted(comments_in(before.text, before.node)) == sorted(comments_in(text, after.node))


def _unstamped(root: Node) -> Node:
    model = at(root, ("model",))
    if not isinstance(model, Mapping) or not isinstance(root, Mapping):
        return root
    entries = tuple(entry for entry in model if entry.key.text != _MODIFIED[-1])
    return _put(root, "model", Mapping(entries, model.span, model.flow))


def _alike(one: Node | None, other: Node | None) -> bool:
    """Whether two trees say the same, in any order of keys."""
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return _is_typed(one) == _is_typed(other) and (one.text == other.text or (is_null(one) and is_null(other)))
    if isinstance(one, Sequence) and isinstance(other, Sequence):
        return len(one.items) == len(other.items) and all(map(_alike, one.items, other.items))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = {entry.key.text for entry in one}
        return names == {entry.key.text for entry in other} and all(_alike(e.value, other.get(e.key.text)) for e in one)
    return False


def _is_typed(scalar: Scalar) -> bool:
    """Whether the scalar is something other than a string."""
    return scalar.plain and not isinstance(resolve_core(scalar.text), str)
