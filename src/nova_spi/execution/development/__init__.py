"""Working on a model: a container or a virtual environment with the project in it, and the editor on that."""
