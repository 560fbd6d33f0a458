"""One module a command; each has ``command`` (a click.Command) and ``EXAMPLES`` (shown by ``help --verbose``)."""
