"""Verify with a registry that is asked: the first time on a machine, and every time after."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from tests.bench import data
from tests.bench.measure import Row, Sample, in_turns, others_busy, ratios, run
from tests.bench.scale import Scale
from tests.bench.world import World

COLD, WARM = 0.35, 0.2  # CPU seconds


def online(scale: Scale, folder: Path, world: World) -> list[Row]:
    """CPU seconds of verifying ten small files: cold, with a trust root in a file and nothing else (it is checked and
    refreshed, the evidence is asked for, the head is remembered); warm, in a home that knows all that."""
    model = data.ten_small(folder / "ten")
    world.publish(model, "bench/online")
    saved = folder / "registry.trust"
    run([world.program, "trust", "save", saved], world.env)
    argv: list[str | Path] = [world.program, "verify", model, "--repo", "bench/online"]
    count = itertools.count()

    def cold() -> Sample:
        home = folder / f"home-{next(count)}"
        return run(argv, world.env | {"MODELSEAL_HOME": str(home), "MODELSEAL_TRUST": str(saved)})

    contenders: dict[str, Callable[[], Sample]] = {"cold": cold, "warm": lambda: run(argv, world.env)}
    samples = in_turns(contenders, scale.rounds * 3)
    rows = []
    for name, wanted in (("cold", COLD), ("warm", WARM)):
        ours = tuple(sample.cpu for sample in samples[name] if sample.cpu is not None)
        limit = (wanted,) * len(ours)
        title, note = f"verify ten small files, {name}, asking", others_busy(samples[name]).lstrip("; ")
        rows.append(Row(title, "CPU s", ours, "limit", limit, ratios(ours, limit), 1.0, False, note))
    return rows
