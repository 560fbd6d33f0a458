"""The model that is served, as each server wants it."""
