"""client/DEPLOY.md: its commands are typed as they stand there, in their order, and its YAML's command is run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import make
from tests.support.client import inside
from tests.support.hub import Hub
from tests.support.scene import GOOD, NAME, Scene, scene

TEXT = (Path(__file__).parent.parent / "client/DEPLOY.md").read_text()
TINY = {"config.json": b"{}", "model.safetensors": b"tiny" * 10}


class Terminal:
    def __init__(self, scene: Scene, hub: Hub, env: dict[str, str]) -> None:
        self.hub = hub
        self.here, self.env = scene.someone.here, {**scene.someone.env, **env}

    def type(self, line: str, status: int, words: list[str]) -> None:
        if line.startswith("export "):
            for one in shlex.split(line)[1:]:
                name, _, value = one.partition("=")
                self.env[name] = value.replace("$PWD", str(self.here))
            return
        if not line.startswith("modelseal "):
            subprocess.run(["bash", "-c", line], cwd=self.here, check=True, capture_output=True)
            return
        env = {name: value for name, value in self.env.items() if value}
        inside(self.here, env, *shlex.split(line)[1:]).says(status, *words)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Hub() as hub, scene(tmp_path) as found:
        hub.commit("models/someuser/tiny-lm", TINY)
        hub.commit("models/acme-lab/atlas-7b", GOOD, id=make.revision(1))
        (found.someone.here / ".git").mkdir()
        (found.someone.here / "models").mkdir()
        yield Terminal(found, hub, {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")})


def test_the_commands_run_as_they_stand_in_their_order(terminal: Terminal) -> None:
    count = 0
    for block in re.findall(r"^```console\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, below = part.partition("\n")
            command, _, comment = line.partition("  #")
            if shown := re.fullmatch(r"cat (\S+\.toml)", command.strip()):
                (terminal.here / shown[1]).write_text(below)
            if command.startswith("git "):
                assert all((terminal.here / name).is_file() for name in shlex.split(command)[2:])
                continue
            status = re.search(r"exit status (\d+)", comment)
            words = re.findall(r"\b[A-Z]{5,}\b", comment)
            terminal.type(command.strip(), int(status[1]) if status else 0, words)
            count += command.startswith("modelseal ")
    assert count > 12
    saved = {"modelseal.lock", "registry.example.trust", "acme-lab--atlas-7b.evidence", "someuser--tiny-lm.evidence"}
    assert set(os.listdir(terminal.here / "vault")) == saved


def test_the_init_container_hands_over_what_is_right_or_nothing(terminal: Terminal) -> None:
    for line in ("modelseal trust save house.trust", f"modelseal lock {NAME}", "touch house.toml"):
        terminal.type(line, 0, [])
    block = re.search(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert block is not None
    command = json.loads(re.search(r"command: (\[.*\])", block[1])[1])  # type: ignore[index]
    places = {"/etc/models": terminal.here, "/models": terminal.here / "models", "/tmp/modelseal": terminal.here / "m"}

    def mapped(text: str) -> str:
        for old, new in places.items():
            text = re.sub(rf"^{re.escape(old)}(?=/|$)", str(new), text)
        return text

    env = {name: mapped(value) for name, value in re.findall(r"\{name: ([A-Z_]+), value: (\S+)\}", block[1])}
    assert len(env) == 4
    for name in ("house.trust", "modelseal.lock", "house.toml"):  # as a ConfigMap is mounted
        (terminal.here / name).rename(terminal.here / f"..{name}")
        (terminal.here / name).symlink_to(f"..{name}")
    clean = {name: value for name, value in terminal.env.items() if not name.startswith("MODELSEAL_")}
    words = [mapped(word) for word in command[1:]]
    inside(terminal.here, {**clean, **env}, *words).says(0, "VERIFIED")
    handed = terminal.here / "models/atlas-7b"
    assert {path.name: path.read_bytes() for path in handed.iterdir()} == GOOD
    terminal.hub.lie("models/acme-lab/atlas-7b", "config.json", b"[" * len(GOOD["config.json"]))
    again = [*words[:-1], str(terminal.here / "models/again")]
    inside(terminal.here, {**clean, **env}, *again).says(1)
    assert {path.name for path in (terminal.here / "models").iterdir() if path.name[0] != "."} == {"atlas-7b"}
