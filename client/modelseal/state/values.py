"""What the leaves so far come to: namespaces, repos, and who runs the registry."""

from __future__ import annotations

from dataclasses import field, replace

from modelseal.formats import names
from modelseal.formats.acts import Identity, Operators
from modelseal.formats.identity import Key, KeySet
from modelseal.formats.observed import Observation
from modelseal.formats.owners import Claim, Release
from modelseal.values import dataclass


@dataclass(frozen=True, slots=True)
class Sealed:
    """A release as it stands in the log."""

    index: int
    time: int
    release: Release


@dataclass(frozen=True, slots=True)
class Voided:
    """What voids a seal, contents or a signer: a revocation, or (reason `replaced`) a release in a seal's place."""

    index: int
    time: int
    reason: str
    replacement: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """A key set that waits in public before it is in force."""

    digest: bytes  # of its record, which an objection names
    index: int
    key_set: KeySet
    due: int  # log time
    controllers: tuple[Key, ...]  # who may object: those of when it was logged


@dataclass(frozen=True, slots=True, repr=False)
class Suspension:
    """The newest one; it is over at *until*."""

    since: int
    until: int
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class Retired:
    time: int
    reason: str


@dataclass(slots=True)
class Namespace:
    """What one owner's records, and the operators' acts, have made of a namespace."""

    claim: Claim  # the current one
    identity: Identity
    seq: int  # of the owner's chain
    prev: bytes  # digest of the chain's last record
    turn: int  # of the operators' acts
    key_set: KeySet
    pending: Change | None = None  # by `keys`
    recovery: Change | None = None  # by `recover`
    suspension: Suspension | None = None
    retired: Retired | None = None
    filesets: dict[bytes, Voided] = field(default_factory=dict)
    signers: dict[Key, Voided] = field(default_factory=dict)

    def at(self, time: int) -> Namespace:
        """Return the namespace as it is at log *time*: itself, or a copy in which what was due is in force.

        A recovery that takes effect voids a change by the owner's keys that still waits.
        """
        if self.recovery and self.recovery.due <= time:
            return replace(self, key_set=self.recovery.key_set, pending=None, recovery=None)
        if self.pending and self.pending.due <= time:
            return replace(self, key_set=self.pending.key_set, pending=None)
        return self

    def suspended(self, time: int) -> Suspension | None:
        return self.suspension if self.suspension and time < self.suspension.until else None

    def entitles(self, key: Key, repo: str) -> bool:
        """Whether *key* may seal *repo*; of a namespace as it is `at` the time asked about."""
        return key not in self.signers and self.key_set.entitles(key, repo)


@dataclass(slots=True)
class Repo:
    """What the log holds about one repo."""

    releases: list[Sealed] = field(default_factory=list)  # in log order
    seals: dict[bytes, Voided] = field(default_factory=dict)
    latest: dict[str, Sealed] = field(default_factory=dict)  # by revision: the last release logged at it

    def add(self, sealed: Sealed) -> None:
        self.releases.append(sealed)
        self.latest[sealed.release.revision] = sealed


COUNTS_AFTER = 7 * 86_400  # seconds of log time: a fresh fake must not become respectable overnight


@dataclass(frozen=True, slots=True)
class Sighting:
    """An observation as it stands in the log."""

    index: int
    time: int
    digest: bytes  # of its record
    observation: Observation


@dataclass(slots=True)
class Observed:
    """What observers saw of one repo, and what operators took back."""

    sightings: list[Sighting] = field(default_factory=list)  # in log order
    withdrawn: dict[str, Voided] = field(default_factory=dict)  # by revision

    def last(self, signer: Key, revision: str) -> Sighting | None:
        """Return the newest observation of a commit by one observer."""
        there = (one for one in reversed(self.sightings) if one.observation.revision == revision)
        return next((one for one in there if one.observation.signer == signer), None)


@dataclass(slots=True)
class Watched:
    """The watch-list: names that are imitated although nobody has claimed them here."""

    seq: int = 0
    prev: bytes | None = None
    names: dict[str, str] = field(default_factory=dict)  # lower case -> as written


@dataclass(slots=True)
class State:
    """What the leaves so far come to."""

    origin: str
    operators: Operators | None = None
    operators_digest: bytes = b""  # of the newest version's record
    watched: Watched = field(default_factory=Watched)
    seen: set[bytes] = field(default_factory=set)  # digests of every record that was admitted
    namespaces: dict[str, Namespace] = field(default_factory=dict)  # by lower-case name
    repos: dict[str, Repo] = field(default_factory=dict)  # by lower-case name
    observed: dict[str, Observed] = field(default_factory=dict)  # by lower-case name of the repo

    def namespace(self, name: str, time: int | None = None) -> Namespace | None:
        """Return what is known of *name*, as it is at log *time*; without a time as its last record left it."""
        known = self.namespaces.get(name.lower())
        return known.at(time) if known and time is not None else known

    def counts(self, one: Sighting, time: int) -> bool:
        """Whether an admitted observation counts at log *time*: it is old enough, and its observer still is one."""
        observers = self.operators.observers if self.operators else ()
        return one.time + COUNTS_AFTER <= time and one.observation.signer in observers

    def voided(self, repo: str, release: Release) -> Voided | None:
        """Return what voids *release*, if anything does: it is asked for at the head, not at its own index."""
        here = self.repos[repo.lower()].seals.get(release.seal)
        owner = self.namespace(names.namespace_of(repo))
        if here or owner is None:
            return here
        return owner.filesets.get(release.fileset) or owner.signers.get(release.signer)

    def copy(self) -> State:
        """Return a copy, as deep as the rules change things."""
        return State(
            self.origin,
            self.operators,
            self.operators_digest,
            replace(self.watched, names=dict(self.watched.names)),
            set(self.seen),
            {
                name: replace(one, filesets=dict(one.filesets), signers=dict(one.signers))
                for name, one in self.namespaces.items()
            },
            {name: Repo(list(one.releases), dict(one.seals), dict(one.latest)) for name, one in self.repos.items()},
            {name: Observed(list(one.sightings), dict(one.withdrawn)) for name, one in self.observed.items()},
        )
