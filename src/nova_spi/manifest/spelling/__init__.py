"""Other spellings: found while reading, kept as edits, written by a fix that leaves all else alone."""
