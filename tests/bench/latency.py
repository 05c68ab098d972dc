"""(d) How long a lone publisher waits for the proof, against what it cannot do without: the batch and the disk."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from modelseal_registry.config import Place
from modelseal_registry.sequencer import BATCH_S
from modelseal_registry.store import open_store
from tests.bench.measure import Row, ratios
from tests.bench.releases import release
from tests.bench.scale import Scale
from tests.bench.web import _ask
from tests.bench.world import NAMESPACE, World

EACH = 15  # submissions, and commits, in a round


def latency(scale: Scale, folder: Path, world: World) -> list[Row]:
    """Median of the time from sending a release until its proof is here; the other: three commits and the batch."""
    store = open_store(Place(world.dir).database)
    ours, others = [], []
    for number in range(scale.rounds):
        commits, answers = [], []
        for each in range(EACH):
            begin = time.perf_counter()
            with store.write() as tx:  # the registry's own database and disk
                tx.usage.add("bench", each)
            commits.append(time.perf_counter() - begin)
            sent = release(world.signer, f"hf://{NAMESPACE}/latency", number * EACH + each, world.origin)
            begin = time.perf_counter()
            status, body = _ask(world.url, "POST", "/records", sent)
            answers.append(time.perf_counter() - begin)
            if status != 200:
                raise RuntimeError(f"not logged: status {status}: {body[:500]!r}")
        ours.append(statistics.median(answers))
        others.append(3 * statistics.median(commits) + BATCH_S)
    store.close()
    name = "publish, from sending to the proof"
    note = f"a commit is {1000 * (statistics.median(others) - BATCH_S) / 3:.1f} ms"
    goals = tuple(others)
    return [Row(name, "s", tuple(ours), "3 commits + batch wait", goals, ratios(ours, goals), 1.0, False, note)]
