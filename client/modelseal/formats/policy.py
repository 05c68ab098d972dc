"""Policies: which log, which witnesses, how many of them (C2SP tlog-policy).

    log registry.example+1f2e3d4c+AX...
    witness own registry.example/cosigner+5a6b7c8d+BG...      the registry's own: in no group, only a clock
    witness a mirror-a.example+...
    group mirrors 2 a b c
    quorum mirrors                                             or: quorum none

ModelSeal takes only flat policies: one log, and one group of n independent witnesses of which k > n/2 must agree, so
that any two quorums share an honest member as long as at most f = 2k - n - 1 lie.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from modelseal.errors import Malformed
from modelseal.formats import strict
from modelseal.formats.note import COSIGNATURE, ED25519, Verifier
from modelseal.values import dataclass

MAX_POLICY = 64 << 10
OWN, GROUP = "own", "mirrors"  # names in the policies that we write


@dataclass(frozen=True, slots=True)
class Policy:
    """Whose signatures make a checkpoint count."""

    log: Verifier
    own: Verifier  # the registry's own cosigner
    witnesses: tuple[Verifier, ...]  # the independent ones, n
    quorum: int  # k; 0 with `quorum none`

    @property
    def liars(self) -> int:
        """How many of registry and witnesses may lie together without splitting the view."""
        return max(0, 2 * self.quorum - len(self.witnesses) - 1)


@dataclass(frozen=True, slots=True)
class Witness:
    """A `witness` line: its name inside the file, its key, and where it is reached, which no client looks at."""

    name: str
    key: Verifier
    url: str | None


def parse_policy(data: bytes, own: Verifier) -> Policy:
    """Read a policy in which *own* is the registry's own cosigner."""
    return _read(data, own)[0]


def parse_witnesses(data: bytes, own: Verifier) -> tuple[Witness, ...]:
    """Return the independent witnesses of a policy as its lines say them, in the order of the quorum."""
    return _read(data, own)[1]


def _read(data: bytes, own: Verifier) -> tuple[Policy, tuple[Witness, ...]]:
    logs: list[Verifier] = []
    witnesses: dict[str, Verifier] = {}
    urls: dict[str, str] = {}
    groups: dict[str, tuple[int, list[str]]] = {}
    quorum: str | None = None
    for number, line in enumerate(strict.decode(data, "policy", limit=MAX_POLICY).split("\n"), 1):
        words = re.split(r"[ \t]+", line.strip(" \t\r")) if line.strip(" \t\r") else []
        what = f"policy: line {number}"
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "log" and len(words) in (2, 3):
            logs.append(Verifier.parse(words[1], what))
        elif words[0] == "witness" and len(words) in (3, 4):
            if words[1] in witnesses or words[1] in groups or words[1] == "none":
                raise Malformed(f"{what}: the name {words[1]!r} is taken")
            witnesses[words[1]] = Verifier.parse(words[2], what)
            urls |= {words[1]: words[3]} if len(words) == 4 else {}
        elif words[0] == "group" and len(words) >= 4:
            if words[1] in witnesses or words[1] in groups or words[1] == "none":
                raise Malformed(f"{what}: the name {words[1]!r} is taken")
            members = words[3:]
            if not set(members) <= {*witnesses, *groups}:
                raise Malformed(f"{what}: a member that no line above defines")
            groups[words[1]] = (_threshold(words[2], len(members), what), members)
        elif words[0] == "quorum" and len(words) == 2 and quorum is None:
            quorum = words[1]
            if quorum != "none" and quorum not in groups:
                raise Malformed(f"{what}: no line above defines the group {quorum!r}")
        else:
            raise Malformed(f"{what}: not a line of ours")
    policy = _flat(logs, witnesses, groups, quorum, own)
    named = {key: name for name, key in witnesses.items()}  # no key has two names
    return policy, tuple(Witness(named[key], key, urls.get(named[key])) for key in policy.witnesses)


def _threshold(word: str, members: int, what: str) -> int:
    if word in ("any", "all"):
        return 1 if word == "any" else members
    if not re.fullmatch(r"[1-9][0-9]{0,3}", word, re.ASCII) or int(word) > members:
        raise Malformed(f"{what}: the threshold is not any, all or 1..{members}")
    return int(word)


def _flat(
    logs: list[Verifier],
    witnesses: dict[str, Verifier],
    groups: dict[str, tuple[int, list[str]]],
    quorum: str | None,
    own: Verifier,
) -> Policy:
    if len(logs) != 1 or logs[0].kind != ED25519:
        raise Malformed("policy: exactly one log with a key of type 1 is wanted")
    if any(key.kind != COSIGNATURE for key in witnesses.values()):
        raise Malformed("policy: a witness key is not of type 4")
    raw = [logs[0].public, *(key.public for key in witnesses.values())]
    if len(set(raw)) != len(raw):
        raise Malformed("policy: two names have one key")
    own_names = [name for name, key in witnesses.items() if key == own]
    if not own_names:
        raise Malformed("policy: the registry's own cosigner has no witness line")
    if quorum == "none":
        if groups or len(witnesses) != 1:
            raise Malformed("policy: `quorum none` with witnesses or groups")
        return Policy(logs[0], own, (), 0)
    if quorum is None or set(groups) != {quorum}:
        raise Malformed("policy: exactly one group is wanted, and it is the quorum")
    k, members = groups[quorum]
    if set(members) != set(witnesses) - set(own_names) or len(set(members)) != len(members):
        raise Malformed("policy: the group is not all witnesses but the registry's own, each once")
    if 2 * k <= len(members):
        raise Malformed(f"policy: {k} of {len(members)} is not more than half")
    return Policy(logs[0], own, tuple(witnesses[name] for name in members), k)


def encode_policy(log: Verifier, own: Verifier, witnesses: Sequence[Witness] = (), quorum: int = 0) -> bytes:
    """Return the policy of a registry of which *quorum* of *witnesses* must agree; without any, nobody else is asked.
    The rules are `parse_policy`'s; OWN, GROUP and `none` name no witness."""
    lines = [f"log {log.encode()}", f"witness {OWN} {own.encode()}"]
    lines += [" ".join(filter(None, ("witness", one.name, one.key.encode(), one.url))) for one in witnesses]
    if witnesses:
        lines.append(f"group {GROUP} {quorum} {' '.join(one.name for one in witnesses)}")
    lines.append(f"quorum {GROUP if witnesses else 'none'}")
    return "".join(line + "\n" for line in lines).encode()
