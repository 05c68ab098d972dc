"""`import modelseal`: what people write in Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import modelseal
from modelseal.errors import Unavailable, Usage
from tests.support.person import COMMIT, Person


@pytest.fixture
def ours(person: Person, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.setenv("MODELSEAL_HOME", str(person.home))
    return person


def test_publish_and_verify(ours: Person) -> None:
    ours.owns("python")
    folder, key = ours.model(), str(ours.here / "ci.key")
    done = modelseal.publish(folder, "python/atlas-7b", key, revision=COMMIT)
    assert done.verdict is not None
    assert (done.verdict.word, done.seal, done.again) == ("verified", folder / "model.sig", False)
    assert done.evidence == ours.here / "atlas-7b.evidence"
    assert modelseal.verify(folder, "python/atlas-7b")
    assert modelseal.verify(str(folder), f"python/atlas-7b@{COMMIT}", evidence=done.evidence, offline=True)
    assert ours.registry is not None
    assert modelseal.verify(folder, "hf://python/atlas-7b", registry=str(ours.registry.public))


def test_a_verdict_that_is_not_zero_is_false(ours: Person) -> None:
    ours.owns("falsy")
    folder = ours.model()
    unknown = modelseal.verify(folder, "falsy/atlas-7b")
    assert (unknown.word, unknown.exit_code, bool(unknown)) == ("unknown", 5, False)
    modelseal.publish(folder, f"falsy/atlas-7b@{COMMIT}", ours.here / "ci.key")
    (folder / "loader.py").write_text("import os")
    failed = modelseal.verify(folder, "falsy/atlas-7b")
    assert not failed
    assert [(one.kind, one.name, one.program) for one in failed.findings] == [("added", "loader.py", True)]
    assert not modelseal.verify(folder, "falsy/atlas-7b", registry="http://127.0.0.1:1")


def test_sign_writes_a_seal_and_asks_nobody(stranger: Person) -> None:
    folder = stranger.model()
    stranger.key("ci")
    signed = modelseal.sign(folder, "acme-lab/atlas-7b", stranger.here / "ci.key", revision=COMMIT)
    assert signed.path == folder / "model.sig"
    assert signed.path.read_text() == signed.seal
    assert len(signed.digest) == 64


def test_hash_folder_gives_both_digests(stranger: Person) -> None:
    folder = stranger.model()
    listing, digests = modelseal.hash_folder(str(folder))
    assert [found.name for found in listing.files] == list(digests) == ["config.json", "model.safetensors"]
    assert all(one.sha256 and one.blake3 for one in digests.values())
    _, some = modelseal.hash_folder(folder, blake3=False)
    assert [one.blake3 for one in some.values()] == [None, None]


def test_errors_say_what_to_do(stranger: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSEAL_HOME", str(stranger.home))
    folder = stranger.model()
    with pytest.raises(Unavailable, match="no registry is trusted") as caught:
        modelseal.verify(folder, "a/b")
    assert "modelseal trust add" in (caught.value.hint or "")
    with pytest.raises(Usage, match="is not a repo"):
        modelseal.verify(folder, "atlas")
    with pytest.raises(modelseal.Error, match="a commit is wanted"):
        modelseal.sign(folder, "a/b", "ci.key")


def test_names_are_listed_and_others_are_not_there() -> None:
    assert {"sign", "verify", "publish", "hash_folder"} <= set(dir(modelseal))
    assert all(getattr(modelseal, name).__doc__ for name in modelseal.__all__)
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        modelseal.frobnicate  # noqa: B018


USE = """
import modelseal
from pathlib import Path

reveal_type(modelseal.verify("./m", "a/b"))
reveal_type(modelseal.sign(Path("m"), "a/b", "k"))
reveal_type(modelseal.publish("./m", "a/b", "k").evidence)
reveal_type(modelseal.hash_folder("./m")[1])
modelseal.verify()
modelseal.verify("./m", "a/b", evidence=1)
"""


def test_a_type_checker_sees_real_types(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(USE)
    root = Path(modelseal.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}/cache", "use.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
    )
    seen = [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("use.py")]
    assert [line for line in seen if line.startswith("note: Revealed")] == [
        'note: Revealed type is "modelseal.verdict.Verdict"',
        'note: Revealed type is "modelseal.journeys.sign.Signed"',
        'note: Revealed type is "pathlib.Path | None"',
        'note: Revealed type is "dict[str, modelseal.hashing.Digests]"',
    ], done.stdout
    errors = [line for line in seen if line.startswith("error: ")]
    assert ["Missing positional" in errors[0], "incompatible type" in errors[1], len(errors)] == [True, True, 2], errors
