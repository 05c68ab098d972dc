"""Publish a folder as a release.

    1 what does the Hub have there?   5 submit, or a draft where the controllers must sign too
    2 what does the log say now?      6 wait until the log's evidence says VERIFIED to us as to anyone
    3 hash, compare and seal          7 write the seal into the folder and the evidence beside it
    4 release record                  8 put the seal into the repo, if wanted

The same again gives the same answer: a release that is there already, of these files and by this key, is success.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from modelseal import keys, platform
from modelseal.compare import Local, compare
from modelseal.errors import Conflict, Malformed, Pending, Refused, TooFew, Unavailable, Usage
from modelseal.formats import manifest, names, records
from modelseal.formats.envelope import Bundle
from modelseal.formats.evidence import Evidence
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.names import Asked
from modelseal.formats.records import Release
from modelseal.journeys import show, submit, typed, upload, uploaded
from modelseal.journeys import sign as sealing
from modelseal.journeys.ask import Answer, Where, ask, heard
from modelseal.journeys.digests import Hashing
from modelseal.journeys.record import missing_signatures
from modelseal.journeys.sign import Signed
from modelseal.journeys.upload import Uploaded
from modelseal.keys import SigningKey
from modelseal.state import Sealed, apply
from modelseal.times import utc
from modelseal.values import dataclass
from modelseal.verdict import Decision, Standing, Verdict, Word

POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Published:
    """How a release came into the log, and what any client says about it."""

    verdict: Verdict | None  # None: a dry run of what is not logged yet, or a draft
    answer: Answer
    signed: Signed
    seal: Path | None  # where it was written; None if nothing was
    evidence: Path | None
    again: bool  # it was there already
    replaces: Sealed | None = None  # the release whose place this one takes; its seal is void then, for ever
    uploaded: Uploaded | None = None  # the seal, in the repo; None: that was not asked for
    draft: Path | None = None  # replaces, and more controllers must sign: nothing was sent
    waits_for: str | None = None


def publish(
    path: Path | str | None,
    repo: str | Asked,
    key: SigningKey | Path | str,
    *,
    revision: str | None = None,
    hub: bool = True,
    from_hub: bool = False,
    upload_seal: bool = False,
    password: bytes | None = None,
    registry: str | None = None,
    signature: Path | str | None = None,
    save: Path | str | None = None,
    wait_s: float = 30.0,
    dry_run: bool = False,
    replace_seal: bool = False,
    controllers: Sequence[SigningKey | Path | str] = (),
    hash: str = "auto",
    jobs: int | None = None,
    quiet: bool = True,
) -> Published:
    """Seal the folder *path* as a release of *repo*, have it logged, and check that any client says VERIFIED.

    *repo*, *revision*, *hub*, *from_hub*, *key*, *password*, *signature*, *hash* and *jobs* are those of `sign`. Then
    the evidence is written beside the folder, or to *save*. *registry*: another address than the trust root's.
    *wait_s*: how long to wait for the log. With *upload_seal* the seal is put into the repo at last, as a commit: if
    that fails, the release stays, and `uploaded` says why.

    A commit is sealed once. With *replace_seal* the seal that stands there is replaced and void for ever; that wants
    the signatures of the namespace's *controllers* too. Where more of them must sign nothing is sent: `draft` names a
    .record file for the next one, and when it is logged the same call again finishes.

        done = modelseal.publish("./atlas-7b", "acme-lab/atlas-7b", "ci.key", revision="v10")
        print(done.verdict.word, done.seal, done.evidence)

    Raises what `sign` raises, Refused or Conflict (the rules, the registry's answer, another owner at the Hub than the
    claim's), Unavailable, and Pending: submitted, not seen in the log yet, or the key is to be a signer later; the same
    call again asks again.
    """
    folder, hashing = Path(path) if path is not None else None, Hashing(hash, jobs)
    uri, named = typed.at_revision(repo, revision, hub=hub)
    sealing.check_options(hub, from_hub, hashing)
    if upload_seal and not hub:
        raise Usage("the seal cannot be put into the repo without asking the Hub", hint="leave out --no-hub")
    key, where = keys.given(key, password), Where(registry=registry)
    if controllers and not replace_seal:
        raise Usage("only the seal's own key signs a release, unless it replaces a seal", hint="see --replace")
    others = [keys.given(one, password) for one in controllers]
    target = sealing.place(folder, signature, from_hub=from_hub)
    beside = Path(save) if save else _beside(folder or target, ".evidence")
    if folder is not None and beside.absolute().is_relative_to(folder.absolute()):
        raise Usage(f"{beside} is inside the folder", hint="evidence there would be a file that the seal does not list")
    sealing.check_parent(beside)  # before anything is logged, for ever
    show.check_place(beside)
    asked, listing = sealing.at_hub(uri, named, hub)  # 1
    place = upload.place(listing.repo, named) if listing is not None and upload_seal else None
    kept = sealing.existing(target, asked)
    answer = heard(ask(asked, where))  # 2
    if listing is not None:
        _check_owner(answer.decision, asked)
    there = _release_at(answer.decision, asked)
    draft = _beside(folder or target, submit.SUFFIX)
    if there is None:
        answer = submit.at_registry(answer, asked, where)
        there = _release_at(answer.decision, asked)
    unlike = there.sealed.release.seal if there and replace_seal else None
    if there is None:
        others = []  # nothing to replace: an ordinary release, which its signer alone signs
        _check_admissible(answer, asked, key, None, others)
    elif replace_seal:
        kept = _seal_in(draft, there) or (kept if kept and _payload(kept) != unlike else None)
    files, at_hub = sealing.contents(folder, listing, from_hub=from_hub, hashing=hashing, quiet=quiet)  # 3
    signed = replace(sealing.make(files, asked, key, kept=kept, unlike=unlike), at_hub=at_hub)
    replaced: Sealed | None = None
    if there is not None and replace_seal and not (_is_ours(signed, there.sealed) and there.voided is None):
        replaced, there = there.sealed, None
        _check_admissible(answer, asked, key, replaced, others)
    done = Published(None, answer, signed, None, None, again=there is not None, replaces=replaced)
    if there is not None:
        signed = _there_already(signed, there.sealed, answer, from_hub=from_hub)
    else:
        _check_contents(answer, signed)
        release = signed.release(answer.trust.origin, replaced.release.seal if replaced else None)
        unsigned = submit.draft(release, signed.seal)
        before = submit.draft_at(draft, unsigned) if replaced else None
        submission = submit.sign(before or unsigned, [key, *others])  # 4
        if replaced and (missing := missing_signatures(submission, answer)):
            if not dry_run:
                submit.write(draft, submission)
            return replace(done, draft=None if dry_run else draft, waits_for=missing)
        if dry_run:
            return done
        reason = _log(submission, where.registry or answer.trust.url)  # 5
        answer = _wait(signed, asked, where, wait_s, reason, replaced)  # 6
    done = replace(done, verdict=_verdict(signed, answer), answer=answer, signed=signed)
    assert done.verdict is not None
    if dry_run or done.verdict.word != Word.VERIFIED:
        return done
    sealing.write(target, signed.seal)  # 7
    assert answer.evidence is not None
    platform.replace(beside, answer.evidence)
    done = replace(done, seal=target, evidence=beside)
    return replace(done, uploaded=upload.put(place, signed) if place else None)  # 8


def _beside(folder: Path, suffix: str) -> Path:
    named = folder if folder.name not in ("", "..") else folder.resolve()
    return named.with_name(named.name + suffix)


def _release_at(decision: Decision, asked: Asked) -> Standing | None:
    there = [one for one in decision.releases if one.sealed.release.revision == asked.revision]
    return there[-1] if there else None


def _check_owner(decision: Decision, asked: Asked) -> None:
    """Refuse where the name has another owner at the Hub than the one whose claim was approved."""
    namespace = names.namespace_of(asked.repo)
    owner = decision.state.namespace(namespace) if decision.state else None
    if owner is not None:
        uploaded.check_owner(owner.claim.namespace, owner.claim.hub_owner_id)


def _check_admissible(
    answer: Answer, asked: Asked, key: SigningKey, replaces: Sealed | None, controllers: Sequence[SigningKey]
) -> None:
    """Refuse what no rule would admit, before files are hashed for it: the rules judge a release of no contents."""
    decision, signer = answer.decision, key.public.key
    assert decision.state is not None and asked.revision is not None
    time_, none = decision.time or 0, bytes(32)
    release = Release(
        origin=answer.trust.origin, signer=signer, repo=asked.repo, revision=asked.revision, seal=none, bundle=none,
        bundle_size=1, files=1, total_bytes=1, fileset=none, weights=(),
        replaces=replaces.release.seal if replaces else None,
    )  # fmt: skip
    leaf = Leaf(time_, records.encode_record(release), release, ())
    authors = frozenset({signer, *(one.public.key for one in controllers)})
    try:
        apply(decision.state.copy(), decision.size, leaf, authors, frozenset())
    except TooFew:
        return  # others may sign yet
    except Refused as e:
        owner = decision.state.namespace(names.namespace_of(asked.repo), time_)
        for change in (owner.pending, owner.recovery) if owner else ():
            if (
                change
                and change.key_set.entitles(signer, asked.repo)
                and signer not in (owner.signers if owner else ())
            ):
                raise Pending(f"{e}; it may from {utc(change.due)} on, when a change of keys is in force") from e
        hint = None
        if owner is None:
            hint = "claim it: modelseal claim ns.toml --key FILE"
        elif not owner.entitles(signer, asked.repo) and signer not in owner.signers and not owner.retired:
            hint = "name it as a signer in ns.toml, with a scope that covers the repo, and claim again"
        raise Refused(str(e), hint=hint) from e


def _check_contents(answer: Answer, signed: Signed) -> None:
    """Refuse to seal what is void as soon as it is logged: the rules admit it, readers refuse it."""
    state = answer.decision.state
    owner = state.namespace(names.namespace_of(signed.statement.repo)) if state else None
    voided = owner.filesets.get(manifest.fileset(signed.statement.files)) if owner else None
    if owner and voided:
        raise Refused(
            f"these very contents were revoked everywhere in {names.short(owner.claim.namespace)} "
            f"on {utc(voided.time)} ({voided.reason}), for ever"
        )


def _payload(seal: str) -> bytes:
    return sha256(Bundle.parse(seal).payload).digest()


def _seal_in(draft: Path, there: Standing) -> str | None:
    """Return the seal that waits in *draft* to replace the one that is there, so that the same record is made again."""
    try:
        found = submit.read(draft)
    except (Usage, Malformed):
        return None
    record = found.record
    return found.seal if isinstance(record, Release) and record.replaces == there.sealed.release.seal else None


def _is_ours(signed: Signed, there: Sealed) -> bool:
    release = there.release
    return release.fileset == manifest.fileset(signed.statement.files) and release.signer == signed.public.key


def _there_already(signed: Signed, there: Sealed, answer: Answer, *, from_hub: bool) -> Signed:
    """Return the seal that is logged at this commit, if it is of these files and by this key."""
    release = there.release
    if not _is_ours(signed, there):
        raise Conflict(
            f"{names.short(release.repo)}@{release.revision} is sealed already: leaf {there.index}, "
            f"seal {release.seal.hex()}, by SHA256:{release.signer.sha256.hex()}",
            hint="a commit is sealed once; publish the new files at a new commit, or with the controllers --replace it",
        )
    statement = answer.decision.statement
    if statement is None or statement.revision != release.revision:
        if answer.decision.word is not None:
            return signed  # revoked: the wait below says so
        raise Unavailable(f"the seal at {release.revision} could not be fetched from {answer.address}")
    for ours, theirs in zip(signed.statement.files, statement.files, strict=True):
        if theirs.blake3 is not None and ours.blake3 is None:
            hint = "leave out --from-hub, and give the folder" if from_hub else "leave out --hash"
            raise Usage("the logged seal has blake3 digests, which must be compared too", hint=hint)
        if theirs.blake3 is not None and ours.blake3 != theirs.blake3:
            raise Conflict(
                f"{names.printable(ours.name)}: the logged seal is contradictory, its blake3 is of other bytes"
            )
    return replace(signed, seal=_seal_text(answer), statement=statement)


def _seal_text(answer: Answer) -> str:
    assert answer.evidence is not None
    seal = Evidence.parse(answer.evidence).seal
    assert seal is not None  # `decide` made the statement of it
    return seal


def _log(submission: Submission, url: str) -> str | None:
    """Send seal and release; return why it may not be logged yet, None if it is."""
    try:
        submit.send(submission, url)
    except submit.TooMany:
        raise
    except (Pending, Unavailable) as e:  # it may have been logged all the same: the evidence tells
        return str(e)
    return None


def _wait(
    signed: Signed, asked: Asked, where: Where, wait_s: float, reason: str | None, replaced: Sealed | None
) -> Answer:
    """Return the first answer that shows our release; Pending if there is none within *wait_s*."""
    seal = sha256(signed.statement.encode()).digest()
    end = time.monotonic() + wait_s
    while True:
        answer = ask(asked, where)
        found = _release_at(answer.decision, asked)
        there = found.sealed if found and found.sealed != replaced else None
        if there is not None and there.release.seal == seal:
            return answer
        if there is not None or answer.decision.word == Word.LOG_MISBEHAVED:
            _refuse_other(there, answer)
        if time.monotonic() > end:
            why = reason or answer.decision.says.removeprefix(": ")
            raise Pending(f"not seen in the log within {wait_s:g} s: {why}", hint="the same command again asks again")
        time.sleep(POLL_S)


def _refuse_other(there: Sealed | None, answer: Answer) -> None:
    if there is None:
        heard(answer)
        return
    raise Conflict(
        f"{names.short(there.release.repo)}@{there.release.revision} is sealed by another: leaf {there.index}, "
        f"seal {there.release.seal.hex()}"
    )


def _verdict(signed: Signed, answer: Answer) -> Verdict:
    """Judge the folder by its digests, as any client would."""
    files = tuple(Local(file.name, file.size, file.sha256, file.blake3) for file in signed.statement.files)
    return compare(answer.decision, files)
