"""The manifest's test cases: each an execution, judged by what it expects."""
