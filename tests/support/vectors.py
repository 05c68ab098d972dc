"""Vectors: cases that any language can read (manifests/vectors/README.md). One file is one case.

expect: malformed
comment: a backslash separates folders on Windows
                                                      an empty line; then the input, byte for byte
a\\b
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelseal.errors import Malformed, Refused, Unsupported
from modelseal.state import State

MANIFESTS = Path(__file__).parent.parent.parent / "manifests"
VECTORS = MANIFESTS / "vectors"

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Vector:
    """`given` are headers that the case needs, `gives` those that a reader must come to if it expects ok."""

    path: str  # folder/phrase-with-dashes
    expect: str
    comment: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def get(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    def need(self, name: str) -> str:
        found = self.get(name)
        assert found is not None, f"{self.path}: no header {name}"
        return found

    @property
    def text(self) -> str:
        return self.body.decode()

    def encode(self) -> bytes:
        lines = [("expect", self.expect), ("comment", self.comment), *self.headers]
        for name, value in lines:
            assert re.fullmatch(r"[a-z0-9-]+", name) and "\n" not in value, f"{self.path}: {name}"
        return "".join(f"{name}: {value}\n" for name, value in lines).encode() + b"\n" + self.body

    @classmethod
    def parse(cls, path: str, data: bytes) -> Vector:
        head, _, body = data.partition(b"\n\n")
        lines = [tuple(line.split(": ", 1)) for line in head.decode().split("\n")]
        (_, expect), (_, comment), *others = [(line[0], line[1]) for line in lines]
        return cls(path, expect, comment, body, tuple(others))


def vector(
    folder: str, phrase: str, expect: str, body: bytes | str, headers: Iterable[tuple[str, str]] = (), comment: str = ""
) -> Vector:
    """Return the case *phrase*, which names its file; *comment* says what the phrase does not."""
    name = re.sub(r"[^a-z0-9]+", "-", phrase.lower()).strip("-")
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    return Vector(f"{folder}/{name}", expect, comment or phrase, data, tuple(headers))


def load(folder: str) -> list[Vector]:
    """Return the vectors that stand in *folder*, below manifests/vectors/."""
    found = [_read(path) for path in sorted((VECTORS / folder).iterdir())]
    assert found, f"no vectors in {folder}"
    return found


def one(path: str) -> Vector:
    return _read(VECTORS / path)


def _read(path: Path) -> Vector:
    return Vector.parse(path.relative_to(VECTORS).as_posix(), path.read_bytes())


def name_of(case: Vector) -> str:
    """For `pytest.mark.parametrize(..., ids=name_of)`."""
    return case.path.rpartition("/")[2]


Run = Callable[[Vector], Iterable[tuple[str, str]]]


def check(case: Vector, run: Run) -> None:
    """Read *case* with *run*, which returns what it found as headers; each must be what the case says."""
    found: list[tuple[str, str]] = []
    try:
        found = list(run(case))
        outcome = "ok"
    except Unsupported:
        outcome = "unsupported"
    except Malformed:
        outcome = "malformed"
    except Refused:
        outcome = "refused"
    assert outcome == case.expect, f"{case.path}: {case.comment}"
    for name in dict.fromkeys(name for name, _ in found):
        assert [value for key, value in found if key == name] == case.all(name), f"{case.path}: {name}"


def observed(found: State) -> list[tuple[str, str]]:
    """Say of each commit that was observed or withdrawn how often, and why."""
    said = []
    for repo, known in found.observed.items():
        seen = [one.observation.revision for one in known.sightings]
        for commit in dict.fromkeys([*seen, *known.withdrawn]):
            voided = known.withdrawn.get(commit)
            said.append(("observed", f"{repo} {commit} {seen.count(commit)} {voided.reason if voided else 'valid'}"))
    return said


def changes(data: bytes, *, thorough: bool = False) -> Iterator[tuple[int, bytes]]:
    """Yield *data* with one byte changed, for every byte: (place, bytes). *thorough*: to every other value."""
    for at, byte in enumerate(data):
        for flip in range(1, 256) if thorough else (0x01, 0x20, 0x80):  # the next one, other case, no ASCII
            yield at, data[:at] + bytes([byte ^ flip]) + data[at + 1 :]


def truncations(data: bytes) -> Iterator[bytes]:
    """Yield every proper prefix of *data*, the empty one included."""
    for end in range(len(data)):
        yield data[:end]
