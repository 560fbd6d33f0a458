"""A node tree read by what each key expects, and what the models say of the values."""
