"""A model on disk: its folder, its files, its checks and its creation. Nothing here runs a model."""
