"""Canonical JSON (RFC 8785, with ASCII keys, strings, booleans, null and integers 0 <= n < 2**53), hex, base64.

A text is accepted only if encoding what was read gives the same bytes again: so there is one spelling of every
value, and duplicate keys, floats, NaN, `1e3`, lone surrogates, white space and escapes of choice are all refused
by one comparison. Limits are checked before parsing.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from modelseal.errors import Malformed, Unsupported

T = TypeVar("T")
Check = Callable[[Any, str], T]

MAX_INTEGER = 2**53 - 1
FEW, DENSE = 1000, 8  # a text of mostly tiny values would cost a reader 30 times its size in memory; ours have few
MAX_DEPTH = 32  # our deepest text, a statement, nests 6 levels

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encode(value: Any) -> str:
    """Return the canonical text of *value*; its keys are ASCII and its numbers are integers (our caller's duty)."""
    return _ENCODER.encode(value)


def parse(data: bytes | str, what: str, *, limit: int) -> Any:
    """Return the value of a canonical text of at most *limit* bytes."""
    text = decode(data, what, limit=limit)
    if text.count(",") > FEW + len(text) // DENSE:
        raise Malformed(f"{what}: too many values for its size")
    value = _decoded(_OURS, text, what)
    if text.count("{") + text.count("[") > MAX_DEPTH:  # most texts have not even so many
        _check_depth(value, what)
    if encode(value) != text:
        raise Malformed(f"{what}: not canonical JSON")
    return value


def _number(word: str) -> int:
    if len(word) > len(str(MAX_INTEGER)) or not 0 <= (value := int(word)) <= MAX_INTEGER:
        raise Malformed("a number outside 0..2^53-1")
    return value


def _no_number(word: str) -> NoReturn:
    raise Malformed("numbers are integers")


def _no_constant(word: str) -> NoReturn:
    raise Malformed(f"{word} is not a number of ours")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key occurs twice")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = _unique(pairs)
    if not "".join(found).isascii():
        raise Malformed("a key is not ASCII")
    return found


_ANY = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
_OURS = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_number, parse_float=_no_number, parse_constant=_no_number
)


def _check_depth(value: Any, what: str, depth: int = 1) -> None:
    if not isinstance(value, dict | list):
        return
    if depth > MAX_DEPTH:
        raise Malformed(f"{what}: nested deeper than {MAX_DEPTH} levels")
    for member in value.values() if isinstance(value, dict) else value:
        _check_depth(member, what, depth + 1)


def decode(data: bytes | str, what: str, *, limit: int) -> str:
    """Return *data* as text: strict UTF-8 of at most *limit* bytes."""
    if len(data) > limit:
        raise Malformed(f"{what}: larger than {limit} bytes")
    try:
        if isinstance(data, bytes):
            return data.decode("utf-8")
        if len(data.encode("utf-8")) > limit:
            raise Malformed(f"{what}: larger than {limit} bytes")
    except UnicodeError as e:
        raise Malformed(f"{what}: not UTF-8") from e
    return data


def loads(text: str, what: str) -> Any:
    """Return the value of any JSON *text* (canonical or not) without duplicate keys or NaN."""
    return _decoded(_ANY, text, what)


def _decoded(decoder: json.JSONDecoder, text: str, what: str) -> Any:
    try:
        return decoder.decode(text)
    except Malformed as e:  # raised by a hook, which does not know what is read
        raise Malformed(f"{what}: {e}") from e
    except (ValueError, RecursionError) as e:  # ValueError: also integers of over 4,300 digits
        raise Malformed(f"{what}: not JSON") from e


class Object:
    """A JSON object that is read field by field: `take` each, then `done` refuses what nobody asked for."""

    def __init__(self, value: Any, what: str) -> None:
        if not isinstance(value, dict):
            raise Malformed(f"{what}: not an object")
        self._left = dict(value)
        self.what = what

    def take(self, name: str, check: Check[T]) -> T:
        if name not in self._left:
            raise Malformed(f"{self.what}: {name} is missing")
        return check(self._left.pop(name), f"{self.what}: {name}")

    def has(self, name: str) -> bool:
        return name in self._left

    def done(self) -> None:
        if self._left:
            raise Malformed(f"{self.what}: unknown field {sorted(self._left)[0][:64]!r}")


def version(value: Any, what: str) -> int:
    """`v`: 1 is known; another number means a newer writer."""
    if type(value) is not int:
        raise Malformed(f"{what}: not a version number")
    if value != 1:
        raise Unsupported(f"{what}: version {value} is newer than this program; upgrade needed")
    return value


def constant(expected: Any) -> Check[Any]:
    def check(value: Any, what: str) -> Any:
        if type(value) is not type(expected) or value != expected:
            raise Malformed(f"{what}: expected {expected!r}")
        return value

    return check


def text(pattern: str | None = None, *, longest: int | None = None) -> Check[str]:
    """A string of at most *longest* characters that as a whole matches *pattern*."""
    matches = re.compile(pattern, re.ASCII).fullmatch if pattern else None

    def check(value: Any, what: str) -> str:
        if not isinstance(value, str) or (longest is not None and len(value) > longest):
            raise Malformed(f"{what}: not a text of at most {longest} characters" if longest else f"{what}: not a text")
        if matches and not matches(value):
            raise Malformed(f"{what}: {value[:80]!r} has not the form {pattern}")
        return value

    return check


def integer(least: int = 0) -> Check[int]:
    def check(value: Any, what: str) -> int:
        if type(value) is not int or not least <= value <= MAX_INTEGER:
            raise Malformed(f"{what}: not an integer >= {least}")
        return value

    return check


def optional(inner: Check[T]) -> Check[T | None]:
    """null, or what *inner* accepts."""

    def check(value: Any, what: str) -> T | None:
        return None if value is None else inner(value, what)

    return check


def listing(inner: Check[T], *, most: int | None = None, least: int = 0) -> Check[tuple[T, ...]]:
    """A list in the order of its members' canonical texts (bytes, quotes included), each once."""

    def check(value: Any, what: str) -> tuple[T, ...]:
        members = sequence(inner, most=most, least=least)(value, what)
        texts = [encode(member).encode() for member in value] if len(members) > 1 else []
        if any(a >= b for a, b in itertools.pairwise(texts)):
            raise Malformed(f"{what}: not sorted, or a member occurs twice")
        return members

    return check


def sequence(inner: Check[T], *, most: int | None = None, least: int = 0) -> Check[tuple[T, ...]]:
    """A list in the order given."""

    def check(value: Any, what: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise Malformed(f"{what}: not a list")
        if len(value) < least or (most is not None and len(value) > most):
            raise Malformed(f"{what}: {len(value)} members, allowed are {least} to {most}")
        return tuple(inner(member, what) for member in value)

    return check


def hexadecimal(value: Any, what: str) -> bytes:
    """A SHA-256 digest in lower-case hex -> 32 bytes."""
    return bytes.fromhex(_DIGEST(value, what))


_DIGEST = text(r"[0-9a-f]{64}")
any_text = text()


def base64_text(value: Any, what: str) -> bytes:
    """Standard base64, padded, without spare bits -> bytes."""
    if not isinstance(value, str):
        raise Malformed(f"{what}: not a text")
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as e:
        raise Malformed(f"{what}: not base64") from e
    if to_base64(raw) != value:  # b64decode accepts spare bits: one value, many spellings
        raise Malformed(f"{what}: not canonical base64")
    return raw


def to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def ordered(values: list[Any]) -> list[Any]:
    """Return *values* in the order that `listing` demands."""
    return sorted(values, key=lambda member: encode(member).encode())
