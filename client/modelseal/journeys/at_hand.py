"""What lies already where a release is to be put: what of it is right, what is wrong, what does not belong there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from modelseal.folders import Listing, Problem
from modelseal.formats.manifest import File
from modelseal.hashing import Digests
from modelseal.journeys.digests import BOTH, SHA256, Hashed, Hashing, hashed
from modelseal.values import dataclass

Expected = Mapping[str, File]  # every file of the release, by name


@dataclass(frozen=True, slots=True)
class AtHand:
    right: Hashed = Hashed({})  # by name
    wrong: tuple[str, ...] = ()  # files of the release with other bytes
    foreign: tuple[str, ...] = ()  # files that are not of the release
    problems: tuple[Problem, ...] = ()  # what is no file at all
    blobs: Mapping[str, str] = field(default_factory=dict)  # names of `right` that have no place yet -> their blob
    parts: tuple[tuple[Listing, frozenset[str]], ...] = ()  # where each of `right` lies


def digests_of(expected: Iterable[File]) -> frozenset[str]:
    """Return which digests the release has of its files."""
    return BOTH if all(file.blake3 is not None for file in expected) else SHA256


def is_right(file: File, found: Digests) -> bool:
    """Whether *found* are the bytes of *file*, by every digest that is known of it."""
    return (
        found.size == file.size
        and found.sha256 == file.sha256
        and (file.blake3 is None or found.blake3 is None or found.blake3 == file.blake3)
    )


def look(listing: Listing, expected: Expected, hashing: Hashing, *, quiet: bool) -> AtHand:
    """Return what of *listing* is right: files of the right size are hashed, as far as the cache does not know them."""
    sizes = {found.name: found.size for found in listing.files}
    likely = [name for name, size in sizes.items() if name in expected and expected[name].size == size]
    right = among(listing, likely, expected, hashing, quiet=quiet)
    return AtHand(
        right,
        tuple(name for name in sizes if name in expected and name not in right.digests),
        tuple(name for name in sizes if name not in expected),
        listing.problems,
        parts=((listing, frozenset(right.digests)),) if right.digests else (),
    )


def among(listing: Listing, likely: list[str], expected: Expected, hashing: Hashing, *, quiet: bool) -> Hashed:
    """Return those of the files *likely* whose bytes are right."""
    if not likely:
        return Hashed({})
    found = hashed(listing, likely, digests_of(expected.values()), hashing, quiet=quiet)
    return replace(found, digests={name: one for name, one in found.digests.items() if is_right(expected[name], one)})
