"""The gate: what may pass of a repo, asked once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal.errors import Refused
from modelseal.formats.entries import Entry
from modelseal.formats.envelope import RECORD
from modelseal.journeys.allow import Allow, Allowing
from modelseal.journeys.gate import Gate
from modelseal.passing import Passing, Stopped
from tests.support import make
from tests.support.hub import Hub
from tests.support.scene import ACME, ANA, CI, GOOD, NEWER, REPO, Scene, acme, files_of, publish, scene
from tests.support.world import WATCHER, World


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with scene(tmp_path) as one:
        _become(one, monkeypatch)
        yield one


def _become(one: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSEAL_HOME", str(one.someone.home))
    monkeypatch.delenv("HF_ENDPOINT", raising=False)


def _passes(found: Passing | Stopped) -> Passing:
    assert isinstance(found, Passing), found
    return found


def _stops(found: Passing | Stopped) -> Stopped:
    assert isinstance(found, Stopped), found
    return found


def test_of_a_sealed_repo_the_files_of_its_seal_pass(here: Scene) -> None:
    for revision in (None, "main", "HEAD", make.revision(1)):
        found = _passes(Gate().passing(REPO, revision))
        assert found.files == {file.name: file for file in files_of(GOOD)}
        assert found.commit == make.revision(1) and found.word == "sealed"
    assert found.verdict.qualifier == "(registry's word only)" and "sealed by Acme Lab" in found.verdict.says


def test_no_revision_is_the_newest_release_and_a_commit_is_that_one(here: Scene) -> None:
    publish(here.world, 2, NEWER)
    here.serve()
    gate = Gate()
    assert _passes(gate.passing(REPO, None)).commit == make.revision(2)
    older = _passes(gate.passing(REPO, make.revision(1)))
    assert older.commit == make.revision(1) and older.files["model.safetensors"].size == len(GOOD["model.safetensors"])


def test_it_asks_once_and_remembers(here: Scene) -> None:
    gate = Gate()
    gate.passing(REPO, None)
    asked = len(here.address.asked)
    for revision in (None, "main", "HEAD"):
        gate.passing(REPO, revision)
    assert len(here.address.asked) == asked


def test_what_is_remembered_is_asked_again_after_a_while(here: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelseal.journeys.gate.REMEMBER_S", -1.0)
    gate = Gate()
    release = publish(here.world, 2, NEWER)
    here.serve()
    assert _passes(gate.passing(REPO, None)).commit == make.revision(2)
    here.world.revoke(REPO, release.seal, [CI])
    here.serve()
    assert _passes(gate.passing(REPO, None)).commit == make.revision(1)


def test_what_nobody_has_sealed_is_stopped(here: Scene) -> None:
    found = _stops(Gate().passing(f"{ACME}/other", None))
    assert (found.word, found.exit_code) == ("unknown", 5)
    assert found.words.startswith("UNKNOWN acme-lab/other: ")


def test_no_answer_stops_and_is_soon_asked_again(here: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelseal.journeys.gate.REMEMBER_FAILURE_S", -1.0)
    gate = Gate()
    here.address.files.clear()
    found = _stops(gate.passing(REPO, None))
    assert (found.word, found.exit_code, found.is_for_now) == ("unavailable", 6, True)
    here.serve()
    _passes(gate.passing(REPO, None))


def test_without_a_trust_root_everything_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSEAL_HOME", str(tmp_path))
    found = _stops(Gate().passing(REPO, None))
    assert found.exit_code == 6 and "trust add" in found.words


def test_a_pull_request_is_no_release(here: Scene) -> None:
    found = _stops(Gate().passing(REPO, "refs/pr/1"))
    assert isinstance(found.outcome, Refused) and found.exit_code == 6
    assert "pull request" in found.words


def test_a_branch_is_the_commit_that_the_hub_says(here: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.commit("models/acme-lab/atlas-7b", GOOD)
        there = hub.commit("models/acme-lab/atlas-7b", {}, ref="v1")
        here.world.log_signed(*_release_at(here.world, there))
        here.serve()
        assert _passes(Gate().passing(REPO, "v1")).commit == there
        assert "no such revision" in _stops(Gate().passing(REPO, "v2")).words


def _release_at(world: World, commit: str) -> tuple[str, tuple[Entry, ...]]:
    bundle = make.seal(CI, REPO, commit, files_of(GOOD))
    record = make.release(bundle, CI, origin=world.signer.origin)
    world.seals.update({"seal/sha256/" + make.digest(bundle): bundle})
    return record, make.entries(RECORD, record, [CI])


@pytest.mark.parametrize("claimed", ["0123456789abcdef01234567", None])
def test_another_owner_on_the_hub_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claimed: str | None
) -> None:
    world = World(now=acme().now)
    text = make.claim(ACME, [ANA], [(CI, f"{ACME}/*")], hub_owner_id=claimed)
    world.log(make.identity(text, [ANA]), [make.key("ops")])
    world.publish(REPO, 1, CI, files_of(GOOD))
    with scene(tmp_path, world) as one, Hub() as hub:
        _become(one, monkeypatch)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.owner("acme-lab", id="f" * 24)
        found = Gate().passing(REPO, None)
        if claimed is None:
            _passes(found)
        else:
            assert "owner changed" in _stops(found).words and found.word == "failed"
            hub.owner("acme-lab", id=claimed)
            _passes(Gate().passing(REPO, None))


def test_a_repo_that_the_rules_let_pass_is_what_the_hub_lists(
    here: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[allow]]\nrepos = ["hf://someuser/other"]\nverdicts = ["unknown"]\n')
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        commit = hub.commit("models/someuser/other", GOOD)
        gate = Gate(allowing=Allowing.of(Allow(rules=rules), named=None))
        found = _passes(gate.passing("hf://someuser/other", None))
        assert (found.word, found.commit) == ("accepted", commit)
        assert {one.name: one.sha256 for one in files_of(GOOD)} == {n: f.sha256 for n, f in found.files.items()}


def test_a_commit_that_is_not_sealed_passes_if_it_has_the_files_of_the_newest(
    here: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        same = hub.commit("models/acme-lab/atlas-7b", {**GOOD, "model.sig": b"{}"})
        other = hub.commit("models/acme-lab/atlas-7b", {"loader.py": b"import os"})
        assert _passes(Gate().passing(REPO, same)).commit == same
        found = _stops(Gate().passing(REPO, other))
        assert found.word == "failed" and "1 file was added" in found.words


def _observed_world() -> World:
    """Somebody saw the Hub serve GOOD under a name whose owner does not seal, eight days ago."""
    world = World(now=int(time.time()) - 8 * 86_400, observers=[WATCHER])
    world.observe("hf://openai/gpt-oss-20b", 1, files=files_of(GOOD))
    world.now += 8 * 86_400
    return world


def test_an_observed_repo_passes_only_as_it_was_seen_and_where_people_allow_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[allow]]\nrepos = ["hf://openai/*"]\nverdicts = ["observed"]\nobservers = 1\n')
    with scene(tmp_path, _observed_world()) as one, Hub() as hub:
        _become(one, monkeypatch)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.commit("models/openai/gpt-oss-20b", GOOD, id=make.revision(1))
        refused = _stops(Gate().passing("hf://openai/gpt-oss-20b", None))
        assert (refused.word, refused.exit_code) == ("observed", 9) and "NOT SIGNED" in refused.words
        assert not hub.asked  # before anybody accepts it nothing is asked there
        allowing = Allowing.of(Allow(rules=rules), named=None)
        found = _passes(Gate(allowing=allowing).passing("hf://openai/gpt-oss-20b", None))
        assert (found.word, found.commit, found.files.keys()) == ("accepted", make.revision(1), GOOD.keys())
        hub.rewrite("models/openai/gpt-oss-20b", make.revision(1), {"loader.py": b"import os"})
        other = _stops(Gate(allowing=allowing).passing("hf://openai/gpt-oss-20b", None))
        assert (other.word, other.exit_code) == ("failed", 1)


def test_a_revoked_release_is_stopped_by_name(here: Scene) -> None:
    release = publish(here.world, 2, NEWER)
    here.world.revoke(REPO, release.seal, [CI])
    here.serve()
    found = _stops(Gate().passing(REPO, make.revision(2)))
    assert found.words.startswith("FAILED REVOKED (malicious) acme-lab/atlas-7b") and found.exit_code == 1
    assert _passes(Gate().passing(REPO, None)).commit == make.revision(1)
