"""Evidence as a text. What it proves is for `decide` (test_decide.py) and the vectors there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelseal.errors import Malformed, Unsupported
from modelseal.formats import strict
from modelseal.formats.evidence import MAX_EVIDENCE, Evidence, Listed, Lookup, lookup_keys
from tests.vectors import small

GOOD = small.log().evidence(small.REPO)

BAD = {
    "a repo in capitals": ("repo", "hf://Acme-Lab/atlas-7b"),
    "a repo that is none": ("repo", "acme-lab"),
    "a checkpoint that is an object": ("checkpoint", {}),
    "a last leaf with an index": ("last", {"leaf": "", "proof": "", "index": 4}),
    "no last leaf": ("last", None),
    "a proof of 33 bytes": ("last", {"leaf": "", "proof": strict.to_base64(bytes(33))}),
    "a proof of 65 hashes": ("last", {"leaf": "", "proof": strict.to_base64(bytes(65 * 32))}),
    "a proof that is a list": ("last", {"leaf": "", "proof": []}),
    "look-ups that are a list": ("lookups", []),
    "five look-ups": ("lookups", {str(n): {"bucket": "", "path": ""} for n in range(5)}),
    "a look-up without its path": ("lookups", {"operators": {"bucket": ""}}),
    "a look-up with a field more": ("lookups", {"operators": {"bucket": "", "path": "", "root": ""}}),
    "leaves that are an object": ("leaves", {}),
    "a leaf that is an object": ("leaves", [{"index": 0, "leaf": {}, "proof": ""}]),
    "an index below zero": ("leaves", [{"index": -1, "leaf": "", "proof": ""}]),
    "an index that is text": ("leaves", [{"index": "0", "leaf": "", "proof": ""}]),
    "a seal that is an object": ("seal", {}),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_of_the_form_is_refused(case: str) -> None:
    name, value = BAD[case]
    data = strict.encode({**strict.loads(GOOD.decode(), ""), name: value}).encode()
    with pytest.raises(Malformed, match=r"^evidence: "):
        Evidence.parse(data)


@pytest.mark.parametrize("name", ["v", "repo", "checkpoint", "last", "lookups", "leaves", "seal"])
def test_every_field_is_wanted(name: str) -> None:
    value = strict.loads(GOOD.decode(), "")
    del value[name]
    with pytest.raises(Malformed, match=f"{name} is missing"):
        Evidence.parse(strict.encode(value).encode())


def test_another_version_is_newer() -> None:
    with pytest.raises(Unsupported, match="upgrade needed"):
        Evidence.parse(GOOD.replace(b',"v":1}', b',"v":2}'))


HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=4).map(tuple)
LISTED = st.builds(Listed, st.integers(0, 2**53 - 1), st.text(max_size=20), HASHES)


@settings(max_examples=50)
@given(
    st.lists(LISTED, max_size=3).map(tuple),
    st.dictionaries(st.sampled_from(["operators", "ns:hf://a", "x"]), st.builds(Lookup, st.text(max_size=9), HASHES)),
    st.none() | st.text(max_size=20),
)
def test_evidence_reads_back(leaves: tuple[Listed, ...], lookups: dict[str, Lookup], seal: str | None) -> None:
    given_ = Evidence("hf://acme/a", "note", Listed(-1, "leaf", (bytes(32),)), lookups, leaves, seal)
    assert Evidence.parse(given_.encode()) == given_


def test_the_cap_is_looked_at_before_parsing() -> None:
    with pytest.raises(Malformed, match=f"evidence: larger than {MAX_EVIDENCE} bytes"):
        Evidence.parse(b" " * (MAX_EVIDENCE + 1))
    with pytest.raises(Malformed, match="evidence: not JSON"):
        Evidence.parse(b" " * MAX_EVIDENCE)


def test_the_keys_that_are_looked_up() -> None:
    assert lookup_keys("hf://datasets/Acme/A") == ("operators", "ns:hf://acme", "repo:hf://datasets/acme/a")
