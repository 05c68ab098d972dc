"""Verdicts as values for programs and as files for people: pure, a verdict goes in, text or bytes come out.

    kind = kind_of("atlas-7b.html")                  # by its ending; None if there is no such report
    data = build(kind, Subject(verdict, "./atlas-7b", version))

The same subject gives the same bytes: the only times in a report are those of the verdict. Every text from outside
(file names, titles, paths) is escaped twice: so that it shows what it is, and for the format it stands in.
"""

from __future__ import annotations

from modelseal.reports.subject import Failure, Scan, Subject

KINDS = (".cdx.json", ".json", ".html", ".sarif")  # an ending of two parts before the one that it ends with

__all__ = ["KINDS", "Failure", "Scan", "Subject", "build", "build_scan", "kind_of"]


def kind_of(name: str) -> str | None:
    """Return which of KINDS the file *name* is to be."""
    return next((kind for kind in KINDS if name.lower().endswith(kind)), None)


def build(kind: str, subject: Subject) -> bytes:
    """Return the bytes of the report of *kind* (one of KINDS)."""
    if kind == ".html":
        from modelseal.reports.page import page

        return page(subject).encode()
    if kind == ".sarif":
        from modelseal.reports.sarif import sarif

        return _indented(sarif(subject))
    if kind == ".cdx.json":
        from modelseal.reports.cyclonedx import cyclonedx

        return _indented(cyclonedx(subject))
    from modelseal.formats import strict
    from modelseal.reports.value import of_subject

    return (strict.encode(of_subject(subject)) + "\n").encode()


def build_scan(kind: str, scan: Scan, version: str) -> bytes:
    """Return the bytes of the report of *kind* about everything in a Hub cache."""
    if kind == ".html":
        from modelseal.reports.page import overview

        return overview(scan, version).encode()
    if kind == ".sarif":
        from modelseal.reports import sarif

        return _indented(sarif.of_scan(scan, version))
    if kind == ".cdx.json":
        from modelseal.reports import cyclonedx

        return _indented(cyclonedx.of_scan(scan, version))
    from modelseal.formats import strict
    from modelseal.reports.value import of_scan

    return (strict.encode(of_scan(scan)) + "\n").encode()


def _indented(value: object) -> bytes:
    import json

    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
