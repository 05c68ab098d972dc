"""The rows of the table. Each function makes what it needs, measures all contenders in turns and returns its rows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench import data
from tests.bench.measure import Row, Sample, Spread, in_turns, ratios, run
from tests.bench.peer import Peer
from tests.bench.scale import Scale
from tests.bench.sequencer import sequencer
from tests.bench.web import web
from tests.bench.world import World


def verify(scale: Scale, folder: Path) -> list[Row]:
    """(a) Verify a folder with its evidence beside it, against `model_signing verify key` on the same files."""
    peer = Peer.with_new_key(folder / "peer")
    rows = []
    with World(folder / "registry") as world:
        cases = [
            (f"verify 1 x {_bytes(scale.large)}", data.one_large(folder / "large", scale.large), 3.0),
            (
                f"verify {scale.many} files, {_bytes(scale.many_bytes)}",
                data.many_small(folder / "many", scale.many, scale.many_bytes),
                2.0,
            ),
        ]
        for name, model, wanted in cases:
            signature = peer.sign(model)
            evidence = world.publish(model, f"bench/{model.name}")
            samples = in_turns(
                {
                    "ours": world.verify(model, f"bench/{model.name}", evidence),
                    "peer": peer.verify(model, signature),
                },
                scale.rounds,
            )
            ours, theirs = _walls(samples["ours"]), _walls(samples["peer"])
            note = f"CPU {_cpu(samples['ours']):.2f} s against {_cpu(samples['peer']):.2f} s"
            rows.append(Row(name, "s", ours, "model_signing", theirs, ratios(theirs, ours), wanted, True, note))
    return rows


def start(scale: Scale, folder: Path) -> list[Row]:
    """(b) CPU seconds of the smallest uses, as multiples of starting Python."""
    with World(folder / "registry") as world:
        model = data.ten_small(folder / "ten")
        evidence = world.publish(model, "bench/ten")
        contenders: dict[str, Callable[[], Sample]] = {
            "python": lambda: run([sys.executable, "-c", "pass"], os.environ),
            "help": lambda: run([world.program, "--help"], world.env),
            "verify": world.verify(model, "bench/ten", evidence),
        }
        samples = in_turns(contenders, scale.rounds * 3)
    bare = _cpus(samples["python"])
    return [
        Row(
            name, "CPU s", _cpus(samples[key]), "python -c pass", bare, ratios(_cpus(samples[key]), bare), wanted, False
        )
        for key, name, wanted in (
            ("help", "modelseal --help", 6.0),
            ("verify", "verify ten small files, offline", 14.0),
        )
    ]


ROWS: Mapping[str, Callable[[Scale, Path], list[Row]]] = {
    "verify": verify,
    "start": start,
    "web": web,
    "sequencer": sequencer,
}


def _walls(samples: Sequence[Sample]) -> tuple[float, ...]:
    return tuple(sample.wall for sample in samples)


def _cpus(samples: Sequence[Sample]) -> tuple[float, ...]:
    return tuple(sample.cpu for sample in samples if sample.cpu is not None)


def _cpu(samples: Sequence[Sample]) -> float:
    return Spread.of(_cpus(samples)).median


def _bytes(count: int) -> str:
    return f"{count / 1e9:g} GB" if count >= 1e9 else f"{count / 1e6:g} MB"
