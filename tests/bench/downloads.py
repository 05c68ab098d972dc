"""What `get` costs beside the download and the hashing, which whoever wants to be sure has to pay anyway."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench import data
from tests.bench.measure import Row, Sample, in_turns, others_busy, ratios, run
from tests.bench.scale import Scale
from tests.bench.world import World
from tests.support import make
from tests.support.hub import Hub

REPO = "bench/get"
OWN_S = 0.3  # CPU seconds for the log's answer, the Hub's listing, the comparison, and the names

# The Hub's own client, then each byte through the two digests that a seal has, once.
_BY_HAND = """
import hashlib, os, sys
import blake3
from huggingface_hub import snapshot_download
block = memoryview(bytearray(1 << 20))
top = snapshot_download(sys.argv[1], revision=sys.argv[2], cache_dir=sys.argv[3])
for above, _, names in os.walk(top):
    for name in names:
        sha256, other = hashlib.sha256(), blake3.blake3()
        with open(os.path.join(above, name), "rb", buffering=0) as file:
            while count := file.readinto(block):
                sha256.update(block[:count])
                other.update(block[:count])
        sha256.digest(), other.digest()
"""


def get(scale: Scale, folder: Path, world: World) -> list[Row]:
    """CPU seconds of downloading 200 small files and four of weights from a Hub on this machine into an empty cache."""
    model = data.shards(folder / "model", 4, scale.shard // 8)
    world.publish(model, REPO)
    commit, count = make.revision(1), itertools.count()
    with Hub() as hub:
        hub.commit(f"models/{REPO}", {path.name: path.read_bytes() for path in model.iterdir()}, id=commit)
        env = world.env | {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

        def into(*argv: str | Path) -> Callable[[], Sample]:
            def measured() -> Sample:
                cache = folder / f"cache-{next(count)}"
                sample = run([*argv, cache], env)
                shutil.rmtree(cache)
                return sample

            return measured

        contenders = {
            "by hand": into(sys.executable, "-c", _BY_HAND, REPO, commit),
            "get": into(world.program, "get", f"{REPO}@{commit}", "--cache-dir"),
        }
        samples = in_turns(contenders, scale.rounds)
    ours, theirs = (tuple(one.cpu for one in samples[key] if one.cpu is not None) for key in ("get", "by hand"))
    limit = tuple(one + OWN_S for one in theirs)
    size = sum(path.stat().st_size for path in model.iterdir()) / 1e6
    note = f"{size:.0f} MB{others_busy(samples['get'])}"
    other = f"snapshot_download, both digests, {OWN_S} s"
    return [Row("get into an empty cache", "CPU s", ours, other, limit, ratios(ours, limit), 1.0, False, note)]
