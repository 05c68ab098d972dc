"""Where the time of verify and sign goes, and the least that anything could take for the same bytes.

`python -m tests.bench --profile CASE`. Each figure is the smallest of several rounds: what a machine does besides only
adds to it. CPU seconds are those of all threads; on as many cores, no command can end sooner than its share of them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import blake3

from tests.bench import data, steps
from tests.bench.hashes import each_by
from tests.bench.measure import Sample, environment, in_turns, run
from tests.bench.peer import Peer
from tests.bench.scale import Scale
from tests.bench.steps import Seconds
from tests.bench.world import World

CASES: Mapping[str, Callable[[Scale, Path], Path]] = {
    "ten": lambda scale, to: data.ten_small(to),
    "large": lambda scale, to: data.one_large(to, scale.large),
    "many": lambda scale, to: data.many_small(to, scale.many, scale.many_bytes),
    "shards": lambda scale, to: data.shards(to, 4, scale.shard),
}
_BLOCK = 1 << 20  # bytes
_TRIED = 256 << 20  # bytes hashed to know a speed


def profile(case: str, scale: Scale, folder: Path, world: World) -> str:
    """Return the table of one case."""
    model = CASES[case](scale, folder / "model")
    files = sorted(path for path in model.rglob("*") if path.is_file())
    total, names = sum(path.stat().st_size for path in files), [str(path.relative_to(model)) for path in files]
    peer, repo = Peer.with_new_key(folder / "peer"), f"bench/{case}"
    signature, evidence = peer.sign(model), world.publish(model, repo)
    out = folder / "steps.json"
    commands = {
        "verify": world.verify_argv(model, repo, evidence, "--recheck")[1:],
        "sign": world.sign_argv(model, repo)[1:],
    }
    found: dict[str, dict[str, Seconds]] = {what: {} for what in commands}

    def stepped(what: str) -> Sample:
        sample = run([sys.executable, steps.__file__, out, *commands[what]], world.env)
        measured = {label: (cpu, wall) for label, (cpu, wall) in json.loads(out.read_text()).items()}
        spent = [sum(one[i] for one in measured.values()) for i in (0, 1)]
        measured["starting, output, ending"] = ((sample.cpu or 0.0) - spent[0], sample.wall - spent[1])
        measured["the whole"] = (sample.cpu or 0.0, sample.wall)
        for label, one in measured.items():
            before = found[what].get(label, one)
            found[what][label] = (min(before[0], one[0]), min(before[1], one[1]))
        return sample

    others = {
        "python -c pass": lambda: run([sys.executable, "-c", "pass"], environment()),
        "model_signing verify": peer.verify(model, signature),
        "openssl dgst -sha256": each_by(["openssl", "dgst", "-sha256"], names, model),
        "reading the files, nothing else": lambda: _reading(files),
        "blake3 of as many bytes in memory": lambda: _in_memory(total, lambda: blake3.blake3(max_threads=1).update),
        "sha256 of as many bytes in memory": lambda: _in_memory(total, lambda: hashlib.sha256().update),
    }
    if shutil.which("b3sum"):
        others["b3sum"] = lambda: run(["b3sum", *names], environment(), model)
    with world.asleep():
        samples = in_turns(
            {"verify": lambda: stepped("verify"), "sign": lambda: stepped("sign"), **others}, scale.rounds
        )
    least = {name: _least(samples[name]) for name in others}
    return "\n".join(_table(f"{case}: {len(files)} files, {total / 1e6:,.0f} MB", found, least))


def _table(title: str, found: Mapping[str, Mapping[str, Seconds]], others: Mapping[str, Seconds]) -> Iterator[str]:
    yield f"{title:<44}{'CPU s':>8}{'wall s':>8}"
    for what, parts in found.items():
        yield what
        for label, (cpu, wall) in sorted(parts.items(), key=lambda part: part[1]):
            yield f"    {label:<40}{cpu:>8.3f}{wall:>8.3f}"
    yield "others"
    for label, (cpu, wall) in others.items():
        yield f"    {label:<40}{cpu:>8.3f}{wall:>8.3f}"


def _least(samples: list[Sample]) -> Seconds:
    return min(sample.cpu or 0.0 for sample in samples), min(sample.wall for sample in samples)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _reading(files: list[Path]) -> Sample:
    """Read all files, with a thread for each core."""
    left, before = list(files), (time.process_time(), time.perf_counter())

    def work() -> None:
        buffer = bytearray(_BLOCK)
        while left:
            try:
                path = left.pop()
            except IndexError:
                return
            with io.FileIO(path) as file:
                while file.readinto(buffer):
                    pass

    threads = [threading.Thread(target=work) for _ in range(_cores())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Sample(time.perf_counter() - before[1], time.process_time() - before[0])


def _in_memory(total: int, hasher: Callable[[], Callable[[bytes], object]]) -> Sample:
    """Hash some bytes that lie in the processor's cache, in one thread; return what *total* would take on all cores."""
    update, block, before = hasher(), bytes(_BLOCK), time.process_time()
    for _ in range(_TRIED // _BLOCK):
        update(block)
    cpu = (time.process_time() - before) * total / _TRIED
    return Sample(cpu / _cores(), cpu)
