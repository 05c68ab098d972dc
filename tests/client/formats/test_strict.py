"""Canonical JSON: one spelling of every value, and limits before parsing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from modelseal.errors import Malformed, Unsupported
from modelseal.formats import strict
from tests.support.vectors import Vector, check, load, name_of

LIMIT = 64 << 10
ASCII = st.text(st.characters(max_codepoint=0x7F))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(0, strict.MAX_INTEGER) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ASCII, inner, max_size=5),
    max_leaves=20,
)


def read(case: Vector) -> Iterable[tuple[str, str]]:
    value = strict.parse(case.body, "text", limit=LIMIT)
    assert strict.encode(value).encode() == case.body
    return ()


@pytest.mark.parametrize("case", load("json"), ids=name_of)
def test_vectors(case: Vector) -> None:
    check(case, read)


@settings(max_examples=50)
@given(VALUES)
def test_encoding_is_that_of_rfc_8785_and_reads_back(value: Any) -> None:
    text = strict.encode(value)
    assert text.encode() == rfc8785.dumps(value)
    assert strict.parse(text, "text", limit=1 << 20) == value


@given(
    VALUES | st.floats() | st.lists(st.floats(), min_size=1) | st.integers(),
    st.sampled_from([None, 0, 1]),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", ":")]),
)
def test_whatever_would_be_encoded_otherwise_is_refused(
    value: Any, indent: int | None, ascii_only: bool, separators: tuple[str, str]
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=separators)
    try:
        found = strict.parse(text, "text", limit=1 << 20)
    except Malformed:
        return
    assert strict.encode(found) == text and found == value


@given(st.binary() | st.text('0123456789.-+eE[]{},:"\\u nulltruefas').map(str.encode))
def test_any_bytes_are_refused_or_encode_to_themselves(data: bytes) -> None:
    try:
        assert strict.encode(strict.parse(data, "text", limit=LIMIT)).encode() == data
    except Malformed as e:
        assert "text: " in str(e)


def test_the_limit_counts_bytes_and_is_looked_at_before_parsing() -> None:
    text = strict.encode("é" * 10)
    assert strict.parse(text, "text", limit=22) == "é" * 10
    for given_ in (text, text.encode(), "[" * 22):
        with pytest.raises(Malformed, match="text: larger than 21 bytes"):
            strict.parse(given_, "text", limit=21)


def test_a_lone_surrogate_in_a_str_is_refused() -> None:
    for text in ('"\ud800"', '"\\ud800"'):
        with pytest.raises(Malformed):
            strict.parse(text, "text", limit=LIMIT)


def test_objects_name_what_is_missing_and_what_nobody_asked_for() -> None:
    fields = strict.Object({"a": 1, "b\x1b": 2}, "thing")
    assert fields.take("a", strict.integer()) == 1
    with pytest.raises(Malformed, match=r"thing: unknown field 'b\\x1b'"):
        fields.done()
    with pytest.raises(Malformed, match="thing: a is missing"):
        fields.take("a", strict.integer())
    with pytest.raises(Malformed, match="thing: not an object"):
        strict.Object([], "thing")


def test_version_1_is_known_another_number_is_newer_the_rest_is_no_version() -> None:
    assert strict.version(1, "thing") == 1
    for number in (0, 2, 99):
        with pytest.raises(Unsupported, match="upgrade needed"):
            strict.version(number, "thing")
    for value in (True, "1", 1.0, None, [1]):
        with pytest.raises(Malformed) as caught:
            strict.version(value, "thing")
        assert not isinstance(caught.value, Unsupported)


INTEGERS: dict[str, Any] = {"true": True, "a float": 1.0, "text": "1", "null": None, "below": 0, "above": 2**53}


@pytest.mark.parametrize("case", INTEGERS)
def test_integers_are_integers(case: str) -> None:
    with pytest.raises(Malformed, match="not an integer >= 1"):
        strict.integer(1)(INTEGERS[case], "thing")
    assert strict.integer(1)(1, "thing") == 1
    assert strict.integer(1)(2**53 - 1, "thing") == 2**53 - 1


def test_lists_are_sorted_by_the_bytes_of_their_members_texts() -> None:
    read_list = strict.listing(strict.text(), most=3, least=1)
    assert read_list(["B", "a"], "list") == ("B", "a")
    # quotes included: `"a"` sorts behind `"a b"`, because a quote is above a space
    assert read_list(["a b", "a"], "list") == ("a b", "a")
    # by bytes of UTF-8, not by UTF-16 units
    assert read_list(["\ufb00", "\U0001f600"], "list") == ("\ufb00", "\U0001f600")
    for value in (["a", "B"], ["a", "a"], ["a", "a b"], ["\U0001f600", "\ufb00"]):
        with pytest.raises(Malformed, match="not sorted, or a member occurs twice"):
            read_list(value, "list")
    for value in ([], ["a", "b", "c", "d"]):
        with pytest.raises(Malformed, match="members, allowed are 1 to 3"):
            read_list(value, "list")


@settings(max_examples=25)
@given(st.lists(VALUES, unique_by=strict.encode, max_size=6))
def test_ordered_gives_what_listing_takes(values: list[Any]) -> None:
    strict.listing(lambda value, what: value)(strict.ordered(values), "list")


@given(st.binary())
def test_base64_reads_back_and_has_one_spelling(raw: bytes) -> None:
    text = strict.to_base64(raw)
    assert strict.base64_text(text, "thing") == raw
    others = {text + "\n", " " + text, text.rstrip("="), base64.urlsafe_b64encode(raw).decode(), text + "="} - {text}
    for other in others:
        with pytest.raises(Malformed):
            strict.base64_text(other, "thing")


@given(st.text("ABCabc+/=", max_size=8))
def test_any_text_is_refused_as_base64_or_is_its_own_encoding(text: str) -> None:
    try:
        raw = strict.base64_text(text, "thing")
    except Malformed:
        return
    assert strict.to_base64(raw) == text


DIGESTS = {
    "upper case": "AB" * 32, "63 digits": "a" * 63, "65 digits": "a" * 65, "no hex": "g" * 64, "a number": 1,
    "a line feed": "a" * 64 + "\n", "a digit that is not ASCII": "\u0661" * 64,
}  # fmt: skip


@pytest.mark.parametrize("case", DIGESTS)
def test_digests_are_64_lower_case_digits(case: str) -> None:
    with pytest.raises(Malformed):
        strict.hexadecimal(DIGESTS[case], "thing")


def test_a_text_of_tiny_values_is_refused_before_it_is_parsed() -> None:
    limit = 1 << 20
    few = strict.encode([1] * 1001)
    assert strict.parse(few, "text", limit=limit) == [1] * 1001
    for many in ("[" + "1," * 400_000 + "1]", "[" + "[]," * 300_000, '{"a":[' + '"",' * 300_000):
        with pytest.raises(Malformed, match="text: too many values for its size"):
            strict.parse(many, "text", limit=limit)
