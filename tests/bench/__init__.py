"""How fast, always as a ratio to somebody else in the same run: `python -m tests.bench` (tests/README.md)."""
