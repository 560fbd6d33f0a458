"""The command line: it parses, calls the library and renders. One file a command group, loaded when it is called."""
