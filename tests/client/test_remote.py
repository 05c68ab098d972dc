"""Readers against servers that answer as no honest one would."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from modelseal import errors
from modelseal.remote import Budget, Folder, Http, open_reader

OK = b"HTTP/1.1 200 OK\r\n"
Talk = Callable[[socket.socket], None]


class Server:
    """A raw server on 127.0.0.1: each connection's request is read, then `talk` says what it likes."""

    def __init__(self) -> None:
        self.talk: Talk = lambda c: None
        self.tls: ssl.SSLContext | None = None
        self.requests: list[bytes] = []
        self.connections = 0
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._accept = threading.Thread(target=self._run)
        self._accept.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        with plain, contextlib.suppress(OSError):  # the client hangs up, as it should
            connection = plain
            if self.tls:
                connection = self.tls.wrap_socket(plain.dup(), server_side=True)
            with connection:
                while request := self._read(connection):
                    self.requests.append(request)
                    self.talk(connection)

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                while len(body) < int(line[15:]):
                    body += connection.recv(65536)
        return head + b"\r\n\r\n" + body

    def says(self, data: bytes, *, close: bool = True) -> None:
        def talk(connection: socket.socket) -> None:
            connection.sendall(data)
            if close:
                connection.shutdown(socket.SHUT_RDWR)

        self.talk = talk

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accept.join()
        for connection in self._open:
            with contextlib.suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def reader(server: Server, seconds: float = 10) -> Http:
    return Http(server.url, Budget(seconds))


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_a_file_is_returned_and_the_connection_is_kept(server: Server) -> None:
    server.says(answer(b"hello"), close=False)
    http = reader(server)
    assert http.get("checkpoint", 5) == b"hello"
    assert http.get("tile/0/x001/234.p/5", 5) == b"hello"
    assert server.connections == 1
    assert server.requests[1].startswith(b"GET /tile/0/x001/234.p/5 HTTP/1.1\r\n")
    assert b"\r\nAccept-Encoding: identity\r\n" in server.requests[0]
    assert b"\r\nUser-Agent: modelseal\r\n" in server.requests[0]


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again(server: Server) -> None:
    server.says(answer(b"hello"), close=True)
    http = reader(server)
    assert [http.get("checkpoint", 5) for _ in range(3)] == [b"hello"] * 3


def test_an_address_below_a_path_keeps_it(server: Server) -> None:
    server.says(answer(b""))
    assert Http(server.url + "/mirrors/one/", Budget(10)).get("checkpoint", 5) == b""
    assert server.requests[0].startswith(b"GET /mirrors/one/checkpoint ")


REFUSED = {
    "a redirect": (
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/checkpoint\r\nContent-Length: 0\r\n\r\n",
        "redirect",
    ),
    "a permanent redirect": (b"HTTP/1.1 308 X\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", "redirect"),
    "a server error": (answer(b"oops", status=b"500 Internal Server Error"), "status 500"),
    "forbidden": (answer(b"no", status=b"403 Forbidden"), "status 403"),
    "nothing to say": (b"HTTP/1.1 204 No Content\r\n\r\n", "status 204"),
    "a partial answer": (answer(b"abc", status=b"206 Partial Content"), "status 206"),
    "too busy, come back later": (
        answer(b"", b"Retry-After: 3600", status=b"503 Service Unavailable"),
        "status 503",
    ),
    "fewer bytes than announced": (OK + b"Content-Length: 10\r\n\r\nabc", "broken answer"),
    "an unreadable length": (OK + b"Content-Length: ten\r\n\r\nabc", "unreadable length"),
    "a negative length": (OK + b"Content-Length: -1\r\n\r\nabc", "unreadable length"),
    "two lengths": (OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "broken answer"),
    "a length of 5000 digits": (OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nabc", "unreadable length"),
    "more than the limit, announced": (OK + b"Content-Length: 101\r\n\r\n", "more than 100 bytes"),
    "more than the limit, not announced": (OK + b"\r\n" + b"x" * 101, "more than 100 bytes"),
    "more than the limit, in chunks": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n",
        "more than 100 bytes",
    ),
    "a broken chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc", "broken answer"),
    "a chunk cut off": (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc", "broken answer"),
    "a chunk that ends with the connection": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 1000,
        "broken answer",
    ),
    "a chunk of less than nothing": (OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc", "broken answer"),
    "compressed": (answer(b"\x1f\x8b", b"Content-Encoding: gzip"), "content encoding"),
    "no HTTP": (b"SSH-2.0-\x1b[31mred\r\n\r\n", "broken answer"),
    "too many headers": (OK + b"".join(b"A%d: b\r\n" % i for i in range(200)) + b"\r\n", "broken answer"),
    "a header without end": (OK + b"A: " + b"b" * 70_000, "broken answer"),
    "nothing at all": (b"", "broken answer"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_answer_is_unavailable_if_it_is(server: Server, case: str) -> None:
    data, words = REFUSED[case]
    server.says(data)
    with pytest.raises(errors.Unavailable) as caught:
        reader(server).get("checkpoint", 100)
    assert not isinstance(caught.value, errors.NotFound)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{server.url}/checkpoint: ")
    assert "\x1b" not in str(caught.value)


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.says(b"HTTP/1.1 307 X\r\nLocation: " + server.url.encode() + b"/elsewhere\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(errors.Unavailable):
        reader(server).get("checkpoint", 100)
    with pytest.raises(errors.Unavailable, match="redirect"):
        reader(server).submit(b"{}")
    assert len(server.requests) == 2


def test_the_limit_is_exact(server: Server) -> None:
    server.says(answer(b"x" * 100))
    assert len(reader(server).get("checkpoint", 100)) == 100
    server.says(OK + b"\r\n" + b"x" * 100)
    assert len(reader(server).get("checkpoint", 100)) == 100


def test_a_missing_file_is_not_found(server: Server) -> None:
    server.says(answer(b"no such file", status=b"404 Not Found"), close=False)
    http = reader(server)
    for _ in range(2):
        with pytest.raises(errors.NotFound):
            http.get("tile/0/000", 100)
    assert server.connections == 1


def endless(data: bytes, pause: float) -> Talk:
    def talk(connection: socket.socket) -> None:
        while True:
            connection.sendall(data)
            time.sleep(pause)

    return talk


def after(data: bytes, then: Talk) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.sendall(data)
        then(connection)

    return talk


SLOW = {
    "a dripping body": after(OK + b"Content-Length: 5000\r\n\r\n", endless(b"x", 0.05)),
    "a dripping body without length": after(OK + b"\r\n", endless(b"x", 0.05)),
    "dripping chunks": after(OK + b"Transfer-Encoding: chunked\r\n\r\n", endless(b"1\r\nx\r\n", 0.05)),
    "endless trailers": after(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", endless(b"A: b\r\n", 0.01)),
    "a dripping status line": endless(b"H", 0.05),
    "a dripping header": after(OK + b"A: ", endless(b"x", 0.05)),
    "endless interim answers": endless(b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
    "silence": lambda c: time.sleep(0.4),
}


@pytest.mark.parametrize("case", SLOW)
def test_a_slow_answer_ends_with_the_budget(server: Server, case: str) -> None:
    server.talk = SLOW[case]
    begin = time.monotonic()
    with pytest.raises(errors.Unavailable, match=r"no answer within 0\.3 s"):
        reader(server, 0.3).get("checkpoint", 10_000)
    assert time.monotonic() - begin < 1.3


def test_a_slow_reply_to_a_submission_ends_with_the_budget(server: Server) -> None:
    server.talk = SLOW["a dripping body"]
    with pytest.raises(errors.Unavailable, match=r"no answer within 0\.3 s"):
        reader(server, 0.3).submit(b"{}")


def test_a_server_that_does_not_read_a_submission_ends_with_the_budget() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(errors.Unavailable, match=r"no answer within 0\.3 s"):
            Http(url, Budget(0.3)).submit(b"x" * (32 << 20))


def test_an_endless_body_ends_with_the_limit(server: Server) -> None:
    server.talk = after(OK + b"\r\n", endless(b"x" * 65536, 0))
    with pytest.raises(errors.Unavailable, match="more than 1000000 bytes"):
        reader(server).get("checkpoint", 1_000_000)


def test_a_used_up_budget_asks_nothing(server: Server) -> None:
    with pytest.raises(errors.Unavailable, match="no answer within 0 s"):
        reader(server, 0).get("checkpoint", 10)
    assert server.connections == 0


def test_nobody_listening_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(errors.Unavailable, match="cannot connect"):
        Http(f"http://127.0.0.1:{port}", Budget(5)).get("checkpoint", 10)


def test_a_server_without_tls_is_unavailable_over_https(server: Server) -> None:
    server.talk = endless(b"x" * 100, 0.05)
    with pytest.raises(errors.Unavailable, match=r"https://127|no answer within"):
        Http(server.url.replace("http:", "https:"), Budget(0.5)).get("checkpoint", 10)


@pytest.fixture
def secure(server: Server, tmp_path: Path) -> Server:
    """A server with a certificate for 127.0.0.1 that nobody knows; it lies in `tmp_path / "ca.pem"`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(private)
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    server.url = server.url.replace("http:", "https:")
    return server


def test_an_unknown_certificate_is_refused(secure: Server) -> None:
    secure.says(answer(b"x"))
    with pytest.raises(errors.Unavailable, match=r"no TLS .*certificate verify failed"):
        reader(secure).get("checkpoint", 10)
    assert secure.requests == []


def test_a_certificate_of_the_systems_authorities_is_accepted(
    secure: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    secure.says(answer(b"hello"), close=False)
    http = reader(secure)
    assert [http.get("checkpoint", 10), http.get("checkpoint", 10)] == [b"hello", b"hello"]
    secure.talk = after(OK + b"A: ", endless(b"x", 0.05))
    with pytest.raises(errors.Unavailable, match="no answer within 0"):
        reader(secure, 0.4).get("checkpoint", 10)


def through(server: Server, monkeypatch: pytest.MonkeyPatch, seconds: float = 5, scheme: str = "http") -> Http:
    """A reader of `registry.test` that has *server* for its proxy."""
    proxy = server.url.replace("https:", "http:").replace("//", "//ana:se%20cret@")
    monkeypatch.setenv(f"{scheme}_proxy", proxy)
    return Http(f"{scheme}://registry.test/log", Budget(seconds))


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.says(answer(b"hello"))
    assert through(server, monkeypatch).get("checkpoint", 10) == b"hello"
    assert server.requests[0].startswith(b"GET http://registry.test/log/checkpoint HTTP")
    assert b"\r\nHost: registry.test\r\n" in server.requests[0]
    assert b"\r\nProxy-Authorization: Basic YW5hOnNlIGNyZXQ=\r\n" in server.requests[0]
    assert reader(server).get("checkpoint", 10) == b"hello"
    assert server.requests[1].startswith(b"GET /checkpoint HTTP")
    assert b"authorization" not in server.requests[1].lower()
    monkeypatch.setenv("no_proxy", "example.org,registry.test")
    with pytest.raises(errors.Unavailable, match="host name not found"):
        through(server, monkeypatch).get("checkpoint", 10)
    assert len(server.requests) == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_unavailable_and_named_without_its_password(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", "ana:secret@127.0.0.1:1")
    with pytest.raises(errors.Unavailable, match=r"through the proxy 127\.0\.0\.1:1: cannot connect") as caught:
        Http(f"{scheme}://registry.test", Budget(5)).get("checkpoint", 10)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "said", ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://h:x", "http://[::1"]
)
def test_a_proxy_of_another_form_is_a_usage_error(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", said)
    with pytest.raises(errors.Usage, match="HTTP_PROXY is not of the form"):
        Http("http://registry.test", Budget(5)).get("checkpoint", 10)


# a proxy is one more stranger on the way: what it says in place of the registry is bounded in the same way


@pytest.mark.parametrize("case", REFUSED)
def test_a_proxy_may_not_answer_what_a_registry_may_not(
    server: Server, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, words = REFUSED[case]
    server.says(data)
    with pytest.raises(errors.Unavailable, match=words):
        through(server, monkeypatch).get("checkpoint", 100)


NO_TUNNEL = {
    "wants a password": (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407"),
    "redirects": (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "302"),
    "says no HTTP": (b"SSH-2.0-\x1b[31mred\r\n\r\n", "broken answer"),
    "hangs up": (b"", "broken answer"),
    "hangs up behind the tunnel": (OK + b"\r\n", "no TLS|broken answer"),
    "speaks in the place of the server": (OK + b"\r\n" + answer(b"hello"), "no TLS"),
}


@pytest.mark.parametrize("case", NO_TUNNEL)
def test_a_proxy_that_makes_no_tunnel_is_unavailable_if_it(
    server: Server, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, words = NO_TUNNEL[case]
    server.says(data)
    with pytest.raises(errors.Unavailable, match=words) as caught:
        through(server, monkeypatch, scheme="https").get("checkpoint", 100)
    assert str(caught.value).startswith("https://registry.test/log/checkpoint: through the proxy 127.0.0.1:")
    assert "\x1b" not in str(caught.value)
    assert server.requests[0].startswith(b"CONNECT registry.test:443 HTTP/1.")
    assert b"\r\nProxy-Authorization: Basic YW5hOnNlIGNyZXQ=\r\n" in server.requests[0]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("case", SLOW)
def test_a_slow_proxy_ends_with_the_budget(
    server: Server, case: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.talk = SLOW[case]
    begin = time.monotonic()
    with pytest.raises(errors.Unavailable):
        through(server, monkeypatch, 0.3, scheme).get("checkpoint", 10_000)
    assert time.monotonic() - begin < 1.3


EVIDENCE = {
    ("hf://acme-lab/atlas-7b", None): b"GET /evidence/acme-lab/atlas-7b HTTP",
    ("hf://datasets/acme-lab/atlas", "9c" * 20): b"GET /evidence/datasets/acme-lab/atlas@" + b"9c" * 20 + b" HTTP",
}


@pytest.mark.parametrize("asked", EVIDENCE)
def test_evidence_is_asked_for_by_name(server: Server, asked: tuple[str, str | None]) -> None:
    server.says(answer(b"{}"))
    assert reader(server).evidence(*asked, 100) == b"{}"
    assert server.requests[0].startswith(EVIDENCE[asked])


def test_evidence_of_a_static_mirror_is_none(server: Server, tmp_path: Path) -> None:
    for status in (b"404 Not Found", b"405 Method Not Allowed"):
        server.says(answer(b"", status=status))
        assert reader(server).evidence("hf://acme-lab/atlas-7b", None, 100) is None
    static: Http | Folder = Folder(tmp_path)
    assert static.evidence("hf://acme-lab/atlas-7b", None, 100) is None


def test_evidence_that_fails_is_unavailable(server: Server) -> None:
    server.says(answer(b"", status=b"500 X"))
    with pytest.raises(errors.Unavailable, match="status 500"):
        reader(server).evidence("hf://acme-lab/atlas-7b", None, 100)


def test_a_submission_returns_status_and_reply(server: Server) -> None:
    server.says(answer(b'{"detail": "another seal"}', status=b"409 Conflict"))
    assert reader(server).submit(b'{"v":1}') == (409, {"detail": "another seal"})
    assert server.requests[0].startswith(b"POST /records HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/json\r\n" in server.requests[0]
    assert server.requests[0].endswith(b'\r\n\r\n{"v":1}')


UNREADABLE = {
    "a page": b"<html>",
    "not an object": b"[]",
    "not UTF-8": b'{"a":"\xff"}',
    "deep": b"[" * 5000,
    "two of one key": b'{"a":1,"a":2}',
    "too long": b'{"a":"' + b"x" * (1 << 20) + b'"}',
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_unreadable_reply_is_unavailable(server: Server, case: str) -> None:
    server.says(answer(UNREADABLE[case]))
    with pytest.raises(errors.Unavailable):
        reader(server).submit(b"{}")


def test_a_submission_after_a_kept_connection_was_closed_has_one_of_its_own(server: Server) -> None:
    server.says(answer(b"hello"), close=True)
    http = reader(server)
    http.get("checkpoint", 5)
    server.says(answer(b"{}"), close=True)
    assert http.submit(b"{}") == (200, {})
    assert server.connections == 2


def test_a_submission_is_never_sent_twice(server: Server) -> None:
    server.says(b"")
    with pytest.raises(errors.Unavailable):
        reader(server).submit(b"{}")
    assert len(server.requests) == 1


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a?b", "a#b", "a\nb", "é"])
def test_a_path_that_is_not_ours_is_never_asked_for(path: str, tmp_path: Path) -> None:
    for source in (Http("http://127.0.0.1:1", Budget(1)), Folder(tmp_path)):
        with pytest.raises(ValueError, match="not a path of ours"):
            source.get(path, 10)


@pytest.mark.parametrize(
    "url", ["http://", "https:///x", "http://u:p@h/", "http://h/?q", "http://h/#f", "http://h\n/", "http://h:x/"]
)
def test_an_address_of_another_form_is_a_usage_error(url: str) -> None:
    with pytest.raises(errors.Usage):
        Http(url, Budget(1))


def test_a_location_is_an_address_or_a_folder(tmp_path: Path) -> None:
    assert isinstance(open_reader("https://registry.example/log", Budget(1)), Http)
    assert isinstance(open_reader("http://[::1]:8750", Budget(1)), Http)
    assert isinstance(open_reader(str(tmp_path), Budget(1)), Folder)
    with pytest.raises(errors.Usage, match="neither"):
        open_reader("ftp://registry.example", Budget(1))


def test_a_folder_returns_regular_files(tmp_path: Path) -> None:
    (tmp_path / "tile/0").mkdir(parents=True)
    (tmp_path / "tile/0/000").write_bytes(b"x" * 10)
    assert Folder(tmp_path).get("tile/0/000", 10) == b"x" * 10
    with pytest.raises(errors.Unavailable, match="more than 9 bytes"):
        Folder(tmp_path).get("tile/0/000", 9)
    with pytest.raises(errors.NotFound):
        Folder(tmp_path).get("tile/0/001", 10)
    with pytest.raises(errors.NotFound):
        Folder(tmp_path).get("tile/1/001", 10)


def test_a_folder_follows_no_link_and_waits_for_no_pipe(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "secret").write_bytes(b"x")
    (root / "file").symlink_to(outside / "secret")
    (root / "folder").symlink_to(outside)
    (root / "here").symlink_to("inside")
    (root / "inside").write_bytes(b"x")
    (root / "dangling").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    (root / "subfolder").mkdir()
    for path in ("file", "folder/secret", "here", "dangling", "pipe", "subfolder", "inside/x"):
        with pytest.raises(errors.Unavailable) as caught:
            Folder(root).get(path, 10)
        assert not isinstance(caught.value, errors.NotFound), path


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable) as caught:
        Folder(tmp_path / "gone").get("checkpoint", 10)
    assert not isinstance(caught.value, errors.NotFound)
