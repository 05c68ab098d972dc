"""What `decide` and `compare` answer: words, their exit codes, and the facts behind them.

Texts that come from outside (file names, titles) stand in these values as they are; whoever prints escapes them.
"""

from __future__ import annotations

from enum import StrEnum

from modelseal.errors import Error
from modelseal.formats.manifest import Statement
from modelseal.formats.names import Asked
from modelseal.formats.trust import Head, Revoked
from modelseal.state import Sealed, State, Voided
from modelseal.values import dataclass


class Word(StrEnum):
    """The first word of a report, in lower case with hyphens as programs see it."""

    VERIFIED = "verified"
    SEALED = "sealed"  # by name and listing; no byte of a file was seen
    SIGNATURE_VALID = "signature-valid"  # of somebody else's signature; says nothing about a repo
    FAILED = "failed"
    OBSERVED = "observed"
    UNKNOWN = "unknown"
    UNAVAILABLE = "unavailable"
    LOG_MISBEHAVED = "log-misbehaved"

    @property
    def exit_code(self) -> int:
        return _EXIT[self]

    @property
    def text(self) -> str:
        """As the first line says it."""
        return "OBSERVED, NOT SIGNED" if self is Word.OBSERVED else self.value.replace("-", " ").upper()


_EXIT = {
    Word.VERIFIED: 0,
    Word.SEALED: 0,
    Word.SIGNATURE_VALID: 0,
    Word.FAILED: 1,
    Word.UNKNOWN: 5,
    Word.UNAVAILABLE: 6,
    Word.LOG_MISBEHAVED: 8,
    Word.OBSERVED: 9,
}


WHOLE = "the folder as a whole"  # no name of a file: the finding where only the whole could be compared
WORST_FIRST = (8, 1, 3, 6, 4, 5, 9, 0)  # exit statuses of verdicts


@dataclass(frozen=True, slots=True)
class Publisher:
    """Whom the operators signed as the owner of a namespace."""

    namespace: str
    title: str
    domain: str | None
    checked: bool  # False: on the operators' word, without evidence

    def __str__(self) -> str:
        return f"{self.title} ({self.domain})" if self.domain else self.title

    @property
    def sealed(self) -> str:
        """What follows the name of a repo that it has sealed."""
        return f", sealed by {self}" + ("" if self.checked else " (owner not checked)")


@dataclass(frozen=True, slots=True)
class Standing:
    """A release and what voids it now, if anything does."""

    sealed: Sealed
    voided: Voided | None


@dataclass(frozen=True, slots=True)
class Seen:
    """Contents that observers saw the Hub serve at one commit. Dates are those of the log."""

    revision: str
    fileset: bytes
    files: int
    total_bytes: int
    observers: int  # whose observations of it count
    own: bool  # whether the registry's own is among these
    first: int  # POSIX seconds, when it was first and
    last: int  # when it was last logged
    downloaded: bool  # else its digests are on the Hub's word
    newest: int | None  # leaf of the newest observation that counts; None: none of them does yet
    withdrawn: Voided | None  # by the operators, who withdrew the commit

    @property
    def counts(self) -> bool:
        return self.newest is not None

    @property
    def basis(self) -> str:
        return "downloaded" if self.downloaded else "hub-metadata"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the log says about a repo. `compare` has the last word where `word` is None, so that a release is chosen,
    or OBSERVED, so that contents are: in `observed`."""

    asked: Asked
    word: Word | None
    says: str  # what follows the name on the first line
    qualifier: str = ""  # what follows the word on the first line
    repo: str | None = None  # canonical spelling, once known
    origin: str = ""
    registry: str | None = None  # the host of one that decides about some names only: the first line says it
    publisher: Publisher | None = None
    chosen: Sealed | None = None
    statement: Statement | None = None  # None although chosen: only the fileset is known
    releases: tuple[Standing, ...] = ()
    observed: Seen | None = None  # what counts at the commit asked for, else of the newest one
    seen: tuple[Seen, ...] = ()  # all that was, of a repo without a release
    state: State | None = None  # what the leaves about the repo and its namespace come to; not to be changed
    size: int = 0  # leaves of the log that was asked
    time: int | None = None  # proven
    as_of: bool = False
    quorum: int = 0  # independent witnesses behind the proven time
    head: Head | None = None  # to be remembered, even if the verdict is bad
    revoked: Revoked = Revoked()
    notes: tuple[str, ...] = ()
    ask_again: str | None = None  # the commit whose seal the evidence should have brought
    older: str | None = None  # LOG MISBEHAVED: the two notes
    newer: str | None = None

    @property
    def commit(self) -> str | None:
        """The commit that was asked for, else the release's own, or the one that was observed; None without any."""
        if self.asked.revision is not None:
            return self.asked.revision
        if self.chosen is not None:
            return self.chosen.release.revision
        return self.observed.revision if self.observed is not None else None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the seal says."""

    kind: str  # added, missing, differs, resized, contradictory, or what a file is instead of a file
    name: str
    expected: str | None = None
    found: str | None = None
    risk: str = ""  # program, pickle, archive or auto_map (a config that names code), of a file that is not as sealed

    @property
    def program(self) -> bool:
        return self.risk == "program"


@dataclass(frozen=True, slots=True)
class Judged:
    """A file and what became of it. Digests are (algorithm, hex); of `expected` and `found` as many as are known."""

    name: str
    # verified, or the kind of its finding (disguised: no file, under an ignored name), or why it was not compared:
    # ignored (a name that is never compared), skipped (the Hub client's own), absent, not-compared
    status: str
    size: int | None = None  # bytes at hand
    sealed_size: int | None = None
    expected: tuple[tuple[str, str], ...] = ()
    found: tuple[tuple[str, str], ...] = ()
    compared: str | None = None  # which digest decided
    program: bool = False
    detail: str | None = None  # what it is instead of a file


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said about the files at hand; true only if it ends with exit status 0."""

    word: Word
    says: str
    qualifier: str
    decision: Decision
    findings: tuple[Finding, ...] = ()
    release: Sealed | None = None  # the one that the files are
    observed: Seen | None = None  # OBSERVED: what the files are; FAILED: what they should be
    equal: int = 0  # files that equal the seal
    total: int = 0
    total_bytes: int = 0
    digest: str | None = None  # which was compared: "sha256", "blake3" or "sha256 and blake3"
    notes: tuple[str, ...] = ()
    wants_sha256: bool = False  # another release may fit; its fileset is over sha256
    files: tuple[Judged, ...] = ()  # every one, what matters most first
    cached: int = 0  # files whose digests were computed earlier, and
    cached_since: int | None = None  # POSIX seconds, when the oldest of these was
    accepted: str = ""  # who accepts what is not verified: --accept, or an exception in rules.toml

    @classmethod
    def alone(cls, decision: Decision) -> Verdict:
        """Return what *decision* says whatever the files are."""
        assert decision.word is not None
        return cls(decision.word, decision.says, decision.qualifier, decision, release=decision.chosen)

    @property
    def exit_code(self) -> int:
        return 0 if self.accepted else self.word.exit_code

    @property
    def complete(self) -> bool:
        """Whether every file of the release is there, as sealed; or of the commit, as it was observed."""
        return self.word in (Word.VERIFIED, Word.OBSERVED) and 0 < self.equal == self.total

    def __bool__(self) -> bool:
        """Whether the files may be used: `if verify(...)` must not pass because some verdict came back."""
        return self.exit_code == 0


class NotVerified(Error):
    """What was asked for is not handed over; `verdict` says why, and what the command would end with."""

    def __init__(self, message: str, *, verdict: Verdict, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.verdict = verdict
        self.exit_code = verdict.exit_code
