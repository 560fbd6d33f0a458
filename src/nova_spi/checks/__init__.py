"""What judges a model: validation and test cases; each gives one report that says what it did not look at, too."""
