"""Nothing that arrives can end in an error of another kind than ours, and no change of a byte goes unnoticed."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from modelseal.errors import Malformed, Refused
from modelseal.foreign import certificates, statement
from modelseal.foreign.bundle import Bundle
from tests.support import oms

ANA, ROOT = oms.key("P-256"), oms.Authority()
BETWEEN = oms.Authority("Example Intermediate", ROOT)
FILES = {"a": b"x", "b/c": b"y"}
CERTIFICATES = [BETWEEN.issue(ANA, extended=[oms.CODE]), BETWEEN.certificate]
CHAIN = [one.public_bytes(Encoding.DER) for one in CERTIFICATES]
ODD: list[Any] = [None, True, 0, -1, 1.5, "", "x", "\ud800", [], [None], {}, {"a": 1}]


def mangled(data: bytes, *flips: int, to: int | None = None) -> Iterator[bytes]:
    for i in range(len(data) if to is None else to):
        for flip in flips:
            yield data[:i] + bytes([data[i] ^ flip]) + data[i + 1 :]


@pytest.mark.parametrize("which", [0, 1])
def test_every_changed_byte_of_what_a_certificate_says_is_noticed(which: int) -> None:
    now = certificates.moment(int(time.time()))
    certificates.check(tuple(CHAIN), [ROOT.certificate], now, False, None)
    signed = 4 + len(CERTIFICATES[which].tbs_certificate_bytes)  # behind it, signatures have more than one spelling
    for changed in mangled(CHAIN[which], 1, 0x80, to=signed):
        chain = (changed, CHAIN[1]) if which == 0 else (CHAIN[0], changed)
        with pytest.raises((Malformed, Refused)):
            certificates.check(chain, [ROOT.certificate], now, False, None)
        with contextlib.suppress(Malformed):
            certificates.read(changed)


def odd_members(value: Any) -> Iterator[Any]:
    """Return *value* with each of its members in turn replaced by what should not stand there."""

    def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        yield path
        for step in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            yield from paths(value[step], (*path, step))

    for path in paths(value):
        for odd in ODD:
            changed: Any = json.loads(json.dumps({"": value}))
            at = changed
            for step in ("", *path)[:-1]:
                at = at[step]
            at[("", *path)[-1]] = odd
            yield changed[""]


READERS: dict[str, tuple[Any, Callable[[bytes], object]]] = {
    "a bundle with a key": (json.loads(oms.sign(ANA, FILES)), Bundle.parse),
    "an older bundle": (json.loads(oms.sign(ANA, FILES, "1.0.1")), Bundle.parse),
    "a bundle with certificates": (json.loads(oms.sign(ANA, FILES, chain=[ROOT.issue(ANA)])), Bundle.parse),
    "a statement": (oms.statement(FILES), statement.parse),
    "a statement of 0.2.0": (oms.legacy_statement(FILES), statement.parse_legacy),
}


@pytest.mark.parametrize("case", READERS)
def test_odd_members_and_changed_bytes_are_malformed_or_mean_nothing(case: str) -> None:
    value, read = READERS[case]
    texts = [json.dumps(odd).encode() for odd in odd_members(value)]
    for data in (*texts, *mangled(json.dumps(value).encode(), 2, 0x20)):
        with contextlib.suppress(Malformed):
            read(data)
