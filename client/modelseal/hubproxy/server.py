"""A Hub on 127.0.0.1 that hands out sealed bytes only.

Each connection has a thread; how many there may be, how long each may be silent and how much it may send is bounded.
Requests under another host name are refused: a page in a browser could have its own name point here. Nothing of a
request is logged.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import socketserver
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

from modelseal.errors import Error, Malformed, Unavailable, Usage
from modelseal.formats import names
from modelseal.formats.names import printable, short
from modelseal.hubproxy import answers, files, routes
from modelseal.hubproxy.answers import Theirs
from modelseal.hubproxy.at_hand import Cache
from modelseal.hubproxy.ledger import Ledger, Refusal
from modelseal.hubproxy.routes import NoRoute, Route
from modelseal.hubproxy.spool import Spool
from modelseal.hubproxy.upstream import Denied, Upstream, Whose
from modelseal.passing import Gate, Passing, Stopped

IDLE_S = 60.0  # a connection may be silent, and a client may take nothing
MAX_CONNECTIONS = 128
MAX_BODY = 1 << 20  # bytes of a list of paths
MAX_PATHS = 10_000
KNOWN_S, MAX_KNOWN = 60.0, 50  # how long what the Hub says about a repo is remembered, and of how many
DRAIN_S = 10.0


class Server(socketserver.ThreadingMixIn, HTTPServer):
    """Serves until `close`. Raises Usage if the port is taken."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        gate: Gate,
        upstream: Upstream,
        spool: Spool,
        ledger: Ledger,
        *,
        port: int = 0,
        cache: Cache | None = None,
        told: Callable[[str], None] = lambda _words: None,
    ) -> None:
        self.gate, self.upstream, self.spool, self.ledger = gate, upstream, spool, ledger
        self.told, self.cache = told, cache  # the user's own Hub cache, where files may lie already
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._lock = threading.Lock()
        self._theirs: OrderedDict[tuple[str, str, str], tuple[float, Theirs]] = OrderedDict()
        self._idle = threading.Condition()
        self._active = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        try:
            super().__init__(("127.0.0.1", port), Handler)
        except OSError as e:
            raise Usage(
                f"port {port} of 127.0.0.1 cannot be used: {(e.strerror or 'no reason given').lower()}",
                hint="another one: --port P; without it a free one is chosen",
            ) from e

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def start(self) -> None:
        self._thread.start()

    def close(self, drain_s: float = DRAIN_S) -> None:
        """Take no more connections; let what is being answered end, for so long."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()
        end = time.monotonic() + drain_s
        with self._idle:
            while self._active and (left := end - time.monotonic()) > 0:
                self._idle.wait(left)
        self.upstream.close()

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        with self._idle:
            self._active += 1
        try:
            yield
        finally:
            with self._idle:
                self._active -= 1
                self._idle.notify_all()

    def theirs(self, passing: Passing, whose: Whose) -> Theirs:
        """Return what the Hub says about the repo to this token. Raises Denied or Unavailable."""
        key = passing.repo.lower(), passing.commit, whose.tag
        with self._lock:
            until, found = self._theirs.get(key, (0.0, None))
        if found is not None and time.monotonic() < until:
            return found
        found = _told(self.upstream, passing, whose)
        self.ledger.hides(short(passing.repo), passing.commit, found.hidden(passing))
        with self._lock:
            self._theirs[key] = time.monotonic() + KNOWN_S, found
            while len(self._theirs) > MAX_KNOWN:
                self._theirs.popitem(last=False)
        return found

    # what socketserver calls

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's own asks a name server how this machine is called
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(timeout=5):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # clients hang up, and that is no error
            self.told(f"internal error: {type(error).__name__}: {error}")


def _told(upstream: Upstream, passing: Passing, whose: Whose) -> Theirs:
    rest, what = short(passing.repo), f"{short(passing.repo)}@{passing.commit}"
    kind, _, below = rest.partition("/")
    kind, below = (kind, below) if kind in ("datasets", "spaces") else ("models", rest)
    value, _ = upstream.json(f"/api/{kind}/{below}/revision/{passing.commit}?blobs=true", whose, what)
    called = passing.repo
    if isinstance(value, dict):
        with contextlib.suppress(Malformed):
            prefix = "hf://" if kind == "models" else f"hf://{kind}/"
            called = names.repo(prefix + str(value.get("id")), "repo")
        if value.get("sha") != passing.commit:
            raise Unavailable(f"{upstream.host} answers with another commit than {what}")
    found = Theirs.read(value, called)
    if found is None:
        raise Unavailable(f"{upstream.host}: the answer about {what} is none")
    return found


class Handler(BaseHTTPRequestHandler):
    server: Server
    connection: socket.socket
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "modelseal-guard", ""
    timeout = IDLE_S
    disable_nagle_algorithm = True

    begun = False  # whether an answer to the request at hand has

    def do_GET(self) -> None:
        self.begun = False
        with self.server.answering():
            self._answer()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def send_response(self, code: int, message: str | None = None) -> None:
        self.begun = True
        super().send_response(code, message)

    def log_message(self, *words: Any) -> None:
        """Nothing of a request is written anywhere."""

    def _answer(self) -> None:
        body = self._body()
        if not self._is_for_us() or body is None:
            return
        route = routes.parse(self.command, self.path)
        if isinstance(route, NoRoute):
            self._no_route(route)
            return
        try:
            self._act(route, body)
        except Denied as e:
            self.say(e.status, {"error": str(e)}, {"X-Error-Message": str(e), "X-Error-Code": e.code})
        except Error as e:
            words = f"UNAVAILABLE {short(route.repo)}: {e}"
            self.refuse(503, Refusal("unavailable", 6, short(route.repo), route.revision, route.path or None, words))
        except OSError:
            raise
        except Exception as e:  # a bug of ours: said as such, and nothing passes by it
            self.server.told(f"internal error: {type(e).__name__}: {e}")
            self.close_connection = True
            if not self.begun:
                self.say(500, {"error": "internal error"}, {"X-Error-Message": "internal error of modelseal guard"})

    def _act(self, route: Route, body: bytes) -> None:
        passing = self.server.gate.passing(route.repo, route.revision)
        if isinstance(passing, Stopped):
            status = 503 if passing.is_for_now else 403
            self.refuse(
                status, Refusal(passing.word, passing.exit_code, short(route.repo), route.revision, None, passing.words)
            )
        elif route.what == "file":
            files.serve(self, route, passing)
        elif route.what == "refs":
            self.say(200, answers.refs(passing))
        else:
            self._describe(route, passing, body)

    def _describe(self, route: Route, passing: Passing, body: bytes) -> None:
        theirs = self.server.theirs(passing, self.whose)
        query = {name: values[-1] for name, values in parse_qs(route.query).items()}
        value: Any
        headers: dict[str, str] = {}
        if route.what == "info":
            value = answers.info(passing, theirs, blobs=_is_true(query.get("blobs")))
        elif route.what == "paths":
            asked, expand = _paths(body, self.headers.get("Content-Type", ""))
            value = answers.paths(passing, theirs, asked, expand=expand)
        else:
            options = {"recursive": _is_true(query.get("recursive")), "expand": _is_true(query.get("expand"))}
            entries = answers.tree(passing, theirs, route.path, **options)
            if not entries:
                self.absent(f"{printable(route.path)} is not in {short(route.repo)}", passing.commit)
                return
            value, following = answers.page(entries, _number(query.get("cursor"), 0), _number(query.get("limit"), 1000))
            if following is not None:
                base = f"{self.server.url}{self.path.partition('?')[0]}"
                headers["Link"] = answers.next_link(base, query, following)
        self.say(200, value, headers, warnings=answers.warnings(passing, theirs))

    # who asks, and how

    @property
    def whose(self) -> Whose:
        agent = printable(self.headers.get("User-Agent", ""), longest=300)
        return Whose(self.headers.get("Authorization", ""), f"{agent}; modelseal-guard" if agent else "modelseal-guard")

    def _is_for_us(self) -> bool:
        host = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host") or ""
        if host not in ("127.0.0.1", "localhost"):
            self._no_route(NoRoute("this guard answers under 127.0.0.1 and localhost alone"))
            return False
        if self.headers.get("Origin") is not None:
            self._no_route(NoRoute("this guard does not answer pages in a browser"))
            return False
        return True

    def _body(self) -> bytes | None:
        """Return the body of the request; None, and the connection ends, if it cannot be one."""
        length = self.headers.get("Content-Length", "0").strip()
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            self.say(413, {"error": "a body with a Content-Length of at most 1 MiB is wanted"})
            return None
        return self.rfile.read(int(length)) if int(length) else b""

    def gone(self) -> bool:
        """Whether the client has hung up."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    # answers

    def say(
        self, status: int, value: Any, headers: Mapping[str, str] | None = None, *, warnings: list[str] | None = None
    ) -> None:
        body = json.dumps(value, ensure_ascii=True).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in (headers or {}).items():
            if text:
                self.send_header(name, answers.header(text))
        for text in warnings or ():
            self.send_header("X-HF-Warning", text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, refusal: Refusal) -> None:
        """Answer with a verdict that nothing passes by."""
        self.server.ledger.refuses(refusal)
        headers = {"X-Error-Message": refusal.words, "X-Modelseal-Verdict": f"{refusal.word} {refusal.exit_code}"}
        self.say(status, {"error": refusal.words}, headers)

    def absent(self, words: str, commit: str) -> None:
        """Answer that there is no such file; programs ask for many that they can do without."""
        code = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit, "X-Error-Message": words}
        self.say(404, {"error": words}, code)

    def _no_route(self, route: NoRoute) -> None:
        if route.repo:
            words = f"UNKNOWN {route.words}"
            self.refuse(403, Refusal("unknown", 5, route.repo, None, None, words))
            return
        self.server.ledger.other()
        self.say(403, {"error": route.words}, {"X-Error-Message": route.words})


def _is_true(text: str | None) -> bool:
    return text is not None and text.lower() in ("1", "true")


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else default


def _paths(body: bytes, kind: str) -> tuple[list[str], bool]:
    """Return the paths that a `paths-info` names, in a form or in JSON, and whether it wants more than usual."""
    if kind.startswith("application/json"):
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        found = value.get("paths") if isinstance(value, dict) else None
        expand = isinstance(value, dict) and value.get("expand") is True
        paths = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        return [one for one in paths if isinstance(one, str)][:MAX_PATHS], expand
    form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=2 * MAX_PATHS)
    return form.get("paths", [])[:MAX_PATHS], _is_true(form.get("expand", ["false"])[-1])
