"""The rows of the table. Each function makes what it needs, measures all contenders in turns and returns its rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench import data
from tests.bench.measure import Row, Sample, Spread, environment, in_turns, others_busy, ratios, run
from tests.bench.peer import Peer
from tests.bench.scale import Scale
from tests.bench.sequencer import sequencer
from tests.bench.web import web
from tests.bench.world import World


def verify(scale: Scale, folder: Path, world: World) -> list[Row]:
    """(a) Verify a folder with its evidence beside it, against `model_signing verify key` on the same files."""
    peer = Peer.with_new_key(folder / "peer")
    rows = []
    cases = (
        (f"verify 1 x {_bytes(scale.large)}", data.one_large(folder / "large", scale.large), 3.0),
        (
            f"verify {scale.many} files, {_bytes(scale.many_bytes)}",
            data.many_small(folder / "many", scale.many, scale.many_bytes),
            2.0,
        ),
    )
    for name, model, wanted in cases:
        signature = peer.sign(model)
        evidence = world.publish(model, f"bench/{model.name}")
        contenders = {
            "ours": world.verify(model, f"bench/{model.name}", evidence),
            "peer": peer.verify(model, signature),
        }
        with world.asleep():
            samples = in_turns(contenders, scale.rounds)
        ours, theirs = _walls(samples["ours"]), _walls(samples["peer"])
        note = (
            f"CPU {_cpu(samples['ours']):.2f} s against {_cpu(samples['peer']):.2f} s{others_busy(*samples.values())}"
        )
        rows.append(Row(name, "s", ours, "model_signing", theirs, ratios(theirs, ours), wanted, True, note))
    return rows


def start(scale: Scale, folder: Path, world: World) -> list[Row]:
    """(b) CPU seconds of the smallest uses, as multiples of starting Python."""
    model = data.ten_small(folder / "ten")
    evidence = world.publish(model, "bench/ten")
    contenders: dict[str, Callable[[], Sample]] = {
        "python": lambda: run([sys.executable, "-c", "pass"], environment()),
        "help": lambda: run([world.program, "--help"], world.env),
        "verify": world.verify(model, "bench/ten", evidence),
    }
    with world.asleep():
        samples = in_turns(contenders, scale.rounds * 5)
    bare, help_, verify_ = (_cpus(samples[key]) for key in contenders)
    other = "python -c pass"
    return [
        Row("modelseal --help", "CPU s", help_, other, bare, ratios(help_, bare), 6.0, False),
        Row("verify ten small files, offline", "CPU s", verify_, other, bare, ratios(verify_, bare), 14.0, False),
    ]


ROWS: Mapping[str, Callable[[Scale, Path, World], list[Row]]] = {
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
