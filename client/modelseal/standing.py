"""Steps 9 to 11 of the decision: what the leaves, once folded, say about the repo that was asked for. Pure."""

from __future__ import annotations

from dataclasses import replace

from modelseal import sightings
from modelseal.authorship import check_seal
from modelseal.errors import Malformed, Refused
from modelseal.formats import names
from modelseal.formats.leaves import Leaf
from modelseal.formats.manifest import Statement
from modelseal.formats.names import Asked
from modelseal.formats.trust import Revoked
from modelseal.keytext import PublicKey
from modelseal.state import Namespace, Sealed, State, Suspension, Voided
from modelseal.times import utc
from modelseal.verdict import Decision, Publisher, Standing, Word


def seen(state: State, asked: Asked) -> Revoked:
    """Return the revocations about the repo and its namespace that these leaves hold."""
    owner_key = names.namespace_of(asked.key)
    owner, repo = state.namespace(owner_key), state.repos.get(asked.key)
    return Revoked(
        frozenset((asked.key, seal) for seal in (repo.seals if repo else ())),
        frozenset((owner_key, fileset) for fileset in (owner.filesets if owner else ())),
        frozenset((owner_key, signer.sha256) for signer in (owner.signers if owner else ())),
    )


def judge(heard: Decision, state: State, remembered: Revoked, seal: str | None, leaves: dict[int, Leaf]) -> Decision:
    """Return the decision; `word` is None where a release is chosen and its files have the last word."""
    asked, now = heard.asked, heard.time or 0
    owner, repo = state.namespace(names.namespace_of(asked.key), now), state.repos.get(asked.key)
    publisher, notes = None, list(heard.notes)
    if owner:
        claim = owner.claim
        publisher = Publisher(claim.namespace, claim.title, claim.domain, owner.identity.basis == "web")
        notes += _standing(owner, now)
    heard = replace(heard, publisher=publisher, repo=asked.repo, notes=tuple(notes))
    suspension = owner.suspended(now) if owner else None
    if repo is None or not repo.releases:
        found = sightings.judge(heard, state, now)
        return _suspended(found, suspension) if suspension and found.word == Word.OBSERVED else found

    releases = tuple(
        Standing(one, state.voided(asked.key, one.release) or _remembered(remembered, asked, one))
        for one in repo.releases
    )  # 9
    spelled = releases[-1].sealed.release.repo
    if spelled != asked.repo:
        notes.append(f"the repo is spelled {names.short(spelled)}")
    heard = replace(heard, repo=spelled, releases=releases, notes=tuple(notes))
    chosen = _choose(releases, asked.revision)  # 10, which release
    if chosen is None:
        return replace(
            heard, word=Word.FAILED, says=": every release of it is revoked", qualifier=_why(releases[-1].voided)
        )
    if chosen.voided:  # 11
        when = f" on {utc(chosen.voided.time)}" if chosen.voided.time else ", seen earlier on this machine"
        says = f": the release at {chosen.sealed.release.revision} was revoked{when}; do not use it"
        says += _instead(chosen.voided, releases)
        return replace(heard, word=Word.FAILED, says=says, qualifier=_why(chosen.voided), chosen=chosen.sealed)
    if suspension:
        return _suspended(replace(heard, chosen=chosen.sealed), suspension)
    statement, ask_again = _statement(chosen.sealed, seal, leaves)  # 10, its seal
    return replace(heard, word=None, chosen=chosen.sealed, statement=statement, ask_again=ask_again)


def _suspended(heard: Decision, suspension: Suspension) -> Decision:
    whom = f"by the operators of {heard.origin}"
    says = f": suspended on {utc(suspension.since)} {whom}; do not use it until they lift it"
    return replace(heard, word=Word.FAILED, says=says, qualifier=f"SUSPENDED ({suspension.reason})", observed=None)


def _standing(owner: Namespace, now: int) -> list[str]:
    """Return what a reader should know about the owner, beyond who it is."""
    says = []
    if owner.identity.resembles:
        others = ", ".join(map(names.short, owner.identity.resembles))
        says.append(f"its name resembles {others}, and it is not the same: the operators signed that")
    if owner.pending:
        says.append(f"its keys are to change on {utc(owner.pending.due)}; until then nothing is different")
    if owner.recovery:
        says.append(f"the operators are to give it new keys on {utc(owner.recovery.due)}")
    if owner.retired:
        says.append(f"retired on {utc(owner.retired.time)} ({owner.retired.reason}): there will be no more releases")
    return says


def _remembered(revoked: Revoked, asked: Asked, one: Sealed) -> Voided | None:
    """A revocation seen earlier wins over evidence that does not show it."""
    namespace = names.namespace_of(asked.key)
    release = one.release
    gone = (
        (asked.key, release.seal) in revoked.seals
        or (namespace, release.fileset) in revoked.filesets
        or (namespace, release.signer.sha256) in revoked.signers
    )
    return Voided(-1, 0, "seen before", None) if gone else None


def _choose(releases: tuple[Standing, ...], revision: str | None) -> Standing | None:
    """Return the release at *revision*, else the newest unrevoked one, else None."""
    if revision:
        there = [one for one in releases if one.sealed.release.revision == revision]
        if there:
            return there[-1]
    last: dict[str, Standing] = {one.sealed.release.revision: one for one in releases}
    valid = [one for one in last.values() if one.voided is None]
    return max(valid, key=lambda one: one.sealed.index, default=None)


def _instead(voided: Voided, releases: tuple[Standing, ...]) -> str:
    """What the owner names in its place is said only if it can be used."""
    there = [one for one in releases if one.sealed.release.revision == voided.replacement]
    return f"; its owner names {voided.replacement} in its place" if there and not there[-1].voided else ""


def _why(voided: Voided | None) -> str:
    return f"REVOKED ({voided.reason})" if voided else ""


def _statement(sealed: Sealed, seal: str | None, leaves: dict[int, Leaf]) -> tuple[Statement | None, str | None]:
    """Return the statement of the release's seal, or the commit to ask for once more."""
    if seal is None:
        return None, sealed.release.revision
    spki = {PublicKey.parse(entry.key).key: entry.key for entry in leaves[sealed.index].signatures}
    try:
        return check_seal(sealed.release, seal, PublicKey.parse(spki[sealed.release.signer])), None
    except (Malformed, Refused):
        return None, sealed.release.revision
