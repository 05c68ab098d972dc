"""One record as a person sees it who is to sign it: what it says, what it changes in the log, who has signed.

Every threshold goes through here: a `.record` file is signed by one holder after the other and sent by the last.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path

from modelseal import platform, root
from modelseal.authorship import signed_by
from modelseal.errors import Conflict, Pending, Refused, TooFew, Unavailable, Usage
from modelseal.formats import records
from modelseal.formats.identity import Key
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.names import Asked
from modelseal.formats.observed import Observation, Withdrawal
from modelseal.formats.records import Claim, Record, Roots, Watchlist
from modelseal.journeys import submit, words
from modelseal.journeys.ask import Answer, Where, ask, heard
from modelseal.journeys.holders import Role, everybody, roles
from modelseal.journeys.watched import with_watchlist
from modelseal.keys import SigningKey
from modelseal.state import Namespace, State, apply
from modelseal.state.counting import next_in_chain
from modelseal.values import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """Texts are as they stand in the record: whoever prints them escapes them."""

    submission: Submission
    about: str  # "claim 1 of acme-lab"
    says: tuple[str, ...]
    changes: tuple[str, ...] | None  # None: not compared with the log, see `alone`
    signers: tuple[str, ...]  # "SHA256:7f3c... (controller)"
    count: str | None  # "signed by 1 of 2 controllers"
    missing: str | None  # why it cannot be sent yet
    alone: str | None = None  # why the log was not asked
    logged: bool = False
    url: str | None = None  # where to submit it


@dataclass(frozen=True, slots=True)
class Sent:
    """Below its threshold a record is not sent."""

    view: View
    logged: int | None = None
    sent: bool = False
    waits_for: str | None = None


def show(path: Path, where: Where | None = Where()) -> View:
    """Read the `.record` file at *path* and compare it with the log, unless *where* is None or nobody answers."""
    return view(submit.read(path), where)


def sign(path: Path, keys: list[SigningKey], where: Where | None = Where(), *, send: bool = False) -> Sent:
    """Add the signatures of *keys* to the `.record` file at *path*; with *send* submit it if that is enough.

    If the log can be asked, a key without a role in this record is refused, and the file stays as it was.
    """
    submission = submit.sign(submit.read(path), keys)
    if send:
        _check_sendable(submission)
    seen = view(submission, where)
    submit.write(path, submission)
    return _send(seen) if send else Sent(seen, waits_for=seen.missing)


def send(paths: Sequence[Path], where: Where = Where()) -> Sent:
    """Submit the record of which the files at *paths* are copies, if they have enough signatures together."""
    submission = submit.merged([submit.read(path) for path in paths])
    _check_sendable(submission)
    return _send(view(submission, where))


def _send(seen: View) -> Sent:
    if seen.url is None:
        raise Unavailable(f"{seen.alone}; nothing was sent")
    if seen.missing:
        return Sent(seen, waits_for=seen.missing)
    try:
        logged = submit.send(seen.submission, seen.url)
    except Pending as e:
        return Sent(seen, sent=True, waits_for=str(e))
    return Sent(seen, logged.index, sent=True)


def _check_sendable(submission: Submission) -> None:
    if isinstance(submission.record, Roots):
        raise Usage("a record of type roots is never submitted: the log itself makes it")


def view(submission: Submission, where: Where | None) -> View:
    record = submission.record
    authors = signed_by(record, submission.text, submission.signatures).record
    about, says = words.about(record), words.says(record)
    try:
        answer = _answer(record, where)
    except Unavailable as e:
        wanted = roles(record, State(record.origin), 0)  # as far as the record itself says it
        return View(submission, about, says, None, _signers(authors, wanted), None, None, alone=str(e))
    state, time = answer.decision.state, answer.decision.time or 0
    assert state is not None and where is not None  # `heard` saw to it
    if record.origin != state.origin:
        raise Refused(f"the record is for {record.origin}, the trust root is for {state.origin}")
    namespace = records.namespace_about(record)
    owner = state.namespace(namespace, time) if namespace else None
    logged = submission.digest in state.seen or (
        isinstance(record, Claim) and owner is not None and owner.identity.claim_text == submission.text
    )
    wanted = () if logged else roles(record, state, time)
    return View(
        submission,
        about,
        says,
        () if logged else _changes(record, owner, state, authors),
        _signers(authors, wanted),
        "; ".join(role.words(authors) for role in wanted) or None,
        None if logged else missing_signatures(submission, answer),
        logged=logged,
        url=where.registry or answer.trust.url,
    )


def _changes(record: Record | Claim, owner: Namespace | None, state: State, authors: Set[Key]) -> tuple[str, ...]:
    if isinstance(record, Observation | Withdrawal):
        return words.seen_before(record, state)
    return words.changes(record, owner, state.operators, authors)


# what the log says about it


def _answer(record: Record | Claim, where: Where | None) -> Answer:
    if where is None:
        raise Unavailable("offline")
    if isinstance(record, Roots):
        raise Unavailable("the log makes such records itself")
    return look_up(record, where)


def look_up(record: Record | Claim, where: Where) -> Answer:
    """Return what the log proves about the repo or the namespace of *record*, or about who runs the registry."""
    namespace, repo = records.namespace_about(record), getattr(record, "repo", None)
    if namespace is None:
        answer = look_up_namespace(_any_namespace(record.origin), where)
        return with_watchlist(answer) if isinstance(record, Watchlist) else answer
    return look_up_namespace(namespace, where) if repo is None else heard(ask(Asked(repo, None), where))


def _any_namespace(origin: str) -> str:
    """Return one about which *origin* decides: whatever its evidence is about, it says who the operators are."""
    entries = root.entries(platform.config_folder())
    glob = next((one for entry in entries if entry.trust.origin == origin for one in entry.globs), "registry")
    return "hf://" + (glob[:-1] + "x" if glob.endswith("*") else glob)


def look_up_namespace(namespace: str, where: Where) -> Answer:
    """Return what the log proves about *namespace*. Any repo of it will do: its evidence has all of the owner's."""
    return heard(ask(Asked(f"{namespace}/README", None), where))


def missing_signatures(submission: Submission, answer: Answer) -> str | None:
    """Return how many signatures are there and wanted, or None if there are enough. Refused if a rule says no,
    whoever may sign yet."""
    record, decision = submission.record, answer.decision
    assert decision.state is not None
    found = signed_by(record, submission.text, submission.signatures)
    time = decision.time or 0
    wanted = roles(record, decision.state, time)
    if isinstance(record, Claim):
        return _counted(record, decision.state, wanted, found.record)
    leaf = Leaf(time, submission.text, record, submission.signatures)
    try:
        apply(decision.state.copy(), decision.size, leaf, found.record, found.claim)
    except TooFew as e:
        apply(decision.state.copy(), decision.size, leaf, found.record | everybody(wanted), found.claim)
        return str(e)
    return None


def _counted(claim: Claim, state: State, wanted: tuple[Role, ...], authors: Set[Key]) -> str | None:
    """The same by counting alone: a claim is no leaf."""
    owner = state.namespace(claim.namespace)
    if owner is not None:
        next_in_chain(owner, claim.seq, claim.prev)
    elif claim.key_set is None:
        raise Conflict(f"{claim.namespace}: claim {claim.seq}, but the log has no first one")
    for key in authors - everybody(wanted):
        raise Refused(f"SHA256:{key.sha256.hex()} is not a controller of {claim.namespace}")
    return next((role.words(authors) for role in wanted if role.count(authors) < role.least), None)


def _signers(authors: Set[Key], wanted: tuple[Role, ...]) -> tuple[str, ...]:
    lines = []
    for key in sorted(authors, key=lambda key: key.sha256):
        name = next((role.name.removesuffix("s") for role in wanted if key in role.keys), None)
        lines.append(f"SHA256:{key.sha256.hex()}" + (f" ({name})" if name else ""))
    return tuple(lines)
