"""`import modelseal`: what people write in Python."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

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
    done = modelseal.publish(folder, "python/atlas-7b", key, revision=COMMIT, hub=False)
    assert done.verdict is not None
    assert (done.verdict.word, done.seal, done.again) == ("verified", folder / "model.sig", False)
    assert done.evidence == ours.here / "atlas-7b.evidence"
    assert modelseal.verify(folder, "python/atlas-7b")
    assert modelseal.verify(str(folder), f"python/atlas-7b@{COMMIT}", evidence=done.evidence, offline=True)
    assert ours.registry is not None
    assert modelseal.verify(folder, "hf://python/atlas-7b", registry=str(ours.registry.public))


def test_a_seal_is_replaced_with_the_controllers(ours: Person) -> None:
    ours.owns("pythons")
    folder, key, ana = ours.model(), ours.here / "ci.key", ours.here / "ana.key"
    first = modelseal.publish(folder, f"pythons/atlas-7b@{COMMIT}", key, hub=False)
    (folder / "config.json").write_bytes(b"[]")
    with pytest.raises(Usage, match="unless it replaces a seal"):
        modelseal.publish(folder, f"pythons/atlas-7b@{COMMIT}", key, hub=False, controllers=[ana])
    waits = modelseal.publish(folder, f"pythons/atlas-7b@{COMMIT}", key, hub=False, replace_seal=True)
    assert (waits.verdict, waits.draft, waits.seal) == (None, ours.here / "atlas-7b.record", None)
    assert waits.waits_for == "signed by 0 of 1 controllers"
    done = modelseal.publish(folder, f"pythons/atlas-7b@{COMMIT}", key, hub=False, replace_seal=True, controllers=[ana])
    assert done.verdict is not None and done.replaces is not None
    assert (done.verdict.word, done.replaces.release.seal.hex()) == ("verified", first.signed.digest)


def test_a_verdict_that_is_not_zero_is_false(ours: Person) -> None:
    ours.owns("falsy")
    folder = ours.model()
    unknown = modelseal.verify(folder, "falsy/atlas-7b")
    assert (unknown.word, unknown.exit_code, bool(unknown)) == ("unknown", 5, False)
    modelseal.publish(folder, f"falsy/atlas-7b@{COMMIT}", ours.here / "ci.key", hub=False)
    (folder / "loader.py").write_text("import os")
    failed = modelseal.verify(folder, "falsy/atlas-7b")
    assert not failed
    assert [(one.kind, one.name, one.program) for one in failed.findings] == [("added", "loader.py", True)]
    assert not modelseal.verify(folder, "falsy/atlas-7b", registry="http://127.0.0.1:1")


def test_sign_writes_a_seal_and_asks_nobody(stranger: Person) -> None:
    folder = stranger.model()
    stranger.key("ci")
    signed = modelseal.sign(folder, "acme-lab/atlas-7b", stranger.here / "ci.key", revision=COMMIT, hub=False)
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


def test_verify_signature_asks_nobody_and_names_no_repo(stranger: Person) -> None:
    folder = stranger.model()
    stranger.key("ci")
    stranger.run("sign", folder, "--plain", "--key", "ci.key").says(0)
    key = stranger.here / "ci.pub"
    verdict = modelseal.verify_signature(folder, folder / "model.sig", key=key)
    assert isinstance(verdict, modelseal.SignatureVerdict)
    assert (verdict.word, verdict.exit_code, bool(verdict), verdict.equal) == ("signature-valid", 0, True, 2)
    assert verdict.signer is not None and verdict.signer.who.startswith("key SHA256:")
    (folder / "config.json").write_text("[]")
    failed = modelseal.verify_signature(str(folder), str(folder / "model.sig"), key=str(key), recheck=True)
    assert (failed.word, failed.exit_code, bool(failed)) == ("failed", 1, False)
    assert [(one.kind, one.name) for one in failed.findings] == [("differs", "config.json")]
    for how in ({}, {"key": key, "certificate_chain": [key]}, {"key": key, "jobs": 0}):
        with pytest.raises(Usage):
            modelseal.verify_signature(folder, folder / "model.sig", **how)  # type: ignore[arg-type]


def test_what_the_readme_says_runs(ours: Person, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    ours.owns("acme-lab")
    modelseal.publish(ours.model(), "acme-lab/atlas-7b", ours.here / "ci.key", revision=COMMIT, hub=False)
    (ours.here / "ci.pub").rename(ours.here / "signer.pub")
    text = (Path(__file__).parents[2] / "client/README.md").read_text()
    code = textwrap.dedent("".join(re.findall(r"^    import modelseal\n\n(?:    .*\n)+", text, re.MULTILINE)))
    assert "verify_signature" in code
    monkeypatch.chdir(ours.here)
    with pytest.raises(SystemExit) as ended:
        exec(code, {})
    assert ended.value.code == 0
    assert re.match(r"verified : sealed by .*|verified , sealed by .*", capsys.readouterr().out)


def test_errors_say_what_to_do(stranger: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSEAL_HOME", str(stranger.home))
    folder = stranger.model()
    with pytest.raises(Unavailable, match="no registry is trusted") as caught:
        modelseal.verify(folder, "a/b")
    assert "modelseal trust add" in (caught.value.hint or "")
    with pytest.raises(Usage, match="is not a repo"):
        modelseal.verify(folder, "atlas")
    with pytest.raises(modelseal.Error, match="a revision is wanted"):
        modelseal.sign(folder, "a/b", "ci.key")


def test_names_are_listed_and_others_are_not_there() -> None:
    assert {"sign", "verify", "verify_signature", "publish", "hash_folder"} <= set(dir(modelseal))
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
reveal_type(modelseal.verify_signature("./m", "m.sig", key="k.pub"))
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
        'note: Revealed type is "modelseal.foreign.judge.SignatureVerdict"',
    ], done.stdout
    errors = [line for line in seen if line.startswith("error: ")]
    assert ["Missing positional" in errors[0], "incompatible type" in errors[1], len(errors)] == [True, True, 2], errors
