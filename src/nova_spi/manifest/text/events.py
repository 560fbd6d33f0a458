"""YAML's event stream, made quicker: ruamel.yaml's scanner and parser without the comments of a round trip.

The base classes look at every queued token and simple key again for each question the parser asks, and step through the
text character by character. Both are unnecessary for a text that lies in memory; the overrides here halve the time and
change no answer (tests/manifest/text compares the streams).
"""

from types import SimpleNamespace
from typing import Any

from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import Reader
from ruamel.yaml.scanner import Scanner


class Events(Reader, Scanner, Parser):
    """The events of one text, by `get_event`.

    Args:
        text: The whole document, free of characters that YAML forbids.
    """

    # Neither of a round trip's two ways to keep comments. What the base classes then ask for does nothing.
    comment_handling = False
    processing_version = (1, 2)

    # The base classes look these up through properties on every character; here they are the object itself.
    reader: Any = None
    scanner: Any = None
    resolver: Any = None

    def __init__(self, text: str) -> None:
        self.reader = self.scanner = self.resolver = self
        self.doc_infos = [SimpleNamespace(doc_version=None, tags=[])]  # a %YAML directive is noted down in it
        self.comments = self
        self._ready = False
        Reader.__init__(self, text, loader=self)
        Scanner.__init__(self, loader=self)
        Parser.__init__(self, loader=self)

    @property
    def scanner_processing_version(self) -> tuple[int, int]:
        """The version of YAML whose rules the scanner follows."""
        return self.processing_version

    def forward(self, length: int = 1) -> None:
        """Moves on by ``length`` characters and keeps line and column."""
        start = self.pointer
        end = self.pointer = start + length
        self.index += length
        passed = self.buffer[start:end]
        if "\n" not in passed and "\r" not in passed:
            self.column += length
            return
        for offset, character in enumerate(passed, start):
            if character == "\n" or (character == "\r" and self.buffer[offset + 1] != "\n"):
                self.line += 1
                self.column = 0
            else:
                self.column += 1

    def distribute_comment(self, _comment: Any, _line: int) -> None:
        """Asked for at the end of a list: comments are not kept."""

    def add_blank_line(self, _line: str, _column: int, _number: int) -> None:
        """Asked for after a block scalar: blank lines are not kept."""

    def _fill(self) -> None:
        while self.need_more_tokens():
            self.fetch_more_tokens()
        self._ready = True

    def check_token(self, *choices: Any) -> bool:
        """Whether the next token is one of the given types."""
        if not self._ready:
            self._fill()
        return bool(self.tokens) and (not choices or isinstance(self.tokens[0], choices))

    def peek_token(self) -> Any:
        """The next token, which stays."""
        if not self._ready:
            self._fill()
        return self.tokens[0] if self.tokens else None

    def get_token(self) -> Any:
        """The next token, which is taken."""
        if not self._ready:
            self._fill()
        self._ready = False
        if not self.tokens:
            return None
        self.tokens_taken += 1
        return self.tokens.pop(0)
