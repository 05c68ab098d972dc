"""Claim files, TXT records and findings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelseal.errors import Error, Malformed
from modelseal.formats import findings
from modelseal.formats.findings import Finding
from tests.support import vectors
from tests.support.vectors import Vector


@pytest.mark.parametrize("case", vectors.load("claim-files"), ids=vectors.name_of)
def test_claim_files(case: Vector) -> None:
    def run(case: Vector) -> Iterator[tuple[str, str]]:
        yield from (("claim", one.hex()) for one in findings.parse_claim_file(case.body))

    vectors.check(case, run)


@pytest.mark.parametrize("case", vectors.load("findings"), ids=vectors.name_of)
def test_findings(case: Vector) -> None:
    def run(case: Vector) -> Iterator[tuple[str, str]]:
        found = Finding.parse(case.body)
        assert found.encode() == case.body
        yield from (("claim", one.hex()) for one in found.claims())
        yield from (("digest", findings.digest(case.body).hex()), ("kind", found.kind))

    vectors.check(case, run)


def test_a_changed_byte_is_refused_or_is_another_finding() -> None:
    text = vectors.one("findings/in-the-hub").body
    for at, changed in vectors.changes(text):
        try:
            found = Finding.parse(changed)
        except Malformed:
            continue
        assert found != Finding.parse(text), at
        assert findings.digest(changed) != findings.digest(text)


def test_the_largest_finding_fits() -> None:
    url = "https://" + "a" * (findings.MAX_URL - 8)
    largest = Finding("hub", url, 2**53 - 1, 999, b"\xff" * findings.MAX_FOUND, "f" * 40, "f" * 64)
    data = largest.encode()
    assert len(data) < findings.MAX_FINDING and Finding.parse(data) == largest


def test_txt_records_of_others_do_not_count() -> None:
    ours = b"claim=sha256:" + b"ab" * 32
    assert findings.parse_txt((b"v=spf1 -all", ours, b"Claim=sha256:" + b"cd" * 32)) == (b"\xab" * 32,)
    for bad in (ours[:-1], ours + b"0", ours.upper().replace(b"CLAIM=SHA256", b"claim=sha256"), ours + b"\xff"):
        with pytest.raises(Error):
            findings.parse_txt((bad,))
