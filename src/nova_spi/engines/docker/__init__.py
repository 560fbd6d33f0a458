"""Running models in containers: Docker's and Podman's daemons over their sockets, by the docker SDK."""
