"""An owner's domain on this machine: a web server with a certificate, and a name server.

with Site(tls) as site, Names() as names:
    site.files["/.well-known/modelseal.json"] = b"..."
    names.put("acme.example", "A", "127.0.0.1")
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from modelseal.formats import findings
from tests.support.tls import Tls

Hook = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """https, at *address* and `port`. *hook* answers in its own way; `asked` has Host and path."""

    def __init__(self, tls: Tls, address: str = "127.0.0.1", port: int = 0) -> None:
        self.files: dict[str, bytes] = {}
        self.hook: Hook | None = None
        self.asked: list[tuple[str, str]] = []
        self._server = _Server((address, port), _handler(self))
        self._server.socket = tls.server.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def publish(self, *claims: str) -> None:
        """Put the claim file that names *claims* (hex) at the well-known path."""
        self.files[findings.WELL_KNOWN] = claim_file(*claims)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that refuse a certificate or hang up are what the tests are about."""


def claim_file(*claims: str) -> bytes:
    return findings.encode_claim_file(tuple(bytes.fromhex(one) for one in claims))


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.headers["Host"], self.path))
            if site.hook:
                site.hook(self)
                return
            body = site.files.get(self.path)
            answer(self, 404 if body is None else 200, body or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


class Names:
    """A name server over UDP. A list of lists answers differently each time, the last one for ever."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[list[str]]] = {}
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def put(self, name: str, kind: str, *values: str, then: tuple[str, ...] | None = None) -> None:
        """Let *name* have *values*; once it was asked for, *then*."""
        self.records[name, kind] = [list(values), *([list(then)] if then is not None else [])]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())  # ends the thread
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                data, client = self._socket.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(data)).to_wire(), client)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        known = self.records.get((name, kind))
        if known is None:
            if not any(there == name for there, _ in self.records):
                reply.set_rcode(dns.rcode.NXDOMAIN)
            return reply
        values = known[0] if len(known) == 1 else known.pop(0)
        if values:
            reply.answer.append(dns.rrset.from_text_list(question.name, 0, "IN", kind, values))
        return reply
