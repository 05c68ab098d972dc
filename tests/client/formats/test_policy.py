"""Policies and registry.json: what a client takes on trust is flat, and says one thing."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from modelseal.errors import Malformed
from modelseal.formats import strict
from modelseal.formats.note import Verifier
from modelseal.formats.policy import MAX_POLICY, Policy, Witness, encode_policy, parse_policy, parse_witnesses
from modelseal.formats.trust import MAX_REGISTRY, Trust, encode_registry, parse_trust
from tests.support import witness
from tests.support.vectors import Vector, changes, check, load, name_of, one, truncations


def read(case: Vector) -> Iterable[tuple[str, str]]:
    own = Verifier.parse(case.need("own"))
    policy = parse_policy(case.body, own)
    assert policy.own == own
    yield "quorum", f"{policy.quorum} of {len(policy.witnesses)}"
    yield "liars", str(policy.liars)


@pytest.mark.parametrize("case", load("policies"), ids=name_of)
def test_policy_vectors(case: Vector) -> None:
    check(case, read)


def opened(name: str) -> tuple[bytes, Verifier, Policy]:
    case = one(f"policies/{name}")
    own = Verifier.parse(case.need("own"))
    return case.body, own, parse_policy(case.body, own)


def test_what_we_write_reads_back() -> None:
    _, own, policy = opened("nobody-else")
    assert parse_policy(encode_policy(policy.log, own), own) == policy


def test_every_change_and_cut_of_a_policy_is_refused_or_means_the_same() -> None:
    data, own, policy = opened("nobody-else")
    for other in [changed for _, changed in changes(data, thorough=True)] + list(truncations(data)):
        try:
            assert parse_policy(other, own) == policy
        except Malformed:
            continue


def test_a_change_of_a_quorum_policy_is_refused_or_asks_for_more_of_the_same_witnesses() -> None:
    """The digest of the target finds every change; the grammar alone never lets the keys or a majority go."""
    data, own, policy = opened("2-of-3")
    for other in [changed for _, changed in changes(data)] + list(truncations(data)):
        try:
            found = parse_policy(other, own)
        except Malformed:
            continue
        assert (found.log, found.own, set(found.witnesses)) == (policy.log, policy.own, set(policy.witnesses))
        assert found.quorum >= policy.quorum


def test_the_caps_are_looked_at_before_parsing() -> None:
    data, own, policy = opened("nobody-else")
    assert parse_policy(data + b"#" * (MAX_POLICY - len(data)), own) == policy
    with pytest.raises(Malformed, match=f"policy: larger than {MAX_POLICY} bytes"):
        parse_policy(data + b"#" * (MAX_POLICY + 1 - len(data)), own)
    case = one("registry/the-registry-of-format-md")
    value = {**strict.loads(case.text, ""), "later": ""}
    room = MAX_REGISTRY - len(strict.encode(value))
    trust(case, strict.encode({**value, "later": "a" * room}).encode())
    with pytest.raises(Malformed, match=f"registry.json: larger than {MAX_REGISTRY} bytes"):
        trust(case, strict.encode({**value, "later": "a" * (room + 1)}).encode())


def trust(case: Vector, data: bytes) -> Trust:
    return parse_trust("".join(line + "\n" for line in case.all("policy")).encode(), data)


def read_registry(case: Vector) -> Iterable[tuple[str, str]]:
    trust(case, case.body)
    return ()


@pytest.mark.parametrize("case", load("registry"), ids=name_of)
def test_registry_vectors(case: Vector) -> None:
    check(case, read_registry)


def test_registry_json_reads_back() -> None:
    case = one("registry/the-registry-of-format-md")
    assert encode_registry(trust(case, case.body)) == case.body


def test_every_change_and_cut_of_registry_json_is_refused_or_says_what_it_says() -> None:
    """It signs nothing itself (TUF has its digest), but no byte is passed over: what is read is written back the same,
    and one byte changes one field."""
    case = one("registry/the-registry-of-format-md")
    whole = trust(case, case.body)
    for _, changed in changes(case.body):
        try:
            found = trust(case, changed)
        except Malformed:
            continue
        assert encode_registry(found) == changed
        assert found.policy == whole.policy
        differ = [name for name in Trust.__dataclass_fields__ if getattr(found, name) != getattr(whole, name)]
        assert len(differ) == 1
    for cut in truncations(case.body):
        with pytest.raises(Malformed):
            trust(case, cut)


def test_witness_lines_keep_their_names_and_addresses() -> None:
    data, own, policy = opened("2-of-3")
    found = parse_witnesses(data, own)
    assert [(one.name, one.url) for one in found] == [("a", None), ("b", None), ("c", None)]
    assert tuple(one.key for one in found) == policy.witnesses
    moved = (Witness("a", found[0].key, "https://mirror.example/log"), *found[1:])
    text = encode_policy(policy.log, own, moved, policy.quorum)
    assert (parse_policy(text, own), parse_witnesses(text, own)) == (policy, moved)
    assert encode_policy(policy.log, own, found, policy.quorum) == data


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_quorum_of_twice_the_same_key_is_refused_at_every_threshold(k: int) -> None:
    """Whatever names one raw key goes by, it is one witness."""
    one, other = witness.Witness.named("a"), witness.Witness.named("b")
    twin = witness.Witness("another-name.example", one.secret)
    _, own, policy = opened("nobody-else")
    with pytest.raises(Malformed, match="two names have one key"):
        witness.quorum(policy.log, own, [one, other, twin], k)
    assert witness.quorum(policy.log, own, [one, other], 2).witnesses == (one.key, other.key)


def test_the_registry_s_own_cosigner_is_no_independent_witness_under_any_name() -> None:
    _, own, policy = opened("nobody-else")
    for text in (
        encode_policy(policy.log, own, [Witness("a", Verifier("a.example", own.kind, own.public), None)], 1),
        f"log {policy.log.encode()}\nwitness own {own.encode()}\ngroup g 1 own\nquorum g\n".encode(),
    ):
        with pytest.raises(Malformed, match=r"two names have one key|not all witnesses but the registry's own"):
            parse_policy(text, own)
