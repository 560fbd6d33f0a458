"""The version, written once and static: asking the installed metadata costs 19 ms of every start."""

__version__ = "0.1.0"
