"""A certificate that has expired since is good where a timestamp proves that it had not when it signed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelseal.foreign.judge import SignatureVerdict
from modelseal.journeys.signature import verify_signature
from tests.support import oms
from tests.support.person import Person

FILES = {"config.json": b"{}"}
ANA = oms.key("P-256")
DAY = 86_400
ROOT, ELSEWHERE = oms.Authority(days=(-1, 3650)), oms.Authority("Elsewhere", days=(-1, 3650))


@dataclass
class Signed:
    """A folder, a signature whose certificate is good for a month, and one timestamp of now over it."""

    person: Person
    data: bytes
    stamp: bytes
    folder: Path

    def verify(self, data: bytes, *, days: int = 0, chain: bytes = ROOT.pem) -> SignatureVerdict:
        (self.person.here / "a.sig").write_bytes(data)
        (self.person.here / "chain.pem").write_bytes(chain)
        return verify_signature(
            self.folder,
            self.person.here / "a.sig",
            certificate_chain=[self.person.here / "chain.pem"],
            now=int(time.time()) + days * DAY,
        )


@pytest.fixture
def signed(stranger: Person) -> Signed:
    data = oms.sign(ANA, FILES, chain=[ROOT.issue(ANA)])
    stamp = oms.Timestamper(stranger.here, ROOT).stamp(oms.signature_of(data))
    return Signed(stranger, data, stamp, stranger.model("atlas-7b", FILES))


def test_a_timestamp_proves_when_it_was_signed(signed: Signed) -> None:
    late = signed.verify(signed.data, days=60)
    assert not late
    assert "the certificate expired on" in late.says and "no time of signing is proven" in late.says
    found = signed.verify(oms.stamped(signed.data, signed.stamp), days=60)
    assert found and found.signer is not None
    when = found.signer.value["signed"]
    assert isinstance(when, int) and abs(when - time.time()) < 600
    assert any("proven by a timestamp" in text for _, text in found.signer.says)


def test_it_is_read_by_the_command(signed: Signed) -> None:
    assert signed.verify(oms.stamped(signed.data, signed.stamp))
    words = ("verify", "./atlas-7b", "--signature", "a.sig", "--certificate-chain", "chain.pem")
    signed.person.types(*words).says(0, "SIGNATURE VALID", "proven by a timestamp; the certificate was good then")
    signed.person.types("show", "./a.sig").says(0, "1 signed timestamps, not looked at")


def test_a_certificate_that_was_not_valid_at_the_proven_time_is_refused(signed: Signed) -> None:
    data = oms.sign(ANA, FILES, chain=[ROOT.issue(ANA, days=(10, 90))])
    stamp = oms.Timestamper(signed.person.here, ROOT, "Two").stamp(oms.signature_of(data))
    assert signed.verify(data, days=60)
    found = signed.verify(oms.stamped(data, stamp), days=60)
    assert not found and "valid only from" in found.says and "when it signed" in found.says


def test_timestamps_that_prove_nothing(signed: Signed) -> None:
    here, signature = signed.person.here, oms.signature_of(signed.data)
    nothing = {
        "of another signature": oms.Timestamper(here, ROOT, "A").stamp(signature + b"\0"),
        "by an authority that was not given": oms.Timestamper(here, ELSEWHERE, "B").stamp(signature),
        "cut short": signed.stamp[:-1],
        "changed": signed.stamp[:-1] + bytes([signed.stamp[-1] ^ 1]),
        "none at all": b"",
    }
    for case, stamp in nothing.items():
        late = signed.verify(oms.stamped(signed.data, stamp), days=60)
        assert not late, case
        assert "no time of signing is proven" in late.says, case
        assert signed.verify(oms.stamped(signed.data, stamp)), case  # and harms nothing while the certificate is valid
    both = oms.stamped(signed.data, *nothing.values(), signed.stamp)
    assert signed.verify(both, days=60)


def test_a_timestamp_of_tomorrow_proves_nothing(signed: Signed) -> None:
    far = signed.verify(oms.stamped(signed.data, signed.stamp), days=-1)
    assert far and far.signer is not None and far.signer.value["signed"] is None
