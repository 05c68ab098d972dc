"""How what clients know beforehand is changed: drafted here, signed by the operators anywhere, published here.

    edit, renew   DIR/trust.draft is what will hold; each further edit begins at it
    sign          one more operator's signature, here or on a copy of the file on another machine
    publish       enough of them: targets, snapshot, timestamp, and at once what is served

Every edit leaves a policy that clients take: k of n independent witnesses with k > n/2, or none at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelseal import platform
from modelseal.errors import Pending, Refused, Usage
from modelseal.formats.trust import Trust
from modelseal.keys import SigningKey
from modelseal.keytext import PublicKey
from modelseal.root.saved import Saved
from modelseal_registry import (
    config,
    keyfiles,
    policycheck,
    policyview,
    trustdraft,
    trustfiles,
    trustroot,
)
from modelseal_registry.config import Config, Place
from modelseal_registry.log import only_writer, open_log
from modelseal_registry.policyedit import Change, Told
from modelseal_registry.policyview import Published, View
from modelseal_registry.trustdraft import MAX_DRAFT, Draft, Roles


def show(place: Place, now: int) -> View:
    settings = config.read(place)
    return _view(settings, _read(place.draft) if place.draft.exists() else None, now)


def edit(place: Place, change: Change, now: int) -> View:
    """Make *change* to the draft, or begin one; signatures of an earlier draft are dropped."""
    settings = config.read(place)
    with _drafting(place):
        base = _base(place)
        told = change(Told.of(base.contents))
        roles = trustdraft.facts(base.draft).new if base.draft and base.draft.root_name else None
        if roles is None:
            policycheck.check_operators(settings, trustroot.roles(place.trust))
        return _write(settings, base, told, roles, now)


def renew(place: Place, operators: Sequence[PublicKey], new_online: bool, now: int) -> View:
    """Draft a new root and targets for another year, as the log and the settings now say.

    *operators*: public keys that only the log knows, by their fingerprints.
    """
    settings = config.read(place)
    with _drafting(place):
        base = _base(place)
        if base.saved is None:
            raise Refused("the first trust root is not published yet", hint="modelseal-registry policy show")
        now_in_force, told = trustroot.roles(place.trust), Told.of(base.contents)
        trust = replace(told.trust, url=settings.url, max_age=settings.max_age_s)
        if told.trust.url != settings.url:
            others = [address for address in trust.addresses if address not in (told.trust.url, settings.url)]
            trust = replace(trust, addresses=(settings.url, *others))
        keys, threshold = policycheck.logged(settings, now_in_force.operators, operators)
        roles = Roles(keys, threshold, _online(place, now_in_force.online, new_online))
        return _write(settings, base, replace(told, trust=trust), roles, now)


def look(file: Path) -> View:
    """Return what the draft in *file* says; nothing else is asked or needed."""
    return _alone(file, _read(file))


def sign(file: Path, keys: Sequence[SigningKey], place: Place | None) -> View:
    """Sign the draft in *file* with *keys*; *place*: the registry whose draft it is, None on another machine."""
    with _drafting(place) if place else contextlib.nullcontext():
        draft = _read(file)
        for key in keys:
            draft = trustdraft.sign(draft, key)
        platform.replace(file, draft.encode())
    return _alone(file, draft)


def _alone(file: Path, draft: Draft) -> View:
    found = trustdraft.facts(draft)
    return View(file, None, found, policyview.compared(draft, found))


def trying_out(place: Place | None) -> list[SigningKey]:
    """Return the operators' key for trying out; Usage where there is none."""
    path = place.keys / keyfiles.OPERATOR if place else None
    if path is None or not path.exists():
        raise Usage("a --key is wanted: that of an operator", hint="modelseal-registry policy sign FILE --key ana.key")
    return [keyfiles.load(path)]


@dataclass(frozen=True, slots=True)
class Done:
    view: View
    changes: tuple[str, ...]


def publish(place: Place, copies: Sequence[Path], ahead: bool, now: int) -> Done:
    """Put the draft in place, with the signatures of its *copies* too, and serve it at once.

    Pending if signatures are missing, Refused if clients would be worse off: other operators than the log's, a log
    that is not this one, or (unless *ahead*) a quorum that has not cosigned what is published.
    """
    settings = config.read(place)
    with _drafting(place):
        draft = _read(place.draft) if place.draft.exists() else None
        if draft is None:
            raise Refused("there is no draft to publish", hint="modelseal-registry policy show")
        for copy in copies:
            draft = trustdraft.merged(draft, _read(copy))
        found = trustdraft.facts(draft)
        if copies:
            platform.replace(place.draft, draft.encode())
        if not found.enough:
            program = f"modelseal-registry policy sign {place.draft} --key FILE"
            raise Pending(f"signed {missing(found)}; nothing was published", hint=f"the next operator: {program}")
        trustfiles.check(settings, found.trust)
        policycheck.check_operators(settings, found.new)
        policycheck.check_log(settings, found.trust)
        if not ahead:
            policycheck.check_cosigned(place, found.trust)
        changes = policyview.changes(draft, found)
        trustroot.publish(place.trust, draft, [key.private for key in trustfiles.online(place)], now)
        _promote(place)
        _serve(settings)
        place.draft.unlink()
    return Done(_view(settings, None, now), changes)


def missing(found: trustdraft.Facts) -> str:
    """Say how many have signed: `by 1 of 2 operators`."""
    new, *old = found.groups
    text = f"by {new} operators"
    return text + "".join(f", and by {group} of those before" for group in old)


def _read(path: Path) -> Draft:
    return Draft.parse(platform.read_file(path, MAX_DRAFT, "draft", follow=True))


@contextlib.contextmanager
def _drafting(place: Place) -> Iterator[None]:
    with platform.lock(place.draft.with_name(place.draft.name + ".lock")):
        yield


@dataclass(frozen=True, slots=True)
class _Base:
    """Where an edit begins: at the draft that follows what is published, or at that itself."""

    saved: Saved | None
    draft: Draft | None

    @property
    def contents(self) -> dict[str, bytes]:
        targets = self.draft.targets if self.draft else self.saved.targets if self.saved else {}
        return {name: text.encode() for name, text in targets.items()}


def _base(place: Place) -> _Base:
    saved = trustroot.saved(place.trust) if trustroot.is_published(place.trust) else None
    draft = _read(place.draft) if place.draft.exists() else None
    if draft and not _follows(draft, saved):
        draft = None
    if saved is None and draft is None:
        raise Refused(f"{place.dir}: neither a trust root nor a draft of one is here")
    return _Base(saved, draft)


def _follows(draft: Draft, saved: Saved | None) -> bool:
    """Whether *draft* was made from what is published."""
    if draft.published is None or saved is None:
        return draft.published is None and saved is None
    return (draft.published.roots[-1], draft.published.named("targets")) == (saved.roots[-1], saved.named("targets"))


def _write(settings: Config, base: _Base, told: Told, roles: Roles | None, now: int) -> View:
    contents = told.contents()
    if base.saved:
        draft = trustdraft.following(base.saved, contents, now, roles)
    else:
        assert roles is not None  # the first draft has a root
        draft = trustdraft.first(roles, contents, now)
    dropped = base.draft and any(group.signed for group in trustdraft.facts(base.draft).groups)
    platform.replace(settings.place.draft, draft.encode())
    view = _view(settings, draft, now)
    return (
        replace(view, notes=(*view.notes, "the earlier draft's signatures are gone: it says other things now"))
        if dropped
        else view
    )


def _view(settings: Config, draft: Draft | None, now: int) -> View:
    place, published, notes = settings.place, None, []
    found = trustdraft.facts(draft) if draft else None
    if trustroot.is_published(place.trust):
        saved = trustroot.saved(place.trust)
        trust, witnesses = policyview.read({name: text.encode() for name, text in saved.targets.items()})
        fingerprint = hashlib.sha256(saved.roots[-1][1]).hexdigest()
        published = Published(
            trust,
            witnesses,
            trustroot.roles(place.trust),
            saved.roots[-1][0],
            int(saved.named("targets")[0].partition(".")[0]),
            trustroot.expires(place.trust),
            f"{settings.url}#sha256:{fingerprint}",
        )
        if draft and not _follows(draft, saved):
            notes.append(f"the draft is of an earlier state; remove {place.draft} or make the change again")
        elif draft is None and published.is_due(now):
            left = max(0, published.ends() - now) // trustdraft.DAY
            notes.append(f"it ends in {left} days: modelseal-registry policy renew, then sign and publish")
        if found is None:
            notes += _differences(settings, published.roles, trust)
    if found is not None:
        notes += _differences(settings, found.new, found.trust)
    changed = policyview.changes(draft, found) if draft and found else ()
    return View(place.draft, published, found, changed, tuple(notes))


def _differences(settings: Config, roles: Roles, trust: Trust) -> list[str]:
    """Say what `publish` would refuse."""
    found = []
    checks: tuple[Callable[[], None], ...] = (
        lambda: policycheck.check_operators(settings, roles),
        lambda: policycheck.check_cosigned(settings.place, trust),
    )
    for check in checks:
        try:
            check()
        except Refused as e:
            found.append(f"{e}; {e.hint}" if e.hint else str(e))
    return found


def _online(place: Place, now: PublicKey, new: bool) -> PublicKey:
    """Return the online key of the next root."""
    if not new:
        return now
    path = place.keys / keyfiles.NEXT_ONLINE
    return (keyfiles.load(path) if path.exists() else keyfiles.create(path)).public


def _promote(place: Place) -> None:
    """Give the next online key its lasting name, if the newest root names it."""
    path = place.keys / keyfiles.NEXT_ONLINE
    if path.exists() and keyfiles.load(path).public == trustroot.roles(place.trust).online:
        os.replace(path, place.keys / keyfiles.ONLINE)


def _serve(settings: Config) -> None:
    """Bring the new trust root into what is served; a running server serves the same files."""
    with open_log(settings) as log:
        try:
            with only_writer(settings.place):
                log.sequencer(trustfiles.TrustFiles(settings)).start()
        except Refused:
            log.emitter.place(lambda: trustroot.files(settings.place.trust))
