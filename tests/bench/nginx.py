"""nginx over the registry's static files, if it is installed: the yardstick for serving them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import free_port

START_S = 10

_CONFIG = """
daemon off; {user} worker_processes {workers}; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; open_file_cache max=1000; keepalive_requests 100000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  types {{ }} default_type application/octet-stream;
  add_header Cache-Control "public, max-age=31536000, immutable";
  server {{ listen 127.0.0.1:{port} backlog=1024; root {public}; }}
}}
"""


def find() -> str | None:
    return shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))


@contextmanager
def serving(program: str, public: Path, workers: int, folder: Path) -> Iterator[tuple[str, int]]:
    """Yield URL and pid."""
    folder.mkdir()
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # the files are readable for those who started it only
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(user=user, workers=workers, folder=folder, port=port, public=public))
    with subprocess.Popen([program, "-c", str(config)]) as server:
        try:
            end = time.monotonic() + START_S
            while not (folder / "pid").exists():
                if server.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("nginx did not start")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}", server.pid
        finally:
            server.terminate()
