"""Publish a folder as a release.

    1 what does the log say now?      4 submit
    2 hash and seal                   5 wait until the log's evidence says VERIFIED to us as to anyone
    3 release record                  6 write the seal into the folder and the evidence beside it

The same again gives the same answer: a release that is there already, of these files and by this key, is success.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from modelseal import keys, platform
from modelseal.compare import Local, compare
from modelseal.errors import Conflict, Pending, Unavailable, Usage
from modelseal.formats import manifest, names
from modelseal.formats.evidence import Evidence
from modelseal.formats.names import Asked
from modelseal.journeys import show, submit, typed
from modelseal.journeys import sign as sealing
from modelseal.journeys.ask import Answer, Where, ask, heard
from modelseal.journeys.digests import Hashing
from modelseal.journeys.sign import Signed
from modelseal.keys import SigningKey
from modelseal.state import Sealed
from modelseal.verdict import Decision, Verdict, Word

POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Published:
    """How a release came into the log, and what any client says about it."""

    verdict: Verdict | None  # None: a dry run of what is not logged yet
    answer: Answer
    signed: Signed
    seal: Path | None  # where it was written; None if nothing was
    evidence: Path | None
    again: bool  # it was there already


def publish(
    path: Path | str,
    repo: str | Asked,
    key: SigningKey | Path | str,
    *,
    revision: str | None = None,
    password: bytes | None = None,
    registry: str | None = None,
    signature: Path | str | None = None,
    save: Path | str | None = None,
    wait_s: float = 30.0,
    dry_run: bool = False,
    hash: str = "auto",
    jobs: int | None = None,
    quiet: bool = True,
) -> Published:
    """Seal the folder *path* as a release of *repo*, have it logged, and check that any client says VERIFIED.

    *repo*, *revision*, *key*, *password*, *signature*, *hash* and *jobs* are those of `sign`. Then the
    evidence is written beside the folder, or to *save*. *registry*: another address than the trust root's. *wait_s*:
    how long to wait for the log.

        done = modelseal.publish("./atlas-7b", "acme-lab/atlas-7b", "ci.key", revision="9c1f0d22...")
        print(done.verdict.word, done.seal, done.evidence)

    Raises what `sign` raises, Refused or Conflict (the registry's answer), Unavailable, and Pending: submitted, not
    seen in the log yet; the same call again asks again.
    """
    folder, asked = Path(path), typed.asked_commit(repo, revision)
    key, where = keys.given(key, password), Where(registry=registry)
    hashing, target = Hashing(hash, jobs), sealing.place(folder, signature)
    beside = Path(save) if save else _beside(folder)
    if beside.absolute().is_relative_to(folder.absolute()):
        raise Usage(f"{beside} is inside the folder", hint="evidence there would be a file that the seal does not list")
    sealing.check_parent(beside)  # before anything is logged, for ever
    show.check_place(beside)
    kept = sealing.existing(target, asked)
    answer = heard(ask(asked, where))  # 1
    signed = sealing.make(folder, asked, key, kept=kept, hashing=hashing, quiet=quiet)  # 2
    there = _release_at(answer.decision, asked)
    reason = None
    if there is not None:
        signed = _there_already(signed, there, answer)
    elif dry_run:
        return Published(None, answer, signed, None, None, again=False)
    else:
        reason = _log(signed, key, where.registry or answer.trust.url, answer.trust.origin)
        answer = _wait(signed, asked, where, wait_s, reason)  # 5
    verdict = _verdict(signed, answer)
    if dry_run or verdict.word != Word.VERIFIED:
        return Published(verdict, answer, signed, None, None, again=there is not None)
    sealing.write(target, signed.seal)  # 6
    assert answer.evidence is not None
    platform.replace(beside, answer.evidence)
    return Published(verdict, answer, signed, target, beside, again=there is not None)


def _beside(folder: Path) -> Path:
    named = folder if folder.name not in ("", "..") else folder.resolve()
    return named.with_name(named.name + ".evidence")


def _release_at(decision: Decision, asked: Asked) -> Sealed | None:
    there = [one.sealed for one in decision.releases if one.sealed.release.revision == asked.revision]
    return there[-1] if there else None


def _there_already(signed: Signed, there: Sealed, answer: Answer) -> Signed:
    """Return the seal that is logged at this commit, if it is of these files and by this key."""
    release = there.release
    if release.fileset != manifest.fileset(signed.statement.files) or release.signer != signed.public.key:
        raise Conflict(
            f"{names.short(release.repo)}@{release.revision} is sealed already: leaf {there.index}, "
            f"seal {release.seal.hex()}, by SHA256:{release.signer.sha256.hex()}",
            hint="a commit is sealed once; publish the new files at a new commit",
        )
    statement = answer.decision.statement
    if statement is None or statement.revision != release.revision:
        if answer.decision.word is not None:
            return signed  # revoked: the wait below says so
        raise Unavailable(f"the seal at {release.revision} could not be fetched from {answer.address}")
    for ours, theirs in zip(signed.statement.files, statement.files, strict=True):
        if theirs.blake3 is not None and ours.blake3 is None:
            raise Usage("the logged seal has blake3 digests, which must be compared too", hint="leave out --hash")
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


def _log(signed: Signed, key: SigningKey, url: str, origin: str) -> str | None:
    """Send seal and release; return why it may not be logged yet, None if it is."""
    release = submit.draft(signed.release(origin), signed.seal)  # 3
    try:
        submit.send(submit.sign(release, [key]), url)  # 4
    except (Pending, Unavailable) as e:  # it may have been logged all the same: the evidence tells
        return str(e)
    return None


def _wait(signed: Signed, asked: Asked, where: Where, wait_s: float, reason: str | None) -> Answer:
    """Return the first answer that shows our release; Pending if there is none within *wait_s*."""
    seal = sha256(signed.statement.encode()).digest()
    end = time.monotonic() + wait_s
    while True:
        answer = ask(asked, where)
        there = _release_at(answer.decision, asked)
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
