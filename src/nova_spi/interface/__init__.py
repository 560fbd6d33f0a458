"""The interface of a model: parameters compiled, shown to machines, and inputs bound to them with their files checked."""
