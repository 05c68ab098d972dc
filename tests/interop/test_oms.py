"""Other people's tools read what we write: `model_signing` our seals, openssl our keys, sha256sum our exports."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.person import COMMIT, Person
from tests.support.servers import RegistryProcess, operate, running

WAIT_S = 60.0
PASSWORD = "correct horse"
SHAPES: dict[str, dict[str, bytes]] = {
    "nested folders": {"a/b/c/d/model.bin": b"deep", "a/b/config.json": b"{}", "a/b.json": b"{}", "config.json": b"{}"},
    "names whose order differs by component": {"a/x": b"1", "a-b": b"2", "a.txt": b"3", "a b": b"4", "a!/x": b"5"},
    "odd names": {
        " leading blank.bin": b"1",
        "two  blanks.bin": b"2",
        "-dash.json": b"3",
        ".hidden": b"4",
        "quote'\"$(touch x)`;&|<>*?[].json": b"5",
        "%20#@~^=+,(){}.txt": b"6",
    },
    "names beyond ASCII": {
        "modèle.bin": b"composed",
        "mode\u0301 le.json": b"decomposed",
        "模型/权重.safetensors": b"han",
        "نموذج.bin": b"arabic",
        "🤗.txt": b"not in the basic plane",
        "\uffee.txt": b"sorts before it by code point, behind it in UTF-16",
    },
    "an empty file": {"empty.txt": b"", "model.bin": b"weights"},
    "files that the Hub adds": {".gitattributes": b"*.bin filter=lfs", "model.bin": b"weights", "sub/.gitignore": b""},
}


class Tool:
    """The reference tool, with a key that ours has made."""

    def __init__(self, program: Path, public: Path) -> None:
        self._program, self._public = program, public

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        argv = [str(self._program), *map(str, words)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_S)

    def accepts(self, folder: Path, seal: Path | None = None) -> bool:
        seal = seal or folder / "model.sig"
        done = self.run("verify", "key", folder, "--signature", seal, "--public_key", self._public)
        return done.returncode == 0


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    with running(tmp_path_factory.mktemp("oms") / "reg") as found:
        yield found


@pytest.fixture(scope="module")
def person(registry: RegistryProcess, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody whose keys were made by `keygen`, and who owns acme-lab."""
    person = Person(tmp_path_factory.mktemp("person"), registry)
    for name, kind in (("ana", "ecdsa-p256"), ("ci", "ecdsa-p256"), ("ed", "ed25519")):
        person.run("keygen", "-o", name, "--type", kind).says(0)
    person.ns_toml("acme-lab", ["ana"], ["ci", "ed"])
    person.run("claim", "ns.toml", "--key", "ana.key").says(10)
    (claim,) = operate(registry.folder, "claims", "list", "-q").out.split()
    operate(registry.folder, "claims", "approve", claim, "--without-evidence", "a test", "--yes")
    return person


@pytest.fixture(scope="module")
def tool(model_signing: Path, person: Person) -> Tool:
    return Tool(model_signing, person.here / "ci.pub")


def sign(person: Person, name: str, repo: str = "acme-lab/atlas-7b", key: str = "ci.key") -> Path:
    person.run("sign", f"./{name}", "--repo", f"{repo}@{COMMIT}", "--no-hub", "--key", key).says(0, "SIGNED")
    return person.here / name


# seals


@pytest.mark.parametrize("shape", SHAPES)
def test_the_tool_accepts_what_sign_writes(shape: str, person: Person, tool: Tool) -> None:
    name = re.sub("[^a-z]", "", shape)
    person.model(name, SHAPES[shape])
    assert tool.accepts(sign(person, name))


def test_the_tool_refuses_a_changed_and_an_added_file(person: Person, tool: Tool) -> None:
    person.model("changed", SHAPES["an empty file"])
    folder = sign(person, "changed")
    (folder / "loader.py").write_text("import os\n")
    assert not tool.accepts(folder)
    (folder / "loader.py").unlink()
    (folder / "empty.txt").write_bytes(b"\0")
    assert not tool.accepts(folder)
    (folder / "empty.txt").write_bytes(b"")
    assert tool.accepts(folder)


def test_the_tool_accepts_a_real_model_as_publish_leaves_it(person: Person, tool: Tool, minilm: Path) -> None:
    folder = person.here / "all-MiniLM-L6-v2"
    shutil.copytree(minilm, folder, ignore=shutil.ignore_patterns("__pycache__"))
    where = ("--repo", "acme-lab/all-MiniLM-L6-v2", "--revision", COMMIT, "--no-hub")
    for again in (False, True):
        done = person.run("publish", "./all-MiniLM-L6-v2", *where, "--key", "ci.key").says(0, "VERIFIED")
        assert ("it was in the log already" in done.out) == again
        assert tool.accepts(folder)
    shutil.copy(folder / "model.sig", person.here / "elsewhere.sig")
    (folder / "model.sig").unlink()
    assert tool.accepts(folder, person.here / "elsewhere.sig")
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)[0]
        file.seek(1_000_000)
        file.write(bytes([byte ^ 1]))
    assert not tool.accepts(folder, person.here / "elsewhere.sig")


def test_the_tool_takes_a_seal_for_the_key_that_made_it_only(person: Person, tool: Tool, model_signing: Path) -> None:
    person.model("other", {"config.json": b"{}"})
    folder = sign(person, "other", key="ana.key")
    assert not tool.accepts(folder)
    assert Tool(model_signing, person.here / "ana.pub").accepts(folder)


# keys


def openssl(person: Person, *words: str) -> str:
    done = subprocess.run(["openssl", *words], cwd=person.here, capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["ci", "ed"])
def test_openssl_reads_our_keys(person: Person, name: str) -> None:
    public = (person.here / f"{name}.pub").read_text()
    assert openssl(person, "pkey", "-in", f"{name}.key", "-pubout") == public
    assert openssl(person, "pkey", "-pubin", "-in", f"{name}.pub") == public


def test_openssl_reads_our_encrypted_keys_and_we_read_its(person: Person) -> None:
    (person.here / "password").write_text(PASSWORD + "\n")
    person.run("keygen", "-o", "locked", "--password-file", "password").says(0, "encrypted")
    public = openssl(person, "pkey", "-in", "locked.key", "-passin", "file:password", "-pubout")
    assert public == (person.here / "locked.pub").read_text()
    kind = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "file:password")
    openssl(person, "genpkey", *kind, "-out", "theirs.key")
    person.model("theirs", {"config.json": b"{}"})
    words = ("sign", "./theirs", "--repo", f"acme-lab/theirs@{COMMIT}", "--no-hub", "--key", "theirs.key")
    person.run(*words, "--password-file", "password").says(0, "SIGNED")
    person.run(*words).says(2, "password")


def test_the_tool_signs_with_our_keys(person: Person, tool: Tool) -> None:
    folder = person.model("by-the-tool", {"config.json": b"{}"})
    seal = person.here / "by-the-tool.sig"
    done = tool.run("sign", "key", folder, "--private_key", person.here / "ci.key", "--signature", seal)
    assert done.returncode == 0, done.stderr
    assert tool.accepts(folder, seal)
    # and what it signs is no seal of a repo: it does not say which one it is
    person.run("show", "./by-the-tool.sig").says(0, "UNVERIFIED signature of another tool by-the-tool")
    person.run("verify", "./by-the-tool", "--signature", "by-the-tool.sig", "--key", "ci.pub").says(
        0, "SIGNATURE VALID"
    )


# exports


@pytest.mark.parametrize(("key", "lines"), [("ci", 4), ("ed", 3)])
def test_the_commands_of_an_export_run_as_they_stand(
    person: Person, registry: RegistryProcess, model_signing: Path, key: str, lines: int
) -> None:
    folder, repo = person.model(f"exported-{key}", SHAPES["odd names"]), f"acme-lab/exported-{key}"
    person.run("publish", f"./{folder.name}", "--repo", f"{repo}@{COMMIT}", "--no-hub", "--key", f"{key}.key").says(0)
    person.run("show", repo, "--export", f"./{key}.export").says(0, "README.txt", "release.tlog-proof")
    export = person.here / f"{key}.export"
    commands = re.findall(r"^    (\S.*)$", (export / "README.txt").read_text(), re.MULTILINE)
    assert len(commands) == lines

    def run() -> list[subprocess.CompletedProcess[str]]:
        path = f"{model_signing.parent}{os.pathsep}{os.environ['PATH']}"
        env = {**person.env, "PATH": path, "MODEL": str(folder)}
        return [
            subprocess.run(["sh", "-c", line], cwd=export, env=env, capture_output=True, text=True) for line in commands
        ]

    for line, done in zip(commands, run(), strict=True):
        assert done.returncode == 0, (line, done.stderr)
    leaf = (export / "release.json").read_bytes()
    assert done.stdout.split()[0] == hashlib.sha256(b"\0" + leaf).hexdigest()
    (folder / ".hidden").write_bytes(b"!")
    bad = [line for line, done in zip(commands, run(), strict=True) if done.returncode]
    assert bad == commands[1:-1]  # all but the test of the folder and the leaf's hash
