"""What judges a model: validation, test cases; each gives one report that says what it looked at and what it did not."""
