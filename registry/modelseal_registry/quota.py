"""How many records one signer and one namespace may log (FORMAT.md 12): configuration, not rules of the log.

Counted in the database, in the transaction that takes a record in, so that all processes count together. A record that
the sequencer refuses afterwards was counted all the same. Ten times a signer's number is for its whole namespace.
Revocations are counted by key and by the minute only: whoever stole one key does not use up what another may revoke.
Observations are counted by observer and day, and by observer, repo and day: one list of repos that changes every hour
must not fill the log, or the evidence of one repo. Withdrawals are the operators' own, and not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modelseal.formats import names
from modelseal.formats.identity import Key
from modelseal.formats.records import Observation, Record, Release, Revocation
from modelseal_registry.limits import TooMany
from modelseal_registry.store import Tx

NAMESPACE = 10  # times what one signer may
DAY, MINUTE = 86400, 60
LATER_S = 3600  # said where time alone changes nothing


@dataclass(frozen=True, slots=True)
class _Limit:
    subject: str
    until: int  # POSIX seconds, the end of what is counted; 0: for ever
    most: int
    words: str


@dataclass(frozen=True, slots=True)
class Quota:
    releases_per_day: int = 100
    releases_per_repo: int = 1_000
    repos_per_signer: int = 1_000
    revocations_per_minute: int = 60
    observations_per_day: int = 10_000
    observations_per_repo: int = 24  # by one observer in a day

    def check(self, tx: Tx, record: Record, signers: Iterable[Key], now: int) -> None:
        """TooMany if *record*, signed by *signers*, would be one too many."""
        for limit in self._limits(tx, record, now):
            if tx.usage.count(limit.subject, limit.until) >= limit.most:
                raise TooMany(f"{limit.words}: {limit.most} at most", limit.until - now if limit.until else LATER_S)
        if isinstance(record, Revocation):
            until = _end(now, MINUTE)
            counts = [tx.usage.count(_revokes(key), until) for key in signers]
            if counts and min(counts) >= self.revocations_per_minute:
                raise TooMany(
                    f"revocations by this key in a minute: {self.revocations_per_minute} at most", until - now
                )

    def count(self, tx: Tx, record: Record, signers: Iterable[Key], now: int) -> None:
        """The same, and count it."""
        signers = list(signers)
        self.check(tx, record, signers, now)
        tx.usage.forget(now)
        for limit in list(self._limits(tx, record, now)):
            tx.usage.add(limit.subject, limit.until)
        for key in signers if isinstance(record, Revocation) else ():
            tx.usage.add(_revokes(key), _end(now, MINUTE))

    def _limits(self, tx: Tx, record: Record, now: int) -> Iterable[_Limit]:
        match record:
            case Release():
                return self._release(tx, record, now)
            case Observation():
                return self._observation(record, now)
        return ()

    def _observation(self, seen: Observation, now: int) -> Iterable[_Limit]:
        by, day = f"observes {seen.signer.sha256.hex()}", _end(now, DAY)
        yield _Limit(by, day, self.observations_per_day, "observations by this observer in a day")
        here, words = f"{by} {seen.repo.lower()}", f"observations of {seen.repo} by this observer in a day"
        yield _Limit(here, day, self.observations_per_repo, words)

    def _release(self, tx: Tx, release: Release, now: int) -> Iterable[_Limit]:
        signer, repo = release.signer.sha256.hex(), release.repo.lower()
        namespace, day = names.namespace_of(repo), _end(now, DAY)
        by_signer, by_all = f"repo {repo} {signer}", f"repo {repo}"
        yield _Limit(f"day {signer}", day, self.releases_per_day, "releases by this signer in a day")
        yield _Limit(f"day {namespace}", day, NAMESPACE * self.releases_per_day, f"releases of {namespace} in a day")
        yield _Limit(by_signer, 0, self.releases_per_repo, f"releases of {repo} by this signer")
        yield _Limit(by_all, 0, NAMESPACE * self.releases_per_repo, f"releases of {repo}")
        if not tx.usage.count(by_signer, 0):
            yield _Limit(f"repos {signer}", 0, self.repos_per_signer, "repos sealed by this signer")
        if not tx.usage.count(by_all, 0):
            yield _Limit(f"repos {namespace}", 0, NAMESPACE * self.repos_per_signer, f"sealed repos of {namespace}")


def _revokes(key: Key) -> str:
    return f"revokes {key.sha256.hex()}"


def _end(now: int, length: int) -> int:
    """Return the end of the day or minute (UTC) that *now* is in."""
    return now - now % length + length
