"""`python -m tests.bench`: one table for people on stdout, one JSON file for machines."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from tests.bench.measure import Row, Spread
from tests.bench.profile import CASES, profile
from tests.bench.rows import ROWS
from tests.bench.scale import FULL, SMOKE, Scale
from tests.bench.world import World


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: does it work, not how fast")
    parser.add_argument("--only", action="append", choices=list(ROWS), help="these rows only (repeat)")
    parser.add_argument("--profile", choices=list(CASES), help="instead: where the time of verify and sign goes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single measurement there")
    options = parser.parse_args()
    # A stop from outside must remove the big files too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    scale = SMOKE if options.smoke else FULL
    if options.profile:
        print(_profile(options.profile, scale))
        return
    before, begin = _load(), time.time()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="modelseal-bench-") as top, World(Path(top) / "world") as world:
        for name in options.only or ROWS:
            print(f"bench: {name} ...", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(dir=top) as folder:
                found = ROWS[name](scale, Path(folder), world)
            rows += found
            print(table(found), file=sys.stderr, flush=True)  # so that a failure later on does not take it along
    machine = {
        "cores": os.cpu_count(),
        "load_before": before,
        "load_after": _load(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in ("modelseal", "granian", "flask", "cryptography", "blake3")},
        "seconds": round(time.time() - begin, 1),
    }
    print(table(rows))
    print(
        f"{machine['cores']} cores, load {before:.1f} before and {machine['load_after']:.1f} after, "
        f"Python {machine['python']}, {machine['seconds']} s; figures are medians (smallest to largest), "
        "ratios are taken round by round"
    )
    if options.smoke:
        print("smoke run: the sizes are too small for the figures to mean anything")
    if options.json:
        result = {"schema": 1, "smoke": options.smoke, "machine": machine, "rows": [_as_json(row) for row in rows]}
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def _profile(case: str, scale: Scale) -> str:
    before = _load()
    with tempfile.TemporaryDirectory(prefix="modelseal-bench-") as top, World(Path(top) / "world") as world:
        found = profile(case, scale, Path(top), world)
    return (
        f"{found}\n{os.cpu_count()} cores, load {before:.1f} before and {_load():.1f} after, each the least of rounds"
    )


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out in columns, a note below its row."""
    lines = [("ROW", "MODELSEAL", "OTHER", "RATIO", "WANTED")]
    notes = [""]
    for row in rows:
        ratio = Spread.of(row.ratio)
        lines.append(
            (
                row.name,
                f"{_spread(Spread.of(row.ours))} {row.unit}",
                f"{_spread(Spread.of(row.others))} {row.unit}, {row.other}",
                _spread(ratio),
                f"{'>=' if row.at_least else '<='} {row.wanted:g}{'' if row.reached else ' NOT REACHED'}",
            )
        )
        notes.append(row.note)
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    text = []
    for line, note in zip(lines, notes, strict=True):
        text.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if note:
            text.append(f"  {note}")
    return "\n".join(text)


def _spread(spread: Spread) -> str:
    return f"{_figure(spread.median)} ({_figure(spread.low)}-{_figure(spread.high)})"


def _figure(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _load() -> float:
    return os.getloadavg()[0]


def _as_json(row: Row) -> dict[str, object]:
    return asdict(row) | {
        "reached": row.reached,
        "median": {
            "ours": Spread.of(row.ours).median,
            "others": Spread.of(row.others).median,
            "ratio": Spread.of(row.ratio).median,
        },
    }


if __name__ == "__main__":
    main()
