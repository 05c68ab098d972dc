"""Check a name: is what the Hub lists under it what its owner sealed? Nothing is downloaded.

    1 which commit is meant        3 what the Hub lists there
    2 what the log proves          4 the listing against the seal, and what is allowed

Two requests: one for the evidence, one for the listing, which also says what a branch or tag is. A third where the
namespace's claim has the Hub's id of its owner: whose the name is there now. What the log decides alone costs one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from modelseal.errors import Error, Refused, Unavailable, Usage
from modelseal.formats.names import Asked, is_commit, printable
from modelseal.journeys import typed
from modelseal.journeys.allow import Allow, Allowing
from modelseal.journeys.ask import Where
from modelseal.journeys.at_hub import Token, compare_listing
from modelseal.listed import HubListing
from modelseal.values import dataclass
from modelseal.verdict import Decision, Verdict, Word

NOTHING = "; nothing was downloaded"


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it; true only if the verdict is."""

    verdict: Verdict
    listing: HubListing | None  # None: the Hub was not asked, or gave no answer that can be

    def __bool__(self) -> bool:
        return bool(self.verdict)


def check(
    repo: str,
    *,
    registry: str | None = None,
    evidence: Path | str | None = None,
    offline: bool = False,
    max_age: int | None = None,
    as_of: int | str | None = None,
    accept: Iterable[str] = (),
    strict: bool = False,
    locked: bool = False,
    lock: Path | str | None = None,
    rules: Path | str | None = None,
    token: Token = None,
) -> Verdict:
    """Return the verdict on *repo* (`acme-lab/atlas-7b`, `acme-lab/atlas-7b@REV`) by its name and the Hub's listing.

        if not modelseal.check("acme-lab/atlas-7b"):
            raise SystemExit("not sealed by its owner, or not what was sealed")

    SEALED: the names, sizes and digests that the Hub lists are the sealed ones. No byte was seen, so the files must
    still be verified: `modelseal.get` does both. REV is a commit, branch or tag; without it, and with `main`, it is the
    newest release. *token*: as huggingface_hub takes it; the other parameters are as for `verify`.

    Raises Usage (names, options) and Unavailable (no trust root, or a branch or tag that the Hub does not know). That
    registry or Hub do not answer is a verdict, UNAVAILABLE.
    """
    allow = Allow.typed(accept, strict, locked, lock, rules)
    where = Where(registry, Path(evidence) if evidence else None, offline, max_age, as_of)
    return checked(repo, where, allow, token=token).verdict


def checked(repo: str, where: Where, allow: Allow, *, token: Token = None) -> Checked:
    """Do what `check` says."""
    name, commit, ref = read(repo)
    allowing = Allowing.of(allow, named=Asked(name, commit))
    listing: HubListing | None = None
    if ref is not None:  # 1
        if where.offline:
            raise Usage(f"{printable(ref)} is a branch or tag, and only the Hub knows its commit", hint="name a commit")
        try:
            listing = _listing(name, ref, token)
        except Refused as e:  # an answer that cannot be, or none without a token, says nothing about the files
            raise Unavailable(str(e), hint=e.hint) from e
        commit = listing.commit
    asked = allowing.narrowed(Asked(name, commit))
    decision = allowing.decided(asked, allowing.where(where))  # 2
    if decision.word in (None, Word.OBSERVED):
        try:
            if where.offline:
                raise Error("--offline forbids to ask the Hub, so what it lists was not compared")
            listing = listing or _listing(name, decision.commit, token)  # 3
            verdict = compare_listing(decision, listing, token=token)  # 4
        except Error as e:
            verdict = _unheard(decision, e)
    else:
        verdict = Verdict.alone(decision)
    verdict = allowing.settled(verdict)
    if verdict.word not in (Word.SEALED, Word.LOG_MISBEHAVED):
        verdict = replace(verdict, says=verdict.says + NOTHING)
    return Checked(verdict, listing)


def read(text: str) -> tuple[str, str | None, str | None]:
    """Return the repo that is typed as REPO[@REV], and the commit, or else the branch or tag; neither is `main`."""
    name, at, revision = text.partition("@")
    repo = typed.asked(name).repo
    if not at or revision == "main":
        return repo, None, None
    if is_commit(revision):
        return repo, revision, None
    if not revision or revision.startswith("refs/") or not revision.isprintable():
        why = "; anybody can open a pull request" if revision.startswith("refs/pr/") else ""
        raise Usage(f"{printable(text)}: a commit, branch or tag is wanted after the @{why}")
    return repo, None, revision


def _listing(repo: str, revision: str | None, token: Token) -> HubListing:
    from modelseal import hub

    return hub.listing(repo, revision, token=token)


def _unheard(decision: Decision, error: Error) -> Verdict:
    """Return the verdict where the log has a release, or what was observed, and the Hub's answer is none."""
    who = f"sealed by {decision.publisher}" if decision.chosen is not None else "observed, not signed"
    there = f"{who} at {decision.commit}; only the Hub's listing was not compared"
    notes = (there, *((error.hint,) if error.hint else ()))
    return Verdict(Word.UNAVAILABLE, f": {error}", "", decision, release=decision.chosen, notes=notes)
