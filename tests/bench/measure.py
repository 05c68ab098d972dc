"""Run contenders in turns and compare them round by round.

On a shared machine only what was measured side by side can be compared: every round runs each contender once, the order
turns from round to round, and a ratio is taken within its round. The median of those is the figure.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds by the clock, CPU seconds (None where unknown), and how many things were done in it.

    *foreign*: how many cores were busy with something else meanwhile (None where unknown). A program that uses all
    cores loses more by that than one that uses one.
    """

    wall: float
    cpu: float | None
    done: int = 1
    foreign: float | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest and largest of several figures."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        return cls(statistics.median(figures), min(figures), max(figures))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: our figures and another's, and what the ratio should at least (or at most) be."""

    name: str
    unit: str
    ours: tuple[float, ...]
    other: str
    others: tuple[float, ...]
    ratio: tuple[float, ...]  # one per round, so that > wanted is good if `at_least`
    wanted: float
    at_least: bool
    note: str = ""

    @property
    def reached(self) -> bool:
        median = statistics.median(self.ratio)
        return median >= self.wanted if self.at_least else median <= self.wanted


def in_turns(contenders: Mapping[str, Callable[[], Sample]], rounds: int, warm: bool = True) -> dict[str, list[Sample]]:
    """Run each contender once per round, in an order that turns; a first round fills the caches and is not kept."""
    names = list(contenders)
    if warm:
        for name in names:
            contenders[name]()
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(contenders[name]())
    return samples


def run(argv: Sequence[str | Path], env: Mapping[str, str], cwd: Path | None = None) -> Sample:
    """Run a program to its end. RuntimeError with its last words if it does not end 0."""
    before, begin = busy(), time.perf_counter()
    with subprocess.Popen(
        [str(word) for word in argv], env=dict(env), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read()  # to its end, so the program has nothing more to say when it is waited for
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        after = busy()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        words = output.decode(errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(map(str, argv))}: ended {process.returncode}\n{words}")
    cpu = usage.ru_utime + usage.ru_stime
    return Sample(wall, cpu, foreign=foreign(before, after, cpu, wall))


def private_memory(argv: Sequence[str | Path], env: Mapping[str, str]) -> float | None:
    """Run a program to its end; return the MB that it alone had at most, as seen every 10 ms; None where unknown.

    Not `ru_maxrss`: that of a child begins with what its parent had.
    """
    most = 0
    with subprocess.Popen([str(word) for word in argv], env=dict(env), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                break
            most = max(most, sum(int(line.split()[1]) for line in lines if line.startswith("Private_")))
            time.sleep(0.01)
    return most / 1000 if most else None


def foreign(before: float | None, after: float | None, ours: float, wall: float) -> float | None:
    """Return how many cores were busy with other things: `busy` before and after, our CPU seconds, seconds passed."""
    return None if before is None or after is None else max(0.0, (after - before - ours) / wall)


def busy() -> float | None:
    """CPU seconds that all cores together have spent on anything since the start of the machine; None if unknown."""
    try:
        with open("/proc/stat") as stat:
            user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, stat.readline().split()[1:])
    except OSError:
        return None
    return (user + nice + system + irq + softirq) / TICKS


def environment() -> dict[str, str]:
    """Return the environment for contenders: as this machine's user has it, but what Python compiles may be kept, as it
    is wherever a program is installed, and nothing is set up for ModelSeal or the Hub."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith(("MODELSEAL_", "HF_"))
    }


def cpu_of_tree(pid: int) -> float | None:
    """CPU seconds of a process and its living descendants until now; None where /proc does not tell."""
    parent: dict[int, int] = {}
    spent: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold spaces; what follows it does not.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        child = int(stat.parent.name)
        parent[child], spent[child] = int(fields[1]), int(fields[11]) + int(fields[12])
    if pid not in spent:
        return None
    tree = {pid}
    while more := {child for child, above in parent.items() if above in tree} - tree:
        tree |= more
    return sum(spent[member] for member in tree) / TICKS


def others_busy(*rows: Sequence[Sample]) -> str:
    """Say how busy the machine was with other things while these were measured."""
    known = [sample.foreign for row in rows for sample in row if sample.foreign is not None]
    return f"; {statistics.median(known):.1f} cores were busy with other things" if known else ""


def ratios(above: Sequence[float], below: Sequence[float]) -> tuple[float, ...]:
    """Return above / below, round by round."""
    return tuple(a / b for a, b in zip(above, below, strict=True))
