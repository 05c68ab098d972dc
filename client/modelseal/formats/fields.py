"""Fields that several types of records share (FORMAT.md 5.2)."""

from __future__ import annotations

from typing import Any

from modelseal.errors import Malformed, Unsupported
from modelseal.formats import names, strict

MAX_NAMES = 16

REASONS = ("malicious", "compromised", "key-compromise", "withdrawn", "superseded")

some_names = strict.listing(names.namespace, most=MAX_NAMES)
digests = strict.listing(strict.hexadecimal, most=MAX_NAMES)
digest_or_null = strict.optional(strict.hexadecimal)
reason = strict.text("|".join(REASONS))
positive = strict.integer(1)


def unique_names(value: Any, what: str) -> tuple[str, ...]:
    return names.unique_in_lower_case(some_names(value, what), what)


def only(value: Any) -> strict.Check[Any]:
    """A field with one value today: another one is of a newer writer, not nonsense."""

    def check(found: Any, what: str) -> Any:
        if type(found) is not type(value) or found != value:
            raise Unsupported(f"{what}: only {strict.encode(value)} is in force; upgrade needed")
        return found

    return check


def chained(fields: strict.Object) -> tuple[int, bytes | None]:
    """Take `seq` and `prev`: the place in a chain."""
    seq = fields.take("seq", positive)
    prev = fields.take("prev", digest_or_null)
    if (seq == 1) != (prev is None):
        raise Malformed(f"{fields.what}: prev is null exactly at seq 1")
    return seq, prev
