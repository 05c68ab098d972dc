"""What is counted, and how `/metrics` says it (Prometheus text format 0.0.4).

Each worker counts in its own row of shared memory (`shared`); whichever is asked adds them up. The library
`prometheus_client` would do the same with a file per process that lives on when the process does not.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Iterable, Mapping
from typing import Any

from modelseal_registry.shared import Counts, Shared
from modelseal_registry.static import Environ, StartResponse, Wsgi

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ROUTES = (
    "checkpoint", "tile", "index", "seal", "blob", "names", "trust", "evidence", "records", "healthz", "metrics",
    "openapi.json", "other",
)  # fmt: skip
STATUSES = (200, 202, 400, 403, 404, 405, 408, 409, 411, 413, 415, 429, 500, 503)
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds

_ROUTE = {name: at for at, name in enumerate(ROUTES)}
_STATUS = {str(status): at for at, status in enumerate(STATUSES)}
_OTHER = len(ROUTES) - 1
_SUMS = len(ROUTES) * len(STATUSES)  # before it: requests by route and status
_BUCKETS = _SUMS + len(ROUTES)  # before it: seconds by route
_PER = len(BOUNDS) + 1  # buckets of a route; the last has no bound
WIDTH = _BUCKETS + len(ROUTES) * _PER


def measured(inner: Wsgi, counts: Counts) -> Wsgi:
    """Return *inner*, counted."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        said = "500"

        def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            nonlocal said
            said = status[:3]
            return start_response(status, headers, *rest)

        try:
            return inner(environ, started)
        finally:
            seconds = time.perf_counter() - began
            route = _ROUTE.get(environ["PATH_INFO"][1:].partition("/")[0], _OTHER)
            bucket = bisect.bisect_left(BOUNDS, seconds)
            counts.add(
                (
                    (route * len(STATUSES) + _STATUS.get(said, _STATUS["500"]), 1.0),
                    (_SUMS + route, seconds),
                    (_BUCKETS + route * _PER + bucket, 1.0),
                )
            )

    return application


def text(shared: Shared, gauges: Mapping[str, tuple[str, float]]) -> bytes:
    """Return the page. *gauges*: name -> (what it says, value)."""
    totals = shared.totals()
    lines = _head("modelseal_requests_total", "counter", "Requests answered, by the first part of the path.")
    for route, at in _ROUTE.items():
        for status, place in _STATUS.items():
            if count := totals[at * len(STATUSES) + place]:
                lines.append(f'modelseal_requests_total{{route="{route}",status="{status}"}} {count:g}')
    lines += _head("modelseal_request_seconds", "histogram", "Time from a request's header to its whole answer.")
    for route, at in _ROUTE.items():
        counts = totals[_BUCKETS + at * _PER : _BUCKETS + (at + 1) * _PER]
        if not any(counts):
            continue
        done = 0.0
        for bound, count in zip((*(f"{bound:g}" for bound in BOUNDS), "+Inf"), counts, strict=True):
            done += count
            lines.append(f'modelseal_request_seconds_bucket{{route="{route}",le="{bound}"}} {done:.0f}')
        lines.append(f'modelseal_request_seconds_sum{{route="{route}"}} {totals[_SUMS + at]:.6f}')
        lines.append(f'modelseal_request_seconds_count{{route="{route}"}} {done:.0f}')
    for name, (says, value) in gauges.items():
        lines += [*_head(f"modelseal_{name}", "gauge", says), f"modelseal_{name} {value:g}"]
    return ("\n".join(lines) + "\n").encode()


def _head(name: str, kind: str, says: str) -> list[str]:
    return [f"# HELP {name} {says}", f"# TYPE {name} {kind}"]
