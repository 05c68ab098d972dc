"""The rows of the table. Each function makes what it needs, measures all contenders in turns and returns its rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench import data
from tests.bench.downloads import get
from tests.bench.guard import guard
from tests.bench.hashes import again, hashes
from tests.bench.latency import latency
from tests.bench.measure import Row, Sample, environment, in_turns, ratios, run
from tests.bench.online import online
from tests.bench.replays import replays
from tests.bench.scale import Scale
from tests.bench.sequencer import sequencer
from tests.bench.web import web
from tests.bench.world import World


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
    "hashes": hashes,
    "start": start,
    "again": again,
    "online": online,
    "get": get,
    "guard": guard,
    "web": web,
    "latency": latency,
    "sequencer": sequencer,
    "replays": replays,
}


def _cpus(samples: Sequence[Sample]) -> tuple[float, ...]:
    return tuple(sample.cpu for sample in samples if sample.cpu is not None)
