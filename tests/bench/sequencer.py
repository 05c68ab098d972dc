"""(d) What a release costs the sequencer when its repo has many already."""

from __future__ import annotations

import time
from pathlib import Path

from modelseal_registry.quota import Quota
from modelseal_registry.registry import Registry
from tests.bench.measure import Row, ratios
from tests.bench.releases import release
from tests.bench.scale import Scale
from tests.bench.world import World
from tests.support import make
from tests.support.registry import House

BATCH = 10  # releases that are logged in one transaction and published together
SEQUENCERS = 3  # a new log for each


def sequencer(scale: Scale, folder: Path, world: World) -> list[Row]:
    """CPU of judging, committing, signing and writing the static files; taking a submission in is not counted."""
    signer = make.key("signer")
    halves: tuple[list[float], list[float]] = ([], [])
    for turn in range(SEQUENCERS):
        place = folder / str(turn)
        place.mkdir()
        house = House(place)
        house.adopt("hf://bench", [signer], [(signer, "hf://bench/*")])
        inbox = Registry(house.store, make.ORIGIN, house.public, wait_s=0, quota=Quota(10**6, 10**6, 10**6, 10**6))
        number = 0
        for half in halves:
            spent = 0.0
            for _ in range(0, scale.releases, BATCH):
                for _ in range(BATCH):
                    status, answer = inbox.submit(release(signer, "hf://bench/busy", number))
                    assert status == 202, answer
                    number += 1
                begin = time.process_time()
                house.run()
                spent += time.process_time() - begin
            half.append(spent / scale.releases)
        assert house.head().size > number, "some release was not logged"
        house.store.close()
    first, second = (tuple(half) for half in halves)
    count = scale.releases
    return [
        Row(
            name=f"sequencer, releases {count + 1} to {2 * count} of one repo",
            unit="CPU s each",
            ours=second,
            other=f"releases 1 to {count}",
            others=first,
            ratio=ratios(second, first),
            wanted=1.1,  # no more than before, and a little for noise
            at_least=False,
        )
    ]
