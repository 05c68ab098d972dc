"""(e) What it costs to believe a log: signatures and rules, no files, no network. Several cores can share it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from modelseal import replay
from modelseal.formats.leaves import Leaf, Submission, encode_leaf
from modelseal.state import State
from tests.bench.measure import Row, ratios
from tests.bench.releases import release
from tests.bench.scale import Scale
from tests.bench.world import World
from tests.support import make
from tests.support.make import NOW, ORIGIN

OPS, ANA, CI = make.key("ops"), make.key("ana"), make.key("ci")


def replays(scale: Scale, folder: Path, world: World) -> list[Row]:
    """Leaf texts -> State, CPU of one process. The other column is the goal, not a program."""
    count = scale.records
    return [
        _row(scale, f"replay of {count} namespace records", _namespaces(count), "5 s for 10,000", count / 10_000 * 5),
        _row(scale, f"replay of {count} releases", _releases(count), "2,000 a second", count / 2_000),
    ]


def _row(scale: Scale, name: str, leaves: list[bytes], other: str, goal: float) -> Row:
    ours = tuple(_spent(lambda: _fold(leaves)) for _ in range(scale.rounds))
    goals = (goal,) * len(ours)
    return Row(name, "CPU s", ours, other, goals, ratios(ours, goals), 1.0, False)


def _spent(act: Callable[[], None]) -> float:
    begin = time.process_time()
    act()
    return time.process_time() - begin


def _fold(leaves: list[bytes]) -> None:
    refused = replay.fold(State(ORIGIN), ((index, Leaf.parse(data)) for index, data in enumerate(leaves)))
    assert refused == []


def _leaf(submission: bytes) -> bytes:
    found = Submission.parse(submission)
    return encode_leaf(found.text, found.signatures, NOW)


def _begun() -> list[bytes]:
    return [encode_leaf(make.operators([OPS]), (), NOW)]


def _namespaces(count: int) -> list[bytes]:
    """Half of them identities (two signatures, operators' and owner's), half changes of keys (one)."""
    leaves = _begun()
    for number in range(count // 2):
        name = f"hf://owner-{number}"
        claim = make.claim(name, [ANA], [(CI, f"{name}/*")])
        leaves.append(_leaf(make.submission(make.identity(claim, [ANA]), [OPS])))
        new = make.key_set([ANA], [(CI, f"{name}/*"), (ANA, f"{name}/*")])
        leaves.append(_leaf(make.submission(make.keys(name, new, seq=2, prev=make.digest(claim)), [ANA])))
    return leaves


def _releases(count: int) -> list[bytes]:
    leaves = _begun()
    claim = make.claim("hf://bench", [ANA], [(CI, "hf://bench/*")])
    leaves.append(_leaf(make.submission(make.identity(claim, [ANA]), [OPS])))
    for number in range(count):
        leaves.append(_leaf(release(CI, f"hf://bench/repo-{number % 50}", number)))
    return leaves
