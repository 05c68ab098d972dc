"""The Hub's own command runs ours as `hf seal`, once it is told so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelseal.cli import hfseal
from tests.support.client import Ran
from tests.support.servers import environment

BIN = Path(sys.executable).parent
MANIFEST = ".local/share/hf/extensions/hf-seal/manifest.json"


def run(home: Path, program: Path, *words: str) -> Ran:
    env = {**environment(), "HOME": str(home), "MODELSEAL_HOME": str(home), "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
    done = subprocess.run([program, *words], cwd=home, env=env, capture_output=True, text=True, timeout=60)
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("version", ["2.x", "1.31"])
def test_hf_seal_is_modelseal(version: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    hf = BIN / "hf" if version == "2.x" else request.getfixturevalue("hub1").with_name("hf")
    run(tmp_path, BIN / "hf-seal", "--register").says(0, "REGISTERED hf seal", MANIFEST)
    run(tmp_path, hf, "seal", "verify", "--help").says(0, "Say whether files are exactly what their owner sealed")
    done = run(tmp_path, hf, "seal", "verify", "./none", "--repo", "a/b", "--json").says(2)
    assert done.json["error"] == "none: no such file or folder"
    run(tmp_path, hf, "extensions", "remove", "seal").says(0)
    assert not (tmp_path / MANIFEST).exists()


def test_the_script_alone_is_modelseal(tmp_path: Path) -> None:
    run(tmp_path, BIN / "hf-seal", "--version").says(0, "modelseal ")


def test_no_update_can_ever_put_something_in_our_place() -> None:
    # what GitHub allows as the name of an account; `hf extensions update` fetches OWNER/hf-seal from there
    assert not re.fullmatch(r"[A-Za-z0-9_.-]+", hfseal.OWNER)


def register(home: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> int | str | None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(sys, "argv", [script, "--register"])
    with pytest.raises(SystemExit) as ended:
        hfseal.main()
    return ended.value.code


def test_registering_keeps_what_others_put_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, script = tmp_path / MANIFEST, str(BIN / "hf-seal")
    assert register(tmp_path, monkeypatch, script) == 0
    assert register(tmp_path, monkeypatch, script) == 0  # a newer version at another place, say
    mine = json.loads(file.read_bytes())
    assert mine["executable_path"] == script and os.access(script, os.X_OK)
    for other in ('{"owner": "somebody"}', "{}", "not JSON", "[]"):
        file.write_text(other)
        assert register(tmp_path, monkeypatch, script) in (1, 2)
        assert file.read_text() == other


def test_what_is_not_the_script_cannot_be_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register(tmp_path, monkeypatch, str(BIN / "modelseal")) == 2
    assert "is not the script hf-seal" in capsys.readouterr().err
    assert not (tmp_path / ".local").exists()
