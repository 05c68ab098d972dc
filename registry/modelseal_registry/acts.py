"""What operators do beyond claims: to a namespace, a commit, the watch-list, and themselves (FORMAT.md 5.2, 6.8, 6.9).

    1 what the log says       3 would a rule say no, whoever signs      5 log it, or a draft for the next operator
    2 the record              4 sign

Without a key the one for trying out signs, if it is an operator's. With a file to save to nobody signs here: the
operators' keys can stay off this host.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from modelseal import state as rules
from modelseal.authorship import named_by
from modelseal.errors import Conflict, Refused, TooFew, Usage
from modelseal.formats import names
from modelseal.formats.acts import Lift, Operators, Recover, Retire, Suspend, Watchlist
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.records import Act, Record, Withdrawal
from modelseal.journeys import nstoml, submit, words
from modelseal.journeys.holders import everybody, roles
from modelseal.keys import SigningKey
from modelseal.state import Namespace, State
from modelseal.times import utc
from modelseal_registry import config, keyfiles, lists
from modelseal_registry.append import read_leaf
from modelseal_registry.beside import database
from modelseal_registry.beside import submit as log
from modelseal_registry.config import Config, Place
from modelseal_registry.store import Store
from modelseal_registry.trial import Trials


@dataclass(frozen=True, slots=True)
class Plan:
    """A record that could be the next leaf, if enough operators sign it. Its texts are to be escaped."""

    settings: Config
    unsigned: Submission
    state: State  # what the log says now
    size: int
    draft: Path  # where it is written for the next operator
    about: str
    says: tuple[str, ...]
    changes: tuple[str, ...]
    later: int = 0  # changes that do not fit into one record


@dataclass(frozen=True, slots=True)
class Done:
    plan: Plan
    index: int | None  # of its leaf
    time: int | None  # log time
    waits_for: str | None
    draft: Path | None


def suspend(place: Place, namespace: str, reason: str) -> Plan:
    return _upon(place, namespace, lambda origin, turn, owner: Suspend(origin, turn, owner, reason))


def lift(place: Place, namespace: str) -> Plan:
    return _upon(place, namespace, Lift)


def retire(place: Place, namespace: str, reason: str) -> Plan:
    return _upon(place, namespace, lambda origin, turn, owner: Retire(origin, turn, owner, reason))


def recover(place: Place, namespace: str, keys: Path) -> Plan:
    """Plan to give *namespace* the keys of a file like ns.toml."""
    new = nstoml.read_keys(keys, namespace)
    return _upon(place, namespace, lambda origin, turn, owner: Recover(origin, turn, owner, new))


def _upon(place: Place, namespace: str, make: Callable[[str, int, str], Record]) -> Plan:
    settings = config.read(place)
    state, size = _look(settings, namespace)  # 1
    owner = state.namespace(namespace, int(time.time()))
    if owner is None:
        raise Refused(f"{namespace} is not an approved namespace of this log")
    record = make(settings.origin, owner.turn + 1, owner.claim.namespace)  # 2
    kind = type(record).__name__.lower()
    return _plan(settings, record, state, size, f"{names.short(owner.claim.namespace)}-{kind}", owner)


def operators(place: Place, file: Path) -> Plan | None:
    """Plan to have the operators of *file*; None if the log has them."""
    settings = config.read(place)
    state, size = _look(settings, None)
    old = state.operators
    assert old is not None  # leaf 0
    wanted = lists.read_operators(file)
    record = Operators(settings.origin, old.seq + 1, state.operators_digest, *wanted)
    if not words.operator_changes(old, record):
        return None
    return _plan(settings, record, state, size, "operators", None)


def watchlist(place: Place, file: Path) -> Plan | None:
    """Plan to have the names of *file* on the watch-list, no others; None if the log has them."""
    settings = config.read(place)
    state, size = _look(settings, None)
    known = state.watched
    wanted = {name.lower(): name for name in lists.read_names(file)}
    add = [name for key, name in sorted(wanted.items()) if key not in known.names]
    remove = [name for key, name in sorted(known.names.items()) if key not in wanted]
    if not add and not remove:
        return None
    first = Watchlist(settings.origin, known.seq + 1, known.prev, tuple(add[: lists.MOST]), tuple(remove[: lists.MOST]))
    later = len(add) + len(remove) - len(first.add) - len(first.remove)
    return _plan(settings, first, state, size, "watchlist", None, later)


def withdraw(place: Place, repo: str, revision: str, reason: str) -> Plan:
    """Plan to take the commit *revision* of *repo* back, for ever, whoever has observed it."""
    settings = config.read(place)
    state, size = _look(settings, names.namespace_of(repo), repo)
    known = state.observed.get(repo.lower())
    what = f"{names.short(repo)}@{revision}"
    if repo.lower() in state.repos and state.repos[repo.lower()].releases:
        raise Refused(
            f"{names.short(repo)} is sealed by its owner: what was observed of it does not count, and so no withdrawal",
            hint="its owner revokes; an operator can stop the namespace: modelseal-registry suspend",
        )
    if known and (before := known.withdrawn.get(revision)):
        raise Conflict(f"{what} was withdrawn on {utc(before.time)} ({before.reason}), and stays so")
    spelled = known.sightings[-1].observation.repo if known and known.sightings else repo
    record = Withdrawal(settings.origin, spelled, revision, reason)
    stem = f"{names.short(spelled).replace('/', '-')}-{revision[:12]}-withdrawal"
    plan = _plan(settings, record, state, size, stem, None)
    return replace(plan, changes=words.seen_before(record, state))


def _look(settings: Config, namespace: str | None, repo: str | None = None) -> tuple[State, int]:
    with database(settings) as store, store.read() as tx:
        return Trials(settings.origin).state(tx, namespace, repo), tx.head().size


def _plan(
    settings: Config, record: Record, state: State, size: int, stem: str, owner: Namespace | None, later: int = 0
) -> Plan:
    unsigned = submit.draft(record)
    found = Plan(
        settings, unsigned, state, size, Path(stem + submit.SUFFIX), words.about(record), words.says(record),
        words.changes(record, owner, state.operators), later,
    )  # fmt: skip
    now = int(time.time())
    leaf = Leaf(now, unsigned.text, record, ())
    rules.apply(state.copy(), size, leaf, everybody(roles(record, state, now)), frozenset())  # 3
    return found


def carry_out(plan: Plan, keys: list[SigningKey], save: Path | None = None) -> Done:
    """Sign *plan* and have it logged; below the threshold it is written for the next operator and nothing is sent."""
    if save is not None:
        submit.write(save, plan.unsigned)
        return Done(plan, None, None, _lacks(plan, plan.unsigned), save)
    submission = submit.sign(submit.draft_at(plan.draft, plan.unsigned) or plan.unsigned, keys or [_own_key(plan)])  # 4
    lacks = _lacks(plan, submission)
    if lacks is not None:  # 5
        submit.write(plan.draft, submission)
        return Done(plan, None, None, lacks, plan.draft)
    with database(plan.settings) as store:
        index = log(store, plan.settings, submission)
        return Done(plan, index, _time_of(store, index), None, None)


def _time_of(store: Store, index: int) -> int:
    with store.read() as tx:
        return read_leaf(tx, index).time


def _lacks(plan: Plan, submission: Submission) -> str | None:
    record = submission.record
    assert isinstance(record, Act | Operators | Watchlist | Withdrawal)
    leaf = Leaf(int(time.time()), submission.text, record, submission.signatures)
    try:
        rules.apply(plan.state.copy(), plan.size, leaf, named_by(leaf).record, frozenset())
    except TooFew as e:
        return str(e)
    return None


def _own_key(plan: Plan) -> SigningKey:
    path = plan.settings.place.keys / keyfiles.OPERATOR
    known = plan.state.operators
    if path.exists():
        own = keyfiles.load(path)
        if known is not None and own.public.key in known.keys:
            return own
    raise Usage(
        "an operator's --key is wanted: this host has none",
        hint="for keys elsewhere: --save FILE, and there modelseal record sign FILE --key KEY --submit",
    )
