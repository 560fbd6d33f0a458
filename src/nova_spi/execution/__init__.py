"""One execution of a model: prepare, run, collect, record."""
