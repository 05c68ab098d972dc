"""Every release of a namespace, out of the log itself: the index lists them by repo, and which repos there are it
does not say.

All leaves up to a proven head are read, the newest first, and their root is compared with the head's: then nothing was
left out. Where that fails, or takes too long, the answer says that it is not whole: a revocation must not wait for it.
"""

from __future__ import annotations

from modelseal import remote
from modelseal.errors import Malformed, NotFound, Unavailable, Unsupported
from modelseal.formats import merkle, names, paths, tiles
from modelseal.formats.identity import Key, KeySet
from modelseal.formats.leaves import Leaf
from modelseal.formats.records import Identity, Keys, Recover, Release, namespace_about
from modelseal.formats.tiles import MAX_BUNDLE, WIDTH
from modelseal.gather import Reader
from modelseal.journeys.ask import BUDGET_S, Answer, Where
from modelseal.values import dataclass


@dataclass(frozen=True, slots=True)
class Swept:
    """What leaves of a namespace say; whether it counted is for the rules: ask about the repo."""

    releases: tuple[Release, ...]  # the newest first
    keys: frozenset[Key]  # that were ever named in it
    whole: bool  # the whole log was read, and proven so


def sweep(namespace: str, answer: Answer, where: Where) -> Swept:
    """Return the releases in *namespace* (any spelling) up to the head of *answer*, as far as the budget goes.

    What is not proven whole is not proven at all: ask about each repo.
    """
    head = answer.decision.head
    assert head is not None and answer.address is not None  # it was heard, and not from a file
    reader = remote.open_reader(where.registry or answer.address, remote.Budget(BUDGET_S))
    needle = names.short(namespace).lower().encode()
    releases: list[Release] = []
    keys: set[Key] = set()
    hashes: list[bytes] = []  # of all leaves, the last one first
    whole = True
    try:
        for bundle in reversed(range((head.size + WIDTH - 1) // WIDTH)):
            for data in reversed(_entries(reader, bundle, head.size)):
                hashes.append(merkle.leaf_hash(data))
                if needle in data.lower():
                    _read(data, namespace, releases, keys)
    except Unavailable:
        whole = False
    whole = whole and merkle.root(hashes[::-1]) == head.root
    return Swept(tuple(releases), frozenset(keys), whole)


def _entries(reader: Reader, bundle: int, size: int) -> list[bytes]:
    width = min(WIDTH, size - bundle * WIDTH)
    try:
        held = width
        data = reader.get(paths.entries(bundle, width), MAX_BUNDLE)
    except NotFound:
        if width == WIDTH:
            raise
        held = WIDTH  # a partial bundle may go once the full one exists: the log has grown
        data = reader.get(paths.entries(bundle, WIDTH), MAX_BUNDLE)
    try:
        return tiles.parse_entries(data, held, paths.entries(bundle, held))[:width]
    except Malformed as e:
        raise Unavailable(str(e)) from e


def _read(data: bytes, namespace: str, releases: list[Release], keys: set[Key]) -> None:
    try:
        record = Leaf.parse(data).record
    except (Unsupported, Malformed):
        return  # listed nowhere, or not understood yet: it can only void more
    if (namespace_about(record) or "").lower() != namespace.lower():
        return
    key_set: KeySet | None = None
    match record:
        case Release():
            releases.append(record)
            keys.add(record.signer)
        case Identity():
            key_set = record.claim.key_set
        case Keys() | Recover():
            key_set = record.key_set
    if key_set is not None:
        keys.update((*key_set.controllers, *(signer.key for signer in key_set.signers)))
