"""What hashing costs: verify and sign against tools that only hash, and a second verify that hashes nothing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import data
from tests.bench.measure import Row, Sample, Spread, environment, in_turns, others_busy, private_memory, ratios, run
from tests.bench.peer import Peer
from tests.bench.scale import Scale
from tests.bench.world import World

MEMORY = 120.0  # MB that verify and sign may take, whatever the size
AGAIN = 0.15  # CPU seconds that a verify of unchanged files may take beyond starting

SLACK_B3SUM, SLACK_OPENSSL = 1.15, 1.1
_LARGE = 32 << 20  # bytes: takes longer than starting a process for it


def hashes(scale: Scale, folder: Path, world: World) -> list[Row]:
    """(a) Verify and sign, hashing everything each time: one large file, many small ones, both."""
    peer = Peer.with_new_key(folder / "peer")
    rows: list[Row] = []
    cases: tuple[tuple[str, Callable[[Path], Path], float], ...] = (
        (f"1 x {_bytes(scale.large)}", lambda to: data.one_large(to, scale.large), 4.0),
        (
            f"{scale.many} files, {_bytes(scale.many_bytes)}",
            lambda to: data.many_small(to, scale.many, scale.many_bytes),
            4.0,
        ),
        (f"4 x {_bytes(scale.shard)} and small files", lambda to: data.shards(to, 4, scale.shard), 3.0),
    )
    for number, (name, make, wanted) in enumerate(cases):
        model = make(folder / f"model-{number}")
        rows += _case(name, model, wanted, scale, world, peer)
        shutil.rmtree(model)  # the next one needs the room, on disk and in memory
    return rows


def _case(name: str, model: Path, wanted: float, scale: Scale, world: World, peer: Peer) -> list[Row]:
    repo = f"bench/{model.name}"
    files = sorted(str(path.relative_to(model)) for path in model.rglob("*") if path.is_file())
    signature, evidence = peer.sign(model), world.publish(model, repo)
    verify, sign = world.verify_argv(model, repo, evidence, "--recheck"), world.sign_argv(model, repo)
    contenders = {
        "verify": lambda: run(verify, world.env),
        "sign": lambda: run(sign, world.env),
        "sign, sha256 only": lambda: run([*sign, "--hash", "sha256"], world.env),
        "model_signing": peer.verify(model, signature),
        "openssl": each_by(["openssl", "dgst", "-sha256"], files, model),
    }
    if shutil.which("b3sum"):
        contenders["b3sum"] = lambda: run(["b3sum", *files], environment(), model)
    with world.asleep():
        samples = in_turns(contenders, scale.rounds)
    busy = others_busy(*samples.values())

    def row(what: str, ours: str, other: str, wanted: float, at_least: bool) -> Row:
        mine, theirs = _walls(samples[ours]), _walls(samples[other])
        ratio = ratios(theirs, mine) if at_least else ratios(mine, theirs)
        note = f"CPU {_cpu(samples[ours]):.2f} s against {_cpu(samples[other]):.2f} s{busy}"
        return Row(f"{what} {name}", "s", mine, other, theirs, ratio, wanted, at_least, note)

    rows = [row("verify", "verify", "model_signing", wanted, True)]
    if "b3sum" in samples:
        rows.append(row("verify", "verify", "b3sum", SLACK_B3SUM, False))
    else:
        print("bench: b3sum is not installed, its rows are left out (Debian: apt install b3sum)", file=sys.stderr)
    for what in ("sign", "sign, sha256 only"):  # the difference is what the second digest costs
        rows.append(row(what, what, "openssl", SLACK_OPENSSL, False))
    for what, argv in (("verify", verify), ("sign", sign)):
        if (peak := private_memory(argv, world.env)) is not None:
            share = (peak / MEMORY,)
            rows.append(Row(f"private memory of {what} {name}", "MB", (peak,), "limit", (MEMORY,), share, 1.0, False))
    return rows


def again(scale: Scale, folder: Path, world: World) -> list[Row]:
    """(c) Verify unchanged files again, digests from the cache: CPU beyond that of verifying ten small files."""
    small, many = data.ten_small(folder / "ten"), data.many_small(folder / "many", scale.many, scale.many_bytes)
    contenders = {
        model.name: world.verify(model, f"bench/again-{model.name}", world.publish(model, f"bench/again-{model.name}"))
        for model in (small, many)
    }
    with world.asleep():
        data.wait_until_settled(many)
        samples = in_turns(contenders, scale.rounds * 3)
    start, whole = _cpus(samples["ten"]), _cpus(samples["many"])
    beyond = tuple(b - a for a, b in zip(start, whole, strict=True))
    limit = (AGAIN,) * len(beyond)
    note = f"CPU {_cpu(samples['many']):.2f} s, of ten small files {_cpu(samples['ten']):.2f} s"
    name = f"verify {scale.many} unchanged files again"
    note += others_busy(*samples.values())
    return [Row(name, "CPU s", beyond, "limit", limit, ratios(beyond, limit), 1.0, False, note)]


def each_by(argv: list[str], files: Sequence[str], cwd: Path) -> Callable[[], Sample]:
    """Return what runs a program that uses one core over all files, on as many cores as we use: as people would.

    Large files one to a process, so that no core waits while another has several of them; then small ones in groups.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    large = [name for name in files if (cwd / name).stat().st_size >= _LARGE]
    small = sorted(set(files) - set(large))
    at_once = max(1, min(100, len(small) // cores))
    program = " ".join(argv)
    shell = (
        f'n=$1; shift; printf "%s\\0" "$@" | head -z -n "$n" | xargs -0 -r -P {cores} -n 1 {program} &&'
        f' printf "%s\\0" "$@" | tail -z -n +$((n + 1)) | xargs -0 -r -P {cores} -n {at_once} {program}'
    )
    return lambda: run(["sh", "-c", shell, "sh", str(len(large)), *large, *small], environment(), cwd)


def _walls(samples: Sequence[Sample]) -> tuple[float, ...]:
    return tuple(sample.wall for sample in samples)


def _cpus(samples: Sequence[Sample]) -> tuple[float, ...]:
    return tuple(sample.cpu for sample in samples if sample.cpu is not None)


def _cpu(samples: Sequence[Sample]) -> float:
    return Spread.of(_cpus(samples)).median


def _bytes(count: int) -> str:
    return f"{count / 1e9:g} GB" if count >= 1e9 else f"{count / 1e6:g} MB"
