"""The interface of a model: parameters compiled, shown to machines, and inputs bound to them and checked."""
