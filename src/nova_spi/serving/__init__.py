"""A model served: workers that have it loaded, a queue before them, and HTTP before that.

`preparing` makes a `Plan` of a project; a `Supervisor` keeps its workers and answers `Call`s; `http` is one face of it,
`nova_spi.load` and the batch command are others.
"""
