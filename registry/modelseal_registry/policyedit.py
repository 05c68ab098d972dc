"""Edits of what clients know beforehand, apart from who signs it.

Each leaves a policy that clients take, or is refused: k of n independent witnesses with k > n/2, or none at all; nobody
counts twice, and the registry's own cosigner never.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from modelseal.errors import Conflict, Malformed, Refused, Usage
from modelseal.formats import strict
from modelseal.formats.note import COSIGNATURE, Verifier
from modelseal.formats.policy import GROUP, OWN, Witness, encode_policy
from modelseal.formats.trust import Trust, encode_registry, parse_trust
from modelseal.root.saved import POLICY, REGISTRY
from modelseal_registry import policyview

_name = strict.text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Told:
    """What clients are told, apart from who signs: the two targets, and others that are only kept."""

    trust: Trust
    witnesses: tuple[Witness, ...]
    quorum: int
    others: Mapping[str, bytes]

    @classmethod
    def of(cls, contents: Mapping[str, bytes]) -> Told:
        trust, witnesses = policyview.read(contents)
        return cls(trust, witnesses, trust.policy.quorum, dict(contents))

    def contents(self) -> dict[str, bytes]:
        """Return the targets; Refused if no client would take them."""
        policy, own = self.trust.policy, self.trust.policy.own
        targets = {POLICY: encode_policy(policy.log, own, self.witnesses, self.quorum)}
        targets[REGISTRY] = encode_registry(self.trust)
        try:
            parse_trust(targets[POLICY], targets[REGISTRY])
        except Malformed as e:
            raise Refused(str(e)) from e
        return {**self.others, **targets}


Change = Callable[[Told], Told]


def add_witness(name: str, vkey: str, url: str | None) -> Change:
    """One more independent witness. Below a majority the quorum grows with it."""
    try:
        _name(name, "NAME")
        key = Verifier.parse(vkey, "VKEY")
        if url is not None:
            strict.text(r"https?://[!-~]{1,240}")(url, "--url")
    except Malformed as e:
        raise Usage(str(e), hint="whoever runs the witness hands out its vkey: NAME+HASH+KEY") from e
    if key.kind != COSIGNATURE:
        raise Usage("VKEY: not the key of a cosigner (type 4)")
    if name in (OWN, GROUP, "none"):
        raise Usage(f"NAME: {name!r} is used in the file already; choose another")

    def change(told: Told) -> Told:
        policy = told.trust.policy
        for taken, whose in ((policy.own, "the registry's own cosigner"), (policy.log, "the log")):
            if key.public == taken.public or key.name == taken.name:
                raise Refused(f"{key.name}: that is {whose}, and not independent of it")
        for one in told.witnesses:
            if name == one.name:
                raise Conflict(f"{name} is a witness already: {one.key.encode()}")
            if key.public == one.key.public or key.name == one.key.name:
                raise Conflict(f"{key.name} is a witness already, as {one.name}; nobody counts twice")
        count = len(told.witnesses) + 1
        return replace(
            told,
            witnesses=(*told.witnesses, Witness(name, key, url)),
            quorum=max(told.quorum, count // 2 + 1),
        )

    return change


def remove_witness(name: str) -> Change:
    """One witness less. The quorum shrinks only where there are too few left for it."""

    def change(told: Told) -> Told:
        left = tuple(one for one in told.witnesses if one.name != name)
        if len(left) == len(told.witnesses):
            known = ", ".join(one.name for one in told.witnesses) or "none"
            raise Refused(f"{name} is no witness", hint=f"witnesses: {known}")
        return replace(told, witnesses=left, quorum=min(told.quorum, len(left)))

    return change


def set_quorum(k: int) -> Change:
    def change(told: Told) -> Told:
        count = len(told.witnesses)
        if not count // 2 < k <= count:
            raise Refused(
                f"a quorum of {k} of {count} witnesses is refused: it is {count // 2 + 1} to {count}, more than half"
                if count
                else "there is no independent witness, and so no quorum",
                hint=None if count else "modelseal-registry policy witness add NAME VKEY",
            )
        return replace(told, quorum=k)

    return change


def set_words(holders: Sequence[str], addresses: Sequence[str]) -> Change:
    """Other holders, or other addresses; what is empty stays."""

    def change(told: Told) -> Told:
        trust = replace(
            told.trust,
            holders=tuple(holders) or told.trust.holders,
            addresses=tuple(addresses) or told.trust.addresses,
        )
        return replace(told, trust=trust)

    return change
