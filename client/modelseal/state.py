"""The rules: who may say what, and what it changes (FORMAT.md 6). The only place of rules; no cryptography here.

`apply` takes the next leaf and who signed it. It changes the state in place, or raises Refused (Conflict where
something stands there already; Unsupported for a valid record whose rules do not exist yet, which must not pass for
one without effect) and changes nothing. It reads only what is reached through the leaf's own index keys,
its namespace and the operators: so a client that folds the leaves listed for one repo comes to the same answer about
it as a mirror that folds the whole log.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from modelseal.errors import Conflict, Refused, TooFew, Unsupported
from modelseal.formats import names, records
from modelseal.formats.identity import Key, KeySet
from modelseal.formats.leaves import Leaf
from modelseal.formats.records import Claim, Identity, Keys, Operators, Release, Revocation, Roots


@dataclass(frozen=True, slots=True)
class Sealed:
    """A release as it stands in the log."""

    index: int
    time: int
    release: Release


@dataclass(frozen=True, slots=True)
class Voided:
    """A revocation as it stands in the log; `superseded` voids nothing and never becomes one."""

    index: int
    time: int
    reason: str
    replacement: str | None


@dataclass(slots=True)
class Namespace:
    """What one owner's records have made of a namespace."""

    claim: Claim  # the current one
    identity: Identity
    seq: int  # of the owner's chain
    prev: bytes  # digest of the chain's last record
    turn: int  # of the operators' acts
    key_set: KeySet
    filesets: dict[bytes, Voided] = field(default_factory=dict)


@dataclass(slots=True)
class Repo:
    """What the log holds about one repo."""

    releases: list[Sealed] = field(default_factory=list)  # in log order
    seals: dict[bytes, Voided] = field(default_factory=dict)
    latest: dict[str, Sealed] = field(default_factory=dict)  # by revision: the last release logged at it

    def add(self, sealed: Sealed) -> None:
        self.releases.append(sealed)
        self.latest[sealed.release.revision] = sealed


@dataclass(slots=True)
class State:
    """What the leaves so far come to."""

    origin: str
    operators: Operators | None = None
    seen: set[bytes] = field(default_factory=set)  # digests of every record that was admitted
    namespaces: dict[str, Namespace] = field(default_factory=dict)  # by lower-case name
    repos: dict[str, Repo] = field(default_factory=dict)  # by lower-case name

    def namespace(self, name: str) -> Namespace | None:
        return self.namespaces.get(name.lower())

    def voided(self, repo: str, release: Release) -> Voided | None:
        """Return what voids *release*, if anything does: it is asked for at the head, not at its own index."""
        owner = self.namespace(names.namespace_of(repo))
        here = self.repos[repo.lower()].seals.get(release.seal)
        return here or (owner.filesets.get(release.fileset) if owner else None)


def apply(state: State, index: int, leaf: Leaf, authors: AbstractSet[Key], claimed_by: AbstractSet[Key]) -> None:
    """Admit *leaf* as number *index*: *authors* signed its record, *claimed_by* the claim inside an identity."""
    record = leaf.record
    if record.origin != state.origin:
        raise Refused(f"the record is for {record.origin}, this log is {state.origin}")
    if (index == 0) != isinstance(record, Operators):
        raise Refused("the first leaf, and no other, is version 1 of the operators")
    if isinstance(record, Operators) and index:  # nobody signs version 1, so nobody could replace it unsigned
        raise Refused("a later version of the operators is not in force yet")
    if leaf.digest in state.seen:
        raise Conflict("this record is logged already")
    match record:
        case Operators():
            _exactly(authors, frozenset(), "version 1 of the operators")
            state.operators = record
        case Identity():
            _identity(state, record, authors, claimed_by)
        case Keys():
            _keys(state, record, leaf.digest, authors)
        case Release():
            _release(state, record, index, leaf.time, authors)
        case Revocation():
            _revocation(state, record, index, leaf.time, authors)
        case Roots():
            _exactly(authors, frozenset(), "a roots record")
            if record.covers != index:
                raise Refused(f"a roots record at {index} that covers {record.covers} leaves")
    state.seen.add(leaf.digest)


def _identity(state: State, record: Identity, authors: AbstractSet[Key], claimed_by: AbstractSet[Key]) -> None:
    assert state.operators is not None  # index 0 admits nothing else
    operators = state.operators
    _threshold(authors, operators.keys, operators.threshold, "operators")
    claim, known = record.claim, state.namespace(record.claim.namespace)
    expected = known.turn + 1 if known else 1
    if record.turn != expected:
        raise Conflict(f"{claim.namespace}: turn {record.turn} of the operators' acts, the next is {expected}")
    if record.basis == "web" and not record.evidence:
        raise Refused(f"{claim.namespace}: an identity on the web's word needs evidence")
    if known and record.claim_text == known.identity.claim_text:
        _exactly(claimed_by, frozenset(), "the claim of an identity that is issued again")
        known.identity, known.turn = record, record.turn
        return
    digest = records.digest(record.claim_text)
    if known is None:
        if claim.key_set is None:
            raise Conflict(f"{claim.namespace}: claim {claim.seq} has no predecessor")
        _check_scopes(claim.namespace, claim.key_set)
        _threshold(claimed_by, claim.key_set.controllers, claim.key_set.threshold, "controllers")
        state.namespaces[claim.namespace.lower()] = Namespace(
            claim, record, claim.seq, digest, record.turn, claim.key_set
        )
        return
    _next_in_chain(known, claim.namespace, claim.seq, claim.prev)
    _threshold(claimed_by, known.key_set.controllers, known.key_set.threshold, "controllers")
    known.claim, known.identity, known.turn = claim, record, record.turn
    known.seq, known.prev = claim.seq, digest


def _keys(state: State, record: Keys, digest: bytes, authors: AbstractSet[Key]) -> None:
    known = _owner(state, record.namespace)
    _next_in_chain(known, record.namespace, record.seq, record.prev)
    old, new = known.key_set, record.key_set
    _check_scopes(record.namespace, new)
    _counted(authors, {*old.controllers, *new.controllers})
    _enough(authors, old.controllers, old.threshold, "controllers")
    _enough(authors, new.controllers, new.threshold, "new controllers")
    if set(old.controllers) - set(new.controllers):
        raise Unsupported("a key change that drops a controller is not in force yet: upgrade needed")
    added = set(new.controllers) - set(old.controllers)
    if not authors >= set(old.controllers) and (old.threshold != new.threshold or len(added) >= old.threshold):
        raise Unsupported("a key change that outvotes a controller who did not sign it is not in force yet")
    known.key_set, known.seq, known.prev = new, record.seq, digest


def _release(state: State, record: Release, index: int, time: int, authors: AbstractSet[Key]) -> None:
    known = _owner(state, names.namespace_of(record.repo))
    _exactly(authors, {record.signer}, "a release, by its signer alone,")
    if not known.key_set.entitles(record.signer, record.repo):
        raise Refused(f"the key SHA256:{record.signer.sha256.hex()} may not seal {record.repo}: no scope covers it")
    repo = state.repos.get(record.repo.lower()) or Repo()
    if first := repo.latest.get(record.revision):
        raise Conflict(
            f"{record.repo}@{record.revision} is sealed already: leaf {first.index}, seal {first.release.seal.hex()}"
        )
    repo.add(Sealed(index, time, record))
    state.repos[record.repo.lower()] = repo


def _revocation(state: State, record: Revocation, index: int, time: int, authors: AbstractSet[Key]) -> None:
    known = _owner(state, record.namespace)
    controllers = known.key_set.controllers
    repo = state.repos.get(record.repo.lower()) if record.repo else None
    by_signer = {
        one.release.signer
        for one in (repo.releases if repo else ())
        if one.release.seal == record.seal and known.key_set.entitles(one.release.signer, one.release.repo)
    }
    _counted(authors, {*controllers, *by_signer})
    if not authors & by_signer:
        _enough(authors, controllers, known.key_set.threshold, "controllers")
    if record.reason == "superseded":
        return
    voided = Voided(index, time, record.reason, record.replacement)
    if record.seal is not None and record.repo is not None:
        state.repos.setdefault(record.repo.lower(), Repo()).seals.setdefault(record.seal, voided)
    elif record.fileset is not None:
        known.filesets.setdefault(record.fileset, voided)


def _owner(state: State, namespace: str) -> Namespace:
    known = state.namespace(namespace)
    if known is None:
        raise Refused(f"{namespace} is not an approved namespace of this log")
    if known.claim.namespace != namespace:
        raise Refused(f"the namespace is spelled {known.claim.namespace}, not {namespace}")
    return known


def _next_in_chain(known: Namespace, namespace: str, seq: int, prev: bytes | None) -> None:
    if namespace != known.claim.namespace:
        raise Refused(f"the namespace is spelled {known.claim.namespace}, not {namespace}")
    if seq != known.seq + 1 or prev != known.prev:
        raise Conflict(
            f"{namespace}: record {seq} of the owner's chain; the next is {known.seq + 1} after {known.prev.hex()}"
        )


def _check_scopes(namespace: str, key_set: KeySet) -> None:
    for signer in key_set.signers:
        if names.namespace_of(signer.scope) != namespace.lower():
            raise Refused(f"the scope {signer.scope} is outside {namespace}")


def _threshold(authors: AbstractSet[Key], keys: tuple[Key, ...], threshold: int, who: str) -> None:
    """Refuse unless *threshold* of *keys* signed, and nobody else."""
    _counted(authors, set(keys))
    _enough(authors, keys, threshold, who)


def _enough(authors: AbstractSet[Key], keys: tuple[Key, ...], threshold: int, who: str) -> None:
    count = len(authors & set(keys))
    if count < threshold:
        raise TooFew(f"signed by {count} of {threshold} {who}")


def _counted(authors: AbstractSet[Key], keys: AbstractSet[Key]) -> None:
    for key in authors - keys:
        raise Refused(f"the signature by SHA256:{key.sha256.hex()} does not count here: the key has no such role")


def _exactly(authors: AbstractSet[Key], keys: AbstractSet[Key], what: str) -> None:
    if authors != keys:
        raise Refused(f"{what} is signed by {len(authors)} keys, not by the {len(keys)} that it names")
