"""The table of commands: what ``nova-spi --help`` shows without importing any of them."""

from typing import NamedTuple


class Entry(NamedTuple):
    """One command: the module that holds it, and its line of help."""

    module: str
    help: str


COMMANDS: dict[str, Entry] = {
    name: Entry(f"nova_spi.cli.commands.{name.replace('-', '_')}", text)
    for name, text in (
        ("create", "Create a project from a domain's template."),
        ("init-env", "Make what you work on a model in: a container, or a virtual environment."),
        ("validate", "Check a manifest or a whole project, and fix what can be fixed."),
        ("schema", "Print a command's interface as JSON Schema, OpenAPI or a tool definition."),
        ("run", "Run a model once."),
        ("test", "Run the manifest's test cases, or one run with inputs of your own."),
        ("batch", "Run a model on many inputs, here or on a Ray cluster; goes on where it stopped."),
        ("build", "Build an image of a model, without a daemon."),
        ("serve", "Serve a model over HTTP, with workers that have it loaded."),
        ("inspect-image", "Show an image's model as a catalog does, and take its pictures out."),
        ("container", "Show, start and end the containers of this project."),
        ("doctor", "Say what works on this machine, and how to mend the rest."),
        ("help", "Show help for a command; --verbose adds examples."),
    )
}
"""In the order of a first session."""
