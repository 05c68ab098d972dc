"""(c) The registry's answers, against a Flask view that has its bytes ready: one server, set alike, the same sizes."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from modelseal.formats import paths
from modelseal_registry import config
from tests.bench import nginx
from tests.bench.load import ROOT, load
from tests.bench.measure import Row, Sample, in_turns, others_busy, ratios
from tests.bench.releases import release
from tests.bench.scale import Scale
from tests.bench.world import NAMESPACE, World

SENDERS = 16  # at once: a submission waits for its batch


def web(scale: Scale, folder: Path, world: World) -> list[Row]:
    rounds = scale.rounds + 1  # the first is not kept
    repos = [f"{NAMESPACE}/repo-{number}" for number in range(scale.repos * rounds)]
    _send(world, (release(world.signer, f"hf://{repo}", 0, world.origin) for repo in repos))
    hot = "/" + paths.evidence(f"hf://{repos[0]}", None)
    tile = "/" + (paths.tile(0, 0, 256) if len(repos) >= 256 else paths.CHECKPOINT)
    unasked = iter([f"/{paths.evidence(f'hf://{repo}', None)}" for repo in repos[1:]])
    sizes = {path: len(_get(world.url, path)) for path in (hot, tile)}

    workers = config.read(config.Place(world.dir)).workers
    with ExitStack() as stack:
        plain, plain_pid = stack.enter_context(_plain_view(workers))

        def ours(path: str) -> Callable[[], Sample]:
            return lambda: load(world.url, [path], seconds=scale.seconds, server=world.pid, size=sizes[path])

        def view(path: str, kind: str = "plain") -> Callable[[], Sample]:
            url = f"/{kind}/{sizes[path]}"
            return lambda: load(plain, [url], seconds=scale.seconds, server=plain_pid, size=sizes[path])

        def random() -> Sample:
            asked = [path for path, _ in zip(unasked, range(scale.repos), strict=False)]
            return load(world.url, asked, seconds=60, server=world.pid, once=True)

        contenders = {
            "hot": ours(hot),
            "view": view(hot),
            "random": random,
            "tile": ours(tile),
            "view, tile": view(tile),
            "bare": view(tile, "bare"),
        }
        if program := nginx.find():
            peer, peer_pid = stack.enter_context(
                nginx.serving(program, world.dir / "public", workers, folder / "nginx")
            )
            contenders["nginx"] = lambda: load(peer, [tile], seconds=scale.seconds, server=peer_pid, size=sizes[tile])
        else:
            print("nginx is not installed: no row against it", file=sys.stderr)
        samples = in_turns(contenders, scale.rounds)
    rows = [
        _row(f"evidence, one hot repo, {_kb(sizes[hot])}", samples["hot"], samples["view"], 0.5),
        _row("evidence, each repo once", samples["random"], samples["view"], 0.2),
        _row(f"static tile, {_kb(sizes[tile])}", samples["tile"], samples["view, tile"], 1.5),
        _row(f"static tile, {_kb(sizes[tile])}", samples["tile"], samples["bare"], 0.8, "bare WSGI"),
    ]
    if "nginx" in samples:
        rows.append(_row(f"static tile, {_kb(sizes[tile])}", samples["tile"], samples["nginx"], 0.6, "nginx"))
        rows.append(_row(f"bare WSGI, {_kb(sizes[tile])}", samples["bare"], samples["nginx"], 0.6, "nginx"))
    return rows


def _row(name: str, ours: Sequence[Sample], view: Sequence[Sample], wanted: float, other: str = "Flask view") -> Row:
    ours_rate, view_rate = _rates(ours), _rates(view)
    note = ""
    if (mine := _cost(ours)) and (theirs := _cost(view)):
        note = f"CPU {mine:.0f} us a request against {theirs:.0f} us{others_busy(ours, view)}"
    return Row(name, "/s", ours_rate, other, view_rate, ratios(ours_rate, view_rate), wanted, True, note)


def _rates(samples: Sequence[Sample]) -> tuple[float, ...]:
    return tuple(sample.done / sample.wall for sample in samples)


def _cost(samples: Sequence[Sample]) -> float | None:
    """CPU of the server, in microseconds a request; None where /proc does not tell."""
    spent = [sample.cpu for sample in samples if sample.cpu is not None]
    return 1e6 * sum(spent) / sum(sample.done for sample in samples) if spent else None


def _kb(size: int) -> str:
    return f"{size / 1000:.1f} kB"


@contextmanager
def _plain_view(workers: int) -> Iterator[tuple[str, int]]:
    """Yield URL and pid of the Flask view."""
    argv = [sys.executable, "-m", "tests.bench.plain", str(workers)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            word, _, url = server.stdout.readline().strip().partition(" ")
            if word != "READY":
                raise RuntimeError("the Flask view did not start")
            yield url, server.pid
        finally:
            server.terminate()


def _get(url: str, path: str) -> bytes:
    status, body = _ask(url, "GET", path, None)
    if status != 200:
        raise RuntimeError(f"{url}{path}: status {status}: {body[:500]!r}")
    return body


def _send(world: World, releases: Iterable[bytes]) -> None:
    def send(one: bytes) -> None:
        status, body = _ask(world.url, "POST", "/" + paths.RECORDS, one)
        if status != 200:
            raise RuntimeError(f"a release was not logged: status {status}: {body[:500]!r}")

    with ThreadPoolExecutor(SENDERS) as pool:
        for _ in pool.map(send, releases):
            pass


def _ask(url: str, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
