"""What operators do with claims: list them, admit one on its evidence or on their word, refuse one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelseal.errors import Refused
from modelseal.formats import names
from modelseal.formats.leaves import Submission
from modelseal.formats.records import Identity
from modelseal.journeys import submit
from modelseal.keys import SigningKey
from modelseal.state import Namespace
from modelseal_registry import beside, claims, config, keyfiles, looker
from modelseal_registry.claims import Desk, Waiting
from modelseal_registry.config import Config, Place
from modelseal_registry.store import Store


@dataclass(frozen=True, slots=True)
class Approved:
    """An identity that is logged, or the draft of one."""

    claim: Waiting
    identity: Identity
    signed: int  # operators who signed
    threshold: int
    index: int | None = None  # of its leaf
    draft: Path | None = None  # where more must sign


@dataclass(frozen=True, slots=True)
class Shown:
    """A claim beside those whom it reads as."""

    claim: Waiting
    others: tuple[str, ...]  # further claims for the same name
    beside: tuple[tuple[str, Namespace | None], ...]  # None: only on the watch-list
    draft: Path | None = None


def look(place: Place, state: str | None) -> list[Waiting]:
    """Return what is to be decided, or only what is *state*: look, ready or waiting."""
    settings = config.read(place)
    with beside.database(settings) as store:
        return _desk(store, settings).look(state)


def find(place: Place, name: str) -> Waiting:
    settings = config.read(place)
    with beside.database(settings) as store:
        return _desk(store, settings).find(name)


def show(place: Place, name: str, save: Path | None = None) -> Shown:
    """Return a claim with all that is known of it; with *save* write the draft that admits it on its evidence.

    The draft acknowledges everybody whom the claim reads as.
    """
    settings = config.read(place)
    with beside.database(settings) as store:
        desk = _desk(store, settings)
        found = desk.find(name)
        if save:
            claims.check_open(found)
            found = _with_evidence(desk, store, settings, found)
            resembles = (*_before(found), *(one.namespace for one in found.alike))
            typed = tuple({one.lower(): one for one in resembles}.values())
            draft = desk.make_identity(found, claims.read_names(typed), found.evidence.digests)
            _write(store, save, draft)
        known = desk.known()
        alike = tuple((one.namespace, known.owner(one.namespace)) for one in found.alike)
        return Shown(found, tuple(desk.others(found)), alike, save)


def refuse(place: Place, name: str, reason: str) -> Waiting:
    settings = config.read(place)
    with beside.database(settings) as store:
        desk = _desk(store, settings)
        found = desk.find(name)
        desk.refuse(found, reason)
        return found


def approve(
    place: Place,
    name: str,
    *,
    without: str | None,
    resembles: tuple[str, ...],
    keys: Sequence[SigningKey],
    save: Path | None,
    confirm: Callable[[Waiting, Sequence[str]], None],
) -> Approved:
    """Admit the claim *name* on evidence that is looked for now, or *without* it for a reason; wait until it is logged.

    Without *keys* and *save* the key for trying out signs. With *save*, or too few keys, the record is written for the
    next holder instead. Without *resembles* those of the identity in force stay. *confirm* is told what speaks against
    it, and raises if it is not to be. Pending if nobody logged it in time; Refused if a rule says no.
    """
    settings = config.read(place)
    if not keys and not save:
        keys = [keyfiles.load(place.keys / keyfiles.OPERATOR)]
    with beside.database(settings) as store:
        desk = _desk(store, settings)
        found = desk.find(name)
        claims.check_open(found)
        operators = desk.known().state.operators
        assert operators is not None
        for key in keys:
            if key.public.key not in operators.keys:
                raise Refused(
                    f"SHA256:{key.public.key.sha256.hex()} is not a key of the operators",
                    hint="--key with theirs, or --save FILE and then: modelseal record sign FILE --key OPERATOR.key",
                )
        if without is None:
            found = _with_evidence(desk, store, settings, found)
        whom = claims.read_names(resembles) if resembles else _before(found)
        draft = desk.make_identity(found, whom, () if without is not None else found.evidence.digests)
        if doubts := _doubts(found, whom):
            confirm(found, doubts)
        signed = submit.sign(draft, list(keys))
        identity = signed.record
        assert isinstance(identity, Identity)
        count = len({key.public.key for key in keys})
        if save or count < operators.threshold:
            save = save or Path(f"{names.short(found.claim.namespace)}{submit.SUFFIX}")
            _write(store, save, signed)
            return Approved(found, identity, count, operators.threshold, draft=save)
        index = beside.submit(store, settings, signed)
        with store.write() as tx:
            tx.settle_claim(found.stored.digest, claims.APPROVED, without)
        return Approved(desk.find(name), identity, count, operators.threshold, index)


def _desk(store: Store, settings: Config) -> Desk:
    return Desk(store, settings.origin, looks=bool(settings.hub))


def _with_evidence(desk: Desk, store: Store, settings: Config, found: Waiting) -> Waiting:
    """Look for the evidence now. What was there an hour ago may have been a thief's, and gone since."""
    if not settings.hub:
        raise Refused(
            f"{settings.origin} looks for no evidence: `hub` is empty in registry.toml",
            hint="claims approve NS@DIGEST --without-evidence REASON",
        )
    seen = looker.look(settings, store, found.claim, found.stored.digest, fresh=True)
    if not seen.complete:
        raise Refused(
            f"{found.name}: evidence is missing: {'; '.join(seen.missing(found.claim))}",
            hint="who knows better says so: claims approve NS@DIGEST --without-evidence REASON",
        )
    return desk.find(f"{names.short(found.claim.namespace)}@{found.stored.digest.hex()}")


def _before(found: Waiting) -> tuple[str, ...]:
    """Whom the identity in force resembles: an owner's next claim must not wash that off."""
    return found.owner.identity.resembles if found.owner else ()


def _doubts(found: Waiting, resembles: tuple[str, ...]) -> list[str]:
    """Return what speaks against it: whom it reads as without saying so, and whatever else is to be looked at."""
    said = {one.lower() for one in resembles}
    unsaid = {str(one) for one in found.alike if one.namespace.lower() not in said}
    alike = {str(one) for one in found.alike}
    return sorted(unsaid) + [reason for reason in found.reasons if reason not in alike]


def _write(store: Store, path: Path, draft: Submission) -> None:
    """Write a draft; what it names as evidence is kept for as long as a claim may wait."""
    identity = draft.record
    assert isinstance(identity, Identity)
    submit.write(path, draft)
    with store.write() as tx:
        for digest in identity.evidence:
            tx.findings.set_drafted(digest, int(time.time()))
