"""Images made without a daemon: layers, bases, wheels for another platform, and the build."""
