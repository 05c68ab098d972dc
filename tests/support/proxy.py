"""A forward proxy as a process of its own: `python -m tests.support.proxy TO [USER:PASSWORD]` prints its port.

Whatever host is asked for, it connects to TO (host:port), so that names work here which no resolver knows. It knows
CONNECT and requests with a whole URL, and prints the first line of every request, one a line.

with proxy("127.0.0.1:8750") as found:
    run(..., env={"HTTP_PROXY": found.url})
    found.asked()     # ["GET http://registry.test/checkpoint HTTP/1.1"]
"""

from __future__ import annotations

import base64
import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Proxy:
    url: str
    log: Path

    def asked(self) -> list[str]:
        return self.log.read_text().splitlines()[1:]


@contextlib.contextmanager
def proxy(to: str, log: Path, login: str = "") -> Iterator[Proxy]:
    """Run the proxy in front of *to*; *log* is a file for what it was asked."""
    words = [sys.executable, "-m", "tests.support.proxy", to, *([login] if login else [])]
    with open(log, "wb") as out, subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = process.stdout.readline()
        out.write(port)
        out.flush()
        copy = threading.Thread(target=_copy_lines, args=(process, out))
        copy.start()
        try:
            at = f"{login}@" if login else ""
            yield Proxy(f"http://{at}127.0.0.1:{int(port)}", log)
        finally:
            process.kill()
            copy.join()


def _copy_lines(process: subprocess.Popen[bytes], out: object) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        out.write(line)  # type: ignore[attr-defined]
        out.flush()  # type: ignore[attr-defined]


def _serve(client: socket.socket, to: tuple[str, int], login: str) -> None:
    with client, contextlib.suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(1 << 16)
            if not more:
                return
            head += more
        first, _, rest = head.partition(b"\r\n")
        print(first.decode("latin-1"), flush=True)
        wanted = b"proxy-authorization: basic " + base64.b64encode(login.encode())
        if login and wanted.lower() not in rest.lower():
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        method, target, version = first.split(b" ")
        with socket.create_connection(to) as server:
            if method == b"CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:  # every connection is for one request
                path = b"/" + target.split(b"/", 3)[3]
                server.sendall(b" ".join((method, path, version)) + b"\r\nConnection: close\r\n" + rest)
            back = threading.Thread(target=_pump, args=(server, client))
            back.start()
            _pump(client, server)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def main(to: str, login: str = "") -> None:
    host, _, port = to.rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, (host, int(port)), login), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
