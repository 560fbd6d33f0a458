"""`python -m bench.serving`: what `nova-spi serve` does beside its peers, by one script on one machine in one run.

`peers` says what is served and how, `environments` installs it, `running` starts and ends a server, `client` asks it.
`speed` (with `memory`), `files`, `lasting` and `faults` are what is measured; `tables` shows it.
"""
