"""Verdicts as values for programs and as files for people: pure, a verdict goes in, text or bytes come out."""
