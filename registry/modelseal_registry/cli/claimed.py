"""A claim as a person and as a program sees it: the lines and values that `claims` commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelseal import times
from modelseal.cli import output
from modelseal.formats import names

if TYPE_CHECKING:
    from modelseal.formats.identity import KeySet
    from modelseal.formats.records import Claim
    from modelseal_registry import evidence
    from modelseal_registry.approve import Shown
    from modelseal_registry.claims import Waiting


def row(one: Waiting, now: int) -> tuple[str, ...]:
    hub, domain = one.evidence.hub, one.evidence.domain
    state = f"LOOK: {one.reasons[0]}" if one.state == "look" else one.state
    if len(one.reasons) > 1:
        state += f", and {len(one.reasons) - 1} more"
    if one.stored.state == "approved":
        state += ", in force"
    elif one.known:
        state += ", a change"
    return (
        names.short(one.claim.namespace),
        _age(now - one.stored.received),
        hub.word,
        (one.claim.domain or "none") if domain.found else domain.word,
        f"{one.signed} of {one.threshold}",
        ", ".join(names.short(it.namespace) for it in one.alike) or "none",
        output.escaped(state, longest=300),
        one.name,
    )


def _age(seconds: int) -> str:
    """Return `2 h` or `1 d`, rounded down."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{max(0, seconds)} s"


def say_place(label: str, place: evidence.Place, owner_id: str | None) -> None:
    text = place.word if place.word == "none" or place.looked is None else f"{place.word}, {times.utc(place.looked)}"
    if place.url:
        text += f"\n{output.escaped(place.url, longest=400)}"
    if place.says and place.word != "not yet":
        text += f"\n{output.escaped(place.says, longest=400)}"
    if owner_id:
        text += f"\nowner there: {owner_id}"
    if place.digest and place.found:
        text += f"\nkept as blob/{place.digest.hex()}"
    output.line(label, text)


def say_beside(shown: Shown) -> None:
    """Print what the claim says, and in columns beside it what they say whom it resembles."""
    claim = shown.claim.claim
    key_set = claim.key_set or (shown.claim.owner.key_set if shown.claim.owner else None)
    columns: list[tuple[str, Claim | None, KeySet | None]] = [("this claim", claim, key_set)]
    for name, owner in shown.beside:
        columns.append((names.short(name), owner.claim if owner else None, owner.key_set if owner else None))
    rows = [("", *(column[0] for column in columns))]
    texts = [_texts(one) for _, one, _ in columns]
    rows += [(label, *(one[at] for one in texts)) for at, label in enumerate(("title", "domain", "owner", "families"))]
    fingerprints = [_fingerprints(keys, whole=len(columns) == 1) for _, _, keys in columns]
    for number in range(max(map(len, fingerprints))):
        label = "keys" if number == 0 else ""
        rows.append((label, *(column[number] if number < len(column) else "" for column in fingerprints)))
    if len(columns) == 1:
        rows = rows[1:]
    widths = [max(len(row[at]) for row in rows) for at in range(1, len(columns) + 1)]
    for label, *cells in rows:
        text = "   ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        output.say(f"  {label + ':' if label else '':<9} {text}")


def _texts(claim: Claim | None) -> tuple[str, ...]:
    """Return title, domain, owner and families as shown; of a name that nobody has claimed there is nothing."""
    if claim is None:
        return ("on the watch-list",) + ("",) * 3
    owner = claim.hub_owner_id or "not said"
    return claim.title, claim.domain or "none", owner, ", ".join(claim.families) or "none"


def _fingerprints(keys: KeySet | None, *, whole: bool) -> list[str]:
    """Return the controllers' fingerprints, cut where they stand beside others."""
    if keys is None:
        return ["none"]
    return [f"SHA256:{key.sha256.hex() if whole else key.sha256.hex()[:24]}" for key in keys.controllers]


def value(one: Waiting) -> dict[str, Any]:
    claim = one.claim
    return {
        "namespace": claim.namespace,
        "digest": one.stored.digest.hex(),
        "name": one.name,
        "received": one.stored.received,
        "signed": one.signed,
        "threshold": one.threshold,
        "state": one.state,
        "decided": None if one.stored.state == "waiting" else one.stored.state,
        "change": one.known,
        "hub": _place(one.evidence.hub),
        "domain": _place(one.evidence.domain),
        "hub_owner_id": one.evidence.owner_id,
        "missing": list(one.evidence.missing(claim)) if one.looks else [],
        "resembles": [{"namespace": it.namespace, "says": str(it)} for it in one.alike],
        "look": list(one.reasons),
        "untrusted": {"title": claim.title, "domain": claim.domain},
    }


def _place(place: evidence.Place) -> dict[str, Any]:
    return {
        "state": place.word.replace(" ", "-"),
        "says": output.escaped(place.says, longest=400),
        "url": place.url,
        "looked": place.looked,
        "evidence": place.digest.hex() if place.digest else None,
    }
