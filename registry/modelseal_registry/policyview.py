"""What clients are told beforehand, as people read it: a state of the trust root in lines, and what a draft changes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelseal.formats import names, strict
from modelseal.formats.note import Note
from modelseal.formats.policy import Policy, Witness, parse_witnesses
from modelseal.formats.trust import Trust, parse_trust
from modelseal.root import Saved
from modelseal.root.saved import POLICY, REGISTRY
from modelseal_registry.trustdraft import DAY, Draft, Facts, Roles

RENEW_DAYS = 60  # before root or targets expire people are asked to sign again


@dataclass(frozen=True, slots=True)
class Published:
    """What holds now."""

    trust: Trust
    witnesses: tuple[Witness, ...]
    roles: Roles
    root: int  # version
    targets: int  # version
    expires: Mapping[str, int]  # role -> POSIX seconds
    invitation: str  # with the fingerprint of the newest root

    def ends(self) -> int:
        """When the operators must have signed again, at the latest."""
        return min(self.expires["root"], self.expires["targets"])

    def is_due(self, now: int) -> bool:
        return self.ends() - now <= RENEW_DAYS * DAY


@dataclass(frozen=True, slots=True)
class View:
    """The trust root of a registry, and the draft of the next one, if there is any."""

    path: Path  # of the draft
    published: Published | None
    draft: Facts | None
    changes: tuple[str, ...]  # `- line` and `+ line`: what clients will see, and in a file alone `  line` too
    notes: tuple[str, ...] = ()


def compared(draft: Draft, facts: Facts) -> tuple[str, ...]:
    """Return all that clients will see with *draft*, one fact a line: `+ new`, `- gone`, `  as before`.

    What was before is as the draft says. Whoever signs it elsewhere should read every line, not only what differs.
    """
    before: list[str] = []
    if draft.published and facts.old:
        before = lines({name: text.encode() for name, text in draft.published.targets.items()}, facts.old)
    found = difflib.ndiff(before, lines(facts.contents, facts.new))
    return tuple(line for line in found if not line.startswith("? "))


def changes(draft: Draft, facts: Facts) -> tuple[str, ...]:
    """Return what *draft* changes, as lines that begin with `- ` or `+ `."""
    return tuple(line for line in compared(draft, facts) if not line.startswith("  "))


def lines(contents: Mapping[str, bytes], roles: Roles) -> list[str]:
    """Return all that clients are told, one fact a line."""
    found = [f"operators: {roles.threshold} of {len(roles.operators)} sign"]
    found += [f"operator: {key.fingerprint}" for key in roles.operators]
    found.append(f"online key: {roles.online.fingerprint}")
    found += [f"policy: {line}" for line in contents[POLICY].decode().splitlines() if line.strip()]
    fields = strict.loads(contents[REGISTRY].decode(), REGISTRY)
    for name in sorted(fields.keys() - {"v", "own_witness"}):  # that key stands in the policy
        members = fields[name] if isinstance(fields[name], list) else [fields[name]]
        found += [f"registry.json: {name} {strict.encode(member)}" for member in members]
    found += [f"{name}: {len(data)} bytes" for name, data in sorted(contents.items()) if name not in (POLICY, REGISTRY)]
    return found


def stands(policy: Policy) -> str:
    """Say what a policy promises, and f, how many mirrors may lie without splitting the view."""
    if not policy.quorum:
        return "none: clients have the registry's word only"
    agree = f"{policy.quorum} of {len(policy.witnesses)} mirrors must agree; f = {policy.liars}: "
    if not policy.liars:
        return agree + "the registry may lie, or one mirror, but not both together"
    return agree + f"the registry and {policy.liars} mirror{'' if policy.liars == 1 else 's'} may lie together"


def cosigned(note: str, policy: Policy) -> int:
    """Return how many of the independent witnesses have cosigned *note*."""
    found = Note.parse(note)
    return sum(_checks(found, witness) for witness in policy.witnesses)


def _checks(note: Note, witness: Any) -> bool:
    for line in note.by(witness):
        witness.check(note.text, line)
    return bool(note.by(witness))


def contents_of(saved: Saved) -> dict[str, bytes]:
    return {name: text.encode() for name, text in saved.targets.items()}


def read(contents: Mapping[str, bytes]) -> tuple[Trust, tuple[Witness, ...]]:
    trust = parse_trust(contents[POLICY], contents[REGISTRY])
    return trust, parse_witnesses(contents[POLICY], trust.policy.own)


def value(view: View) -> dict[str, Any]:
    """Return what `--json` says."""
    notes = [names.printable(note, longest=1000) for note in view.notes]
    found: dict[str, Any] = {"published": None, "draft": None, "notes": notes}
    if (now := view.published) is not None:
        found["published"] = {
            **_said(now.trust, now.witnesses, now.roles),
            "root": now.root,
            "targets": now.targets,
            "expires": dict(now.expires),
            "trust": now.invitation,
        }
    if (draft := view.draft) is not None:
        trust, witnesses = read(draft.contents)
        found["draft"] = {
            **_said(trust, witnesses, draft.new),
            "root": draft.root,
            "targets": draft.targets,
            "expires": draft.expires,
            "file": str(view.path),
            "signed": [
                {"operators": _prints(group.roles), "threshold": group.roles.threshold,
                 "by": [key.fingerprint for key in group.signed]}
                for group in draft.groups
            ],
            "changes": [names.printable(line, longest=1000) for line in view.changes],
        }  # fmt: skip
    return found


def _said(trust: Trust, witnesses: Sequence[Witness], roles: Roles) -> dict[str, Any]:
    return {
        "quorum": trust.policy.quorum,
        "witnesses": [{"name": one.name, "vkey": one.key.encode(), "url": one.url} for one in witnesses],
        "f": trust.policy.liars,
        "operators": _prints(roles),
        "threshold": roles.threshold,
        "addresses": list(trust.addresses),
        "holders": [names.printable(holder) for holder in trust.holders],
    }


def _prints(roles: Roles) -> list[str]:
    return [key.fingerprint for key in roles.operators]
