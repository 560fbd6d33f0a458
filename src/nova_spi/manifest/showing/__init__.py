"""Findings shown: to people with their line and a caret, to machines as SARIF."""
