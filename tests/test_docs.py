"""The READMEs say what is true: their commands are run, their tables compared with the programs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from modelseal.cli import modelseal
from modelseal.verdict import Word
from modelseal_registry import config
from modelseal_registry.cli import acts, claims, mirror, observe, operate, policy, registry
from tests.support.hub import Hub
from tests.support.servers import WAIT_S, configure, environment, free_port

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ROOMS = {"modelseal": ROOT / "client/README.md", "modelseal-registry": ROOT / "registry/README.md"}
TEXTS = [
    path
    for path in (
        *ROOT.glob("*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("client/D*.md"),
        *ROOT.glob("manifests/*.md"),
    )
]
EVERYWHERE = {"-h", "--help", "-q", "--quiet", "--json", "--version"}
DEFAULT_PORT = "8750"

# the console blocks


@dataclass(frozen=True)
class Typed:
    """A line after `$`, what must be true of it, and the lines below it."""

    line: str
    status: int
    words: tuple[str, ...]
    below: str


def typed() -> list[Typed]:
    """Return every command of the README; what stands below one is the content of the file that it shows."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", README, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, below = part.partition("\n")
            command, _, comment = line.partition("  #")
            status = re.search(r"exit status (\d+)", comment)
            words = re.findall(r"\b[A-Z]{4,}(?: [A-Z]{4,})*(?: \([a-z]+\))?", comment)
            found.append(Typed(command.strip(), int(status[1]) if status else 0, tuple(words), below))
    return found


class Terminal:
    """Somebody who types what the README says, in an empty folder and with an empty HOME."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.hub = hub
        self.here, self.home = folder / "here", folder / "home"
        self.here.mkdir()
        self.home.mkdir()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        hidden = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
        self.env = {k: v for k, v in environment().items() if k not in hidden} | {"PATH": path, "HOME": str(self.home)}
        self.env["HF_ENDPOINT"] = hub.url
        self.seen: dict[str, str] = {DEFAULT_PORT: str(free_port())}
        self.servers: list[subprocess.Popen[str]] = []

    def type(self, one: Typed) -> str:
        line = one.line
        for placeholder, value in self.seen.items():
            line = re.sub(rf"\b{placeholder}\b", value, line)
        if name := re.fullmatch(r"cat (\S+\.toml)", line):
            (self.here / name[1]).write_text(one.below)
        if line.endswith(" &"):
            return self.serve(line[:-2])
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.here, env=self.env, capture_output=True, text=True, timeout=WAIT_S
        )
        printed = done.stdout + done.stderr
        if " init --origin" in line:
            configure(self.here / "reg", hub="")  # tests ask nobody but this machine
        assert done.returncode == one.status, f"{line}\nended {done.returncode}, not {one.status}\n{printed}"
        assert "Traceback" not in printed
        for word in one.words:
            assert word in printed, f"{line}\ndid not say {word}\n{printed}"
        for placeholder, pattern in (("HEX", r"#sha256:([0-9a-f]{64})"), ("DIGEST", r"acme-lab@([0-9a-f]{12,64})")):
            if found := re.search(pattern, printed):
                self.seen.setdefault(placeholder, found[1])
        return printed

    def serve(self, line: str) -> str:
        server = subprocess.Popen(
            shlex.split(line), cwd=self.here, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.servers.append(server)
        assert server.stdout is not None
        ready = server.stdout.readline()
        assert ready.startswith("READY "), ready
        return ready

    def close(self) -> None:
        for server in self.servers:
            server.terminate()
            server.communicate(timeout=WAIT_S)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Hub() as hub:
        found = Terminal(tmp_path, hub)
        yield found
        found.close()


def test_the_commands_of_the_readme_run_as_they_stand_in_their_order(terminal: Terminal) -> None:
    commands = typed()
    assert len(commands) > 15
    for one in commands:
        terminal.type(one)
        if one.line.startswith("modelseal publish"):
            assert (terminal.here / "atlas-7b/model.sig").is_file() and (terminal.here / "atlas-7b.evidence").is_file()
            files = {path.name: path.read_bytes() for path in (terminal.here / "atlas-7b").iterdir()}
            terminal.hub.commit("models/acme-lab/atlas-7b", files, id=shlex.split(one.line)[6])
            for snippet in re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE):
                done = subprocess.run(
                    [sys.executable, "-c", snippet], cwd=terminal.here, env=terminal.env, capture_output=True, text=True
                )
                assert (done.returncode, done.stderr) == (0, "")
    assert list(terminal.home.iterdir()), "what is remembered lies below HOME"


# what the programs have, and what the texts say


def commands() -> dict[str, click.Command]:
    """Return every command of both programs by its whole name."""
    for module in (operate, claims, acts, observe, policy, mirror):
        for command in module.COMMANDS:
            registry.add_command(command)
    found: dict[str, click.Command] = {}

    def walk(command: click.Command, name: str) -> None:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for below in command.list_commands(context):
                one = command.get_command(context, below)
                assert one is not None
                walk(one, f"{name} {below}")
        else:
            found[name] = command

    walk(modelseal, "modelseal")
    walk(registry, "modelseal-registry")
    return found


def options_of(command: click.Command) -> set[str]:
    return {name for one in command.params if isinstance(one, click.Option) for name in one.opts} - EVERYWHERE


def documented() -> dict[str, set[str]]:
    """Return command -> options as the tables of the rooms list them."""
    found = {}
    for program, path in ROOMS.items():
        text = path.read_text()
        together: dict[str, set[str]] = {}
        group = ""
        for name, cell in re.findall(r"^\| ([A-Z]*) ?\| (`--[^\n]*?`) \| ", text, re.MULTILINE):
            group = name or group
            together.setdefault(group, set()).update(re.findall(r"--[a-z0-9.-]+", cell))
        for name, cell in re.findall(
            rf"^\| `({program}[a-z -]*?)(?: [^a-z`][^`]*| ns\.toml)?` \| (.*?) \|", text, re.MULTILINE
        ):
            options = set(re.findall(r"`(--?[a-z0-9.-]+)`", cell))
            for group, more in together.items():
                options |= more if re.search(rf"\b{group}\b", cell) else set()
            found[name] = options
    return found


def test_every_command_is_listed_with_all_its_options_and_no_others() -> None:
    said, real = documented(), {name: options_of(command) for name, command in commands().items()}
    assert said.keys() == real.keys()
    for name in real:
        assert said[name] == real[name], name


def test_the_options_that_every_command_has_are_explained_once() -> None:
    for path in ROOMS.values():
        text = path.read_text()
        everywhere = text[text.index("## Commands") :].split("\n\n")[1]
        assert {option for option in EVERYWHERE if f"{option}`" not in everywhere} == set(), path
    for name, command in commands().items():
        names = {name for one in command.params for name in one.opts}
        assert {"--json", "-q", "--quiet"} <= names, name


def test_every_variable_of_the_environment_is_documented() -> None:
    sources = [*ROOT.glob("client/modelseal/**/*.py"), *ROOT.glob("registry/modelseal_registry/**/*.py")]
    used = {name for path in sources for name in re.findall(r"\"(MODELSEAL_[A-Z_]+)\"", path.read_text())}
    texts = "".join(path.read_text() for path in ROOMS.values())
    assert "MODELSEAL_HOME" in used
    assert {name for name in used if f"`{name}`" not in texts} == set()
    assert set(re.findall(r"`(MODELSEAL_[A-Z_]+)`", texts)) == used


@pytest.mark.parametrize(
    ("file", "fields"), [("registry.toml", set(config._REGISTRY)), ("mirror.toml", set(config._MIRROR))]
)
def test_every_setting_is_documented(file: str, fields: set[str]) -> None:
    text = ROOMS["modelseal-registry"].read_text()
    table = text[text.index(f"| `{file}` |") :].split("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    assert {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)} == fields


def test_the_exit_statuses_of_the_readme_are_those_of_the_verdicts() -> None:
    said = {word: int(code) for code, word in re.findall(r"^\| (\d+) \| `([A-Z, ]+)` \|", README, re.MULTILINE)}
    assert said == {word.text: word.exit_code for word in Word}


def test_the_make_targets_of_the_texts_exist() -> None:
    there = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = {name for path in TEXTS for name in re.findall(r"(?:^|`)make ([a-z]+)", path.read_text(), re.MULTILINE)}
    assert {"demo", "test"} <= said <= there


def test_links_lead_to_files() -> None:
    broken = []
    for path in TEXTS:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
            if "[" in target:  # a pattern in a table, not a link
                continue
            if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert broken == []
