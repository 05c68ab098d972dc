"""The front of a submission: all but its seal, read without looking at the seal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelseal.errors import Malformed
from modelseal.formats.leaves import MAX_FRONT, Submission
from tests.support import make

CI, ANA = make.key("ci"), make.key("ana")
SEALED = make.sealed(CI, "hf://acme-lab/atlas-7b", 1)
CLAIM = make.submission(make.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")]), [ANA])


def changed(**fields: object) -> bytes:
    value = json.loads(SEALED) | fields
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("data", "sealed"),
    [
        (SEALED, True),
        (CLAIM, False),
        (changed(seal=None), False),
        (changed(seal='","signatures":[],"seal":"'), True),
        (changed(seal="\\"), True),
        (changed(seal=""), True),
    ],
)
def test_it_is_the_same_without_the_seal(data: bytes, sealed: bool) -> None:
    front, has_seal = Submission.front(data)
    whole = Submission.parse(data)
    assert (front.text, front.record, front.signatures) == (whole.text, whole.record, whole.signatures)
    assert (front.seal, has_seal) == (None, sealed)


def test_what_stands_in_the_seal_does_not_matter() -> None:
    unreadable = SEALED.replace(b',"seal":"', b',"seal":"\\x\xff', 1)
    assert Submission.front(unreadable)[0].text == Submission.parse(SEALED).text
    with pytest.raises(Malformed):
        Submission.parse(unreadable)


def test_a_front_is_small() -> None:
    with pytest.raises(Malformed, match="without its seal larger than"):
        Submission.front(changed(seal=None).replace(b"[", b"[" + b" " * MAX_FRONT, 1))


@settings(max_examples=300)
@given(st.integers(0, len(SEALED) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_whatever_can_be_read_whole_has_the_same_front(at: int, put: bytes, dropped: int) -> None:
    data = SEALED[:at] + put + SEALED[at + dropped :]
    try:
        whole = Submission.parse(data)
    except Malformed:
        return
    front, _ = Submission.front(data)
    assert (front.text, front.signatures) == (whole.text, whole.signatures)
