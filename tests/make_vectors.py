"""`python -m tests.make_vectors` writes manifests/vectors/ and manifests/samples/ again, the same bytes each time.

What is written by hand there stays; what is no longer made is removed.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.support.vectors import MANIFESTS
from tests.vectors import (
    compares,
    decisions,
    findings,
    histories,
    keys,
    notes,
    policies,
    records,
    samples,
    texts,
    trees,
)

BY_HAND = {
    "vectors/README.md",
    "samples/README.md",
    "samples/small/by-hand.sh",
    "samples/all-MiniLM-L6-v2/files.txt",
}


def build() -> dict[str, bytes]:
    """Return path below manifests/ -> bytes of everything that is made."""
    made: dict[str, bytes] = {}
    modules = (texts, keys, records, findings, notes, policies, trees, histories, decisions, compares)
    for case in itertools.chain.from_iterable(module.make_vectors() for module in modules):
        path = f"vectors/{case.path}"
        assert path not in made, path
        made[path] = case.encode()
    made |= {f"samples/{path}": data for path, data in samples.make().items()}
    return made


def main() -> None:
    made = build()
    for path in found(MANIFESTS):
        if path not in made:
            (MANIFESTS / path).unlink()
    for path, data in made.items():
        target = MANIFESTS / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != data:
            target.write_bytes(data)


def found(manifests: Path) -> list[str]:
    """Return what stands in the two folders and was made, as `build` names it."""
    files = [path for folder in ("vectors", "samples") for path in (manifests / folder).rglob("*") if path.is_file()]
    return sorted({path.relative_to(manifests).as_posix() for path in files} - BY_HAND)


if __name__ == "__main__":
    main()
