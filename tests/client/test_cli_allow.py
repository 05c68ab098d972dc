"""--accept, --strict, --locked, --lock and --rules of `verify` and `scan`, typed as people type them."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelseal
from modelseal.formats import paths
from modelseal.journeys import allow
from tests.support import make
from tests.support.cache import HubCache
from tests.support.client import Address, Someone
from tests.support.scene import ACME, ANA, BAD, GOOD, NAME, NEWER, REPO, VERIFY, Scene, acme, publish, scene
from tests.support.witness import Witness

FIRST, SECOND = make.revision(1), make.revision(2)
OTHER = ("verify", "./bad", "--repo", "nobody/x")
HOUSE = '[[allow]]\nrepos = ["hf://nobody/*"]\nverdicts = ["unknown"]\n'
UNTIL = "until = 2099-01-31\n"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path) as found:
        yield found


def rules(scene: Scene, text: str, name: str = "rules.toml") -> Path:
    path = scene.someone.home / name
    path.write_text(text)
    path.chmod(0o644)
    return path


def exception(verdict: str = "failed", more: str = UNTIL) -> str:
    return f'[[exception]]\nrepo = "{REPO}"\ncommit = "{FIRST}"\nverdict = "{verdict}"\nreason = "by contract"\n{more}'


# --accept


def test_unknown_is_accepted_for_the_repo_that_is_typed_and_never_called_verified(here: Scene) -> None:
    here.someone.types(*OTHER).says(5, "UNKNOWN nobody/x")
    ran = here.someone.types(*OTHER, "--accept", "unknown").says(0, "ACCEPTED UNKNOWN nobody/x: nobody has sealed")
    assert ran.out.startswith("ACCEPTED ") and "VERIFIED" not in ran.out and "accepted: --accept unknown" in ran.out
    value = here.someone.types(*OTHER, "--accept", "observed, unknown", "--json").says(0).json
    assert (value["verdict"], value["accepted"], value["use"], value["exit"]) == (
        "unknown", "--accept unknown", "ask", 0,
    )  # fmt: skip
    assert value["next"] == []


def test_only_exactly_that_verdict_is_accepted(here: Scene) -> None:
    here.someone.types(*OTHER, "--accept", "observed,pinned").says(5, "UNKNOWN nobody/x")
    here.someone.types("verify", "./bad", "--repo", NAME, "--accept", "unknown,observed").says(1, "FAILED")
    away = ("--registry", "http://127.0.0.1:1")
    here.someone.types(*OTHER, "--accept", "unknown,pinned", *away).says(6, "UNAVAILABLE")


def test_a_repo_of_an_owner_who_seals_others_is_not_accepted_as_unknown(here: Scene) -> None:
    words = ("verify", "./bad", "--repo", "acme-lab/other")
    here.someone.types(*words, "--accept", "unknown").says(
        5, "UNKNOWN", "seals its repos, so this one may not be theirs"
    )
    rules(here, '[[allow]]\nrepos = ["acme-lab/*"]\nverdicts = ["unknown"]\n')
    here.someone.types(*words).says(5, "allows unknown for acme-lab/*, not here")


@pytest.mark.parametrize("word", ["failed", "impersonation", "unofficial-copy", "unavailable", "log-misbehaved"])
def test_what_is_bad_is_accepted_by_no_word(here: Scene, word: str) -> None:
    here.someone.types(*OTHER, "--accept", word).says(2, f"'{word}' cannot be accepted", "exception in rules.toml")


@pytest.mark.parametrize("word", ["", "UNKNOWN", "unknown,", "all", "verified"])
def test_any_other_word_is_wrong_use(here: Scene, word: str) -> None:
    here.someone.types(*OTHER, "--accept", word).says(2, "cannot be accepted", "observed, unknown, pinned")


def test_without_a_repo_there_is_nothing_to_accept(here: Scene, tmp_path: Path) -> None:
    snapshot = HubCache(tmp_path / "hub").snapshot("models--nobody--x", FIRST, GOOD)
    here.someone.types("verify", snapshot.as_posix(), "--accept", "unknown").says(2, "--repo OWNER/NAME")
    here.someone.types("verify", snapshot.as_posix(), "--repo", "nobody/x", "--accept", "unknown").says(0, "ACCEPTED")
    here.someone.types("verify", "nobody/x", "--cache-dir", str(tmp_path / "hub"), "--accept", "unknown").says(0)
    here.someone.types("verify", "--accept", "unknown").says(2, "there is none")
    here.someone.types("scan", "--accept", "unknown").says(2, "No such option")
    here.someone.types(*OTHER, "--accept", "unknown", "--strict").says(2, "--strict accepts nothing")


def test_what_is_accepted_is_handed_over_and_reported(here: Scene) -> None:
    reports = [word for kind in ("html", "sarif", "cdx.json", "json") for word in ("--report", f"r.{kind}")]
    here.someone.types(*OTHER, "--accept", "unknown", "--copy-to", "taken", *reports).says(
        0, "ACCEPTED UNKNOWN", "copied:"
    )
    assert {path.name: path.read_bytes() for path in (here.someone.here / "taken").iterdir()} == BAD
    for kind in ("html", "sarif", "cdx.json", "json"):
        assert "--accept unknown" in (here.someone.here / f"r.{kind}").read_text(), kind


def test_in_python_too(here: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in here.someone.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(here.someone.here)
    found = modelseal.verify("./bad", "nobody/x", accept=["unknown"])
    assert found and found.word == "unknown" and found.accepted == "--accept unknown"
    with pytest.raises(modelseal.Error, match="cannot be accepted"):
        modelseal.verify("./bad", "nobody/x", accept=["failed"])


# rules.toml


def test_a_rule_allows_what_it_names_and_nothing_else(here: Scene) -> None:
    rules(here, HOUSE)
    here.someone.types(*OTHER).says(0, "ACCEPTED UNKNOWN nobody/x", "rules.toml allows unknown for nobody/*")
    here.someone.types("verify", "./bad", "--repo", "somebody/x").says(5)
    here.someone.types("verify", "./bad", "--repo", "datasets/nobody/x").says(5)
    here.someone.types("verify", "./bad", "--repo", NAME).says(1)


def test_the_strictest_of_all_files_wins(here: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = rules(here, HOUSE)
    more = rules(here, "", "more.toml")
    here.someone.types(*OTHER, "--rules", str(more)).says(5, "another rules file does not allow it")
    here.someone.types(*OTHER, env={"MODELSEAL_RULES": str(more)}).says(5)
    more.write_text(HOUSE)
    here.someone.types(*OTHER, "--rules", str(more)).says(0, "rules.toml allows", "more.toml allows")
    here.someone.types(*OTHER, "--rules", str(house)).says(0)  # the same file twice is one file
    system = tmp_path / "system.toml"
    system.write_text("strict = true")
    monkeypatch.setattr(allow, "SYSTEM", system)
    here.someone.types(*OTHER, "--accept", "unknown").says(2, "says strict")
    here.someone.types(*VERIFY).says(6, "no independent mirror", "--strict")


def test_rules_are_never_taken_from_the_working_folder_or_from_what_is_verified(here: Scene) -> None:
    for place in (here.someone.here, here.someone.here / "bad"):
        (place / "rules.toml").write_text(HOUSE)
    here.someone.types(*OTHER).says(5)
    here.someone.types(*OTHER, "--rules", "./bad/rules.toml").says(2, "lies in what is verified")
    (here.someone.here / "bad/rules.toml").unlink()
    here.someone.types(*OTHER, "--rules", "./rules.toml").says(0)  # somebody typed it


@pytest.mark.parametrize(
    ("text", "says"),
    {
        "broken": ("[[allow", "not TOML"),
        "unknown key": ("lax = 1", "unknown field 'lax'"),
        "wrong type": ("strict = 1", "not true or false"),
    }.values(),
)
def test_wrong_rules_end_everything_with_2(here: Scene, text: str, says: str) -> None:
    rules(here, text)
    for words in (VERIFY, OTHER, ("scan",)):
        here.someone.types(*words).says(2, says, "rules.toml")


def test_rules_that_others_could_write_are_refused(here: Scene) -> None:
    path = rules(here, HOUSE)
    path.chmod(0o664)
    here.someone.types(*OTHER).says(2, "others can write it (mode 664)", "chmod go-w")
    path.chmod(0o640)
    here.someone.types(*OTHER).says(0)
    if os.geteuid() == 0:
        os.chown(path, 4711, 0)
        here.someone.types(*OTHER).says(2, "belongs to user 4711, neither to root nor to this one")
    path.unlink()
    here.someone.types(*OTHER, "--rules", "nowhere.toml").says(2, "nowhere.toml: no such file")
    path.mkdir()
    here.someone.types(*OTHER).says(2, "not a regular file")


def test_an_exception_is_for_one_commit_its_files_and_a_time(here: Scene) -> None:
    release = publish(here.world, 1, GOOD, f"{ACME}/other")
    here.world.revoke(f"{ACME}/other", release.seal, [ANA])
    here.serve()
    words = ("verify", "./atlas-7b", "--repo", "acme-lab/other")
    here.someone.types(*words).says(1, "REVOKED")
    other = exception().replace(REPO, f"{ACME}/Other")
    rules(here, other)
    here.someone.types(*words, "--json").says(1)  # which release it was is not asked: every one is revoked
    ran = here.someone.types(words[0], words[1], words[2], f"acme-lab/other@{FIRST}").says(0, "ACCEPTED FAILED REVOKED")
    assert "until 2099-02-01 00:00 UTC: by contract" in ran.out and "VERIFIED" not in ran.out
    here.someone.types("verify", "./bad", *words[2:3], f"acme-lab/other@{FIRST}").says(1, "for other files than these")
    rules(here, other.replace("2099", "2020"))
    here.someone.types(*words[:3], f"acme-lab/other@{FIRST}").says(1, "ended on 2020-02-01")


def test_an_exception_can_name_contents_that_the_log_does_not_know(here: Scene) -> None:
    from modelseal.formats.manifest import fileset
    from tests.support.client import sealed_files

    words = ("verify", "./bad", "--repo", f"{NAME}@{FIRST}")
    rules(here, exception())
    here.someone.types(*words).says(1, "for other files than these")
    rules(here, exception(more=f'fileset = "{fileset(sealed_files(BAD)).hex()}"\n{UNTIL}'))
    here.someone.types(*words).says(0, "ACCEPTED FAILED")
    here.someone.types("verify", "./bad", "--repo", f"{NAME}@{SECOND}").says(1)
    (here.someone.here / "bad/loader.py").write_text("")
    here.someone.types(*words).says(1, "1 file was added")
    (here.someone.here / "bad/loader.py").unlink()
    (here.someone.here / "bad/link").symlink_to("config.json")
    here.someone.types(*words).says(1, "link: ")


def test_no_exception_is_accepted_against_the_lock(here: Scene, tmp_path: Path) -> None:
    from modelseal.formats.manifest import fileset
    from tests.support.client import sealed_files

    text = exception(more=f'fileset = "{fileset(sealed_files(BAD)).hex()}"\n{UNTIL}')
    rules(here, text + "\n" + text.replace(REPO, f"{ACME}/other"))
    words = ("verify", "./bad", "--repo", f"{NAME}@{FIRST}")
    here.someone.types(*words).says(0, "ACCEPTED FAILED")
    release = publish(here.world, 1, BAD, f"{ACME}/other")
    here.world.revoke(f"{ACME}/other", release.seal, [ANA])
    here.serve()
    hub = HubCache(tmp_path / "hub")
    hub.snapshot("models--acme-lab--other", FIRST, BAD)
    here.someone.types("scan", "--cache-dir", str(hub.hub)).says(0, "ACCEPTED FAILED")
    lock(here, NAME)
    here.someone.types(*words).says(1, "modelseal.lock has other files of it: nothing else is accepted")
    here.someone.types("scan", "--cache-dir", str(hub.hub)).says(0)
    here.someone.types("scan", "--cache-dir", str(hub.hub), "--locked").says(1, "FAILED")


def test_an_exception_for_no_answer_wants_contents(here: Scene) -> None:
    away = ("--registry", "http://127.0.0.1:1")
    rules(here, exception("unavailable"))
    words = ("verify", "./atlas-7b", "--repo", f"{NAME}@{FIRST}", *away)
    here.someone.types(*words).says(6, "nothing says which bytes are meant")
    release = here.world.ask(REPO).chosen
    assert release is not None
    rules(here, exception("unavailable", f'fileset = "{release.release.fileset.hex()}"\n{UNTIL}'))
    here.someone.types(*words).says(0, "ACCEPTED UNAVAILABLE")
    here.someone.types(*words[:1], "./bad", *words[2:]).says(6, "for other files")


# --strict


def test_strict_wants_independent_mirrors_a_clock_and_all_files(tmp_path: Path) -> None:
    world = acme()
    world.watched([*map(Witness.named, "abc")], 2)
    with Address() as address:
        there = Scene(tmp_path, world, address)
        there.someone.types(*VERIFY, "--strict").says(0, "VERIFIED acme-lab")
        there.someone.types(*VERIFY, "--strict", "--partial").says(2, "--strict wants complete folders")
        (there.someone.here / "e").write_bytes(world.evidence(REPO))
        evidence = ("--evidence", "e", "--as-of", "evidence")
        there.someone.types(*VERIFY, *evidence).says(0, "VERIFIED AS OF")
        there.someone.types(*VERIFY, *evidence, "--strict").says(2, "not --as-of evidence")
        hub = HubCache(tmp_path / "hub")
        hub.snapshot("models--acme-lab--atlas-7b", FIRST, {"config.json": GOOD["config.json"]})
        part = ("verify", NAME, "--cache-dir", str(hub.hub))
        there.someone.types(*part).says(0, "VERIFIED 1 of 2 files")
        there.someone.types(*part, "--strict").says(1, "1 file is missing")


def test_strict_does_not_take_the_registrys_word_alone(here: Scene) -> None:
    here.someone.types(*VERIFY, "--strict").says(6, "UNAVAILABLE", "no independent mirror has checked the log")
    here.someone.types("verify", "./bad", "--repo", NAME, "--strict").says(1, "FAILED")
    rules(here, HOUSE)
    here.someone.types(*OTHER, "--strict").says(6)


# modelseal.lock


def lock(scene: Scene, *repos: str) -> Path:
    scene.someone.types("lock", *repos).says(0, "LOCKED")
    return scene.someone.here / "modelseal.lock"


def test_a_locked_repo_is_taken_at_its_commit_and_nothing_else_for_it(here: Scene) -> None:
    lock(here, NAME)
    publish(here.world, 2, NEWER)
    here.serve()
    here.someone.folder("newer", NEWER)
    here.someone.types(*VERIFY).says(0, "VERIFIED", FIRST)
    newer = ("verify", "./newer", "--repo", NAME)
    here.someone.types(*newer).says(1, f"these are the files of {SECOND}, not of {FIRST}")
    named = here.someone.types(*newer[:3], f"{NAME}@{SECOND}")
    named.says(1, f"not the files that modelseal.lock has of it, those of {FIRST}")
    (here.someone.here / "modelseal.lock").unlink()
    here.someone.types(*newer).says(0, "VERIFIED")


def test_locked_refuses_what_is_not_listed_and_parts(here: Scene, tmp_path: Path) -> None:
    here.someone.types(*VERIFY, "--locked").says(2, "there is no modelseal.lock")
    lock(here, NAME)
    here.someone.types(*VERIFY, "--locked").says(0)
    here.someone.types(*OTHER, "--locked", "--accept", "unknown").says(1, "is not in", "modelseal lock nobody/x")
    here.someone.types(*VERIFY, "--locked", "--partial").says(2, "--locked wants complete folders")
    hub = HubCache(tmp_path / "hub")
    hub.snapshot("models--acme-lab--atlas-7b", FIRST, {"config.json": GOOD["config.json"]})
    hub.snapshot("models--nobody--x", FIRST, GOOD)
    there = ("scan", "--cache-dir", str(hub.hub))
    here.someone.types(*there).says(0, "VERIFIED", "UNKNOWN")
    here.someone.types(*there, "--locked").says(1, "1 file is missing", "not in modelseal.lock, and --locked")


def test_the_lock_is_the_nearest_up_to_the_repository(here: Scene) -> None:
    root = here.someone.here
    above = lock(here, NAME)
    (root / "a/b").mkdir(parents=True)
    shutil.move(above, root / "a/modelseal.lock")
    words = ("verify", str(root / "atlas-7b"), "--repo", NAME, "--locked")

    def typed(folder: str, **env: str) -> int:
        from tests.support.client import inside

        return inside(root / folder, {**here.someone.env, **env}, *words).code

    assert typed("a") == 0
    assert typed("a/b") == 2  # no .git anywhere: only the working folder itself
    (root / "a/.git").mkdir()
    assert typed("a/b") == 0
    (root / "a/b/.git").write_text("gitdir: elsewhere")
    assert typed("a/b") == 2
    assert typed("a/b", MODELSEAL_LOCK=str(root / "a/modelseal.lock")) == 0


def test_a_lock_in_what_is_verified_is_never_used(here: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.client import inside

    path = lock(here, NAME)
    text = path.read_text().replace(FIRST, SECOND)
    path.unlink()
    (here.someone.here / "atlas-7b/modelseal.lock").write_text(text)
    (here.someone.here / "bad/modelseal.lock").write_text(text)
    ran = inside(here.someone.here / "atlas-7b", here.someone.env, "verify", ".", "--repo", NAME, "--locked")
    ran.says(2, "there is no modelseal.lock")
    here.someone.types(*VERIFY, "--lock", "atlas-7b/modelseal.lock").says(2, "lies in what is verified")
    here.someone.types(*VERIFY, env={"MODELSEAL_LOCK": "atlas-7b/modelseal.lock"}).says(2, "lies in what is verified")
    (here.someone.here / "out").symlink_to("atlas-7b")
    here.someone.types(*VERIFY, "--lock", "out/modelseal.lock").says(2, "lies in what is verified")


def test_whose_the_lock_is_and_what_it_is(here: Scene) -> None:
    path = lock(here, NAME)
    if os.geteuid() == 0:
        os.chown(path, 4711, 0)
        for words in (VERIFY, ("lock",), ("scan",)):
            here.someone.types(*words).says(2, "belongs to user 4711")
        os.chown(path, 0, 0)
    path.rename(here.someone.here / "real.lock")
    path.symlink_to("real.lock")
    here.someone.types(*VERIFY).says(2, "a link")
    here.someone.types(*VERIFY, "--locked", "--lock", "modelseal.lock").says(0)  # typed: a mounted file is a link
    path.unlink()
    path.mkdir()
    here.someone.types(*VERIFY).says(2, "not a regular file")
    here.someone.types(*VERIFY, "--lock", "nowhere").says(2, "nowhere: no such file")
    here.someone.types(*VERIFY, "--rules", "~nobody-here/x").says(2, "no such file")
    path.rmdir()
    path.write_text("v = 1\n")
    here.someone.types(*VERIFY).says(2, "end is missing", "version control")
    path.write_bytes(b"")
    os.truncate(path, (32 << 20) + 1)
    here.someone.types(*VERIFY).says(2, "allowed are")


def test_a_fresh_container_refuses_an_older_log_than_the_lock_has_seen(here: Scene, tmp_path: Path) -> None:
    old = here.world.files()
    publish(here.world, 2, NEWER)
    here.serve()
    path = lock(here, NAME)
    fresh = Someone(tmp_path / "fresh", here.world, here.address)
    fresh.folder("newer", NEWER)
    shutil.copy(path, fresh.here)
    here.address.serve({**old, **fresh.trust_files})
    words = ("verify", "./newer", "--repo", NAME)
    fresh.types(*words).says(6, "UNAVAILABLE", "6 leaves, 8 were seen before")
    (fresh.here / "modelseal.lock").unlink()
    assert fresh.types(*words).code == 1  # without it nobody can know


def test_a_log_that_denies_the_lock_misbehaved(here: Scene, tmp_path: Path) -> None:
    publish(here.world, 2, NEWER)
    here.serve()
    path = lock(here, NAME)
    fork = here.world.fork(len(here.world.entries) - 1)
    publish(fork, 3, BAD)
    for number in (4, 5):  # of the same size first, then longer
        for after in (False, True):
            fresh = Someone(tmp_path / f"fresh{number}{after}", here.world, here.address)
            fresh.folder("bad", BAD)
            here.address.serve({**fork.files(), **fresh.trust_files})
            words = ("verify", "./bad", "--repo", f"{NAME}@{make.revision(3)}")
            if after:
                fresh.types(*words).says(0, "VERIFIED")  # this machine has believed the fork, and remembers it
            shutil.copy(path, fresh.here)
            fresh.types(*words).says(8, "LOG MISBEHAVED", "seen before", "answered now")
        publish(fork, number, NEWER)


def test_a_head_that_does_not_verify_here_is_refused(here: Scene) -> None:
    path = lock(here, NAME)
    text = path.read_text()
    stranger = acme()
    stranger.signer = stranger.signer.__class__(
        stranger.signer.origin, make.ed25519("evil"), f"{stranger.signer.origin}/own", make.ed25519("own")
    )
    note = stranger.files()[paths.CHECKPOINT].decode()
    begin, end = text.index('"""\n') + 4, text.rindex('"""')
    path.write_text(text[:begin] + note + text[end:])
    for words in (VERIFY, ("lock",)):
        here.someone.types(*words).says(2, "does not verify under the trust root")
    path.write_text(text)
    here.someone.types(*VERIFY).says(0)


def test_an_entry_that_names_a_log_needs_that_log(here: Scene) -> None:
    path = lock(here, NAME)
    path.write_text(path.read_text().replace('log = "registry.example"', 'log = "other.example"'))
    here.someone.types(*VERIFY).says(6, "has it from the log other.example, and trusted for it is registry.example")
    here.someone.types("verify", "./bad", "--repo", NAME).says(1, "FAILED")
    here.someone.types("lock").says(6, "has it from the log other.example")
    shutil.rmtree(here.someone.home / "trust")
    here.someone.types(*VERIFY, "--accept", "pinned").says(6, "no registry is trusted")


def test_the_lock_overrules_no_revocation(here: Scene) -> None:
    lock(here, NAME)
    chosen = here.world.ask(REPO).chosen
    assert chosen is not None
    here.world.revoke(REPO, chosen.release.seal, [ANA])
    here.serve()
    here.someone.types(*VERIFY, "--locked").says(1, "FAILED REVOKED")
    here.someone.types("lock").says(1, "FAILED REVOKED", "nothing was locked")
    here.someone.types("lock", "--check").says(1, "FAILED REVOKED")


def test_a_commit_in_the_lock_that_was_never_released_fails(here: Scene) -> None:
    path = lock(here, NAME)
    path.write_text(path.read_text().replace(FIRST, SECOND))
    here.someone.types(*VERIFY).says(0, f"{SECOND} itself is not sealed")  # the same contents
    path.write_text(path.read_text().replace('fileset = "', 'fileset = "' + "00" * 32 + '"#'))
    here.someone.types(*VERIFY).says(1, "not the files that modelseal.lock has of it")
    here.someone.types("lock").says(1, "in the lock, and its owner has sealed other files")


def test_verify_without_a_target_is_all_that_the_lock_lists(here: Scene, tmp_path: Path) -> None:
    here.someone.types("verify").says(2, "there is no modelseal.lock", "modelseal lock OWNER/NAME")
    lock(here, NAME)
    hub = HubCache(here.someone.home / ".cache/huggingface/hub")
    here.someone.types("verify").says(1, "FAILED", "it is in modelseal.lock, and not in the Hub cache")
    value = here.someone.types("verify", "--json", "--report", "r.html", "--report", "r.sarif").says(1).json
    assert [one["verdict"] for one in value["snapshots"]] == ["failed"]
    (run,) = json.loads((here.someone.here / "r.sarif").read_text())["runs"]
    assert run["automationDetails"]["id"] == "modelseal/locked/"
    assert [step["argv"] for step in value["next"]] == [["modelseal", "get"]]
    ran = here.someone.types("verify", "--lock", "./modelseal.lock", "--cache-dir", str(hub.hub))
    ran.says(1, f"next:     download what the lock lists: modelseal get --cache-dir {hub.hub} --lock modelseal.lock")
    ran.says(1, "1 repo in the lock: 1 failed")
    hub.snapshot("models--acme-lab--atlas-7b", FIRST, GOOD)
    hub.snapshot("models--nobody--x", FIRST, GOOD)
    ran = here.someone.types("verify").says(0, "VERIFIED", "1 repo in the lock: 1 verified")
    assert "nobody" not in ran.out
    value = here.someone.types("verify", "--locked", "--json").says(0).json
    assert [one["verdict"] for one in value["snapshots"]] == ["verified"]
    hub.snapshot("models--acme-lab--atlas-7b", FIRST, BAD)
    here.someone.types("verify", "--report", "all.json").says(1, "FAILED")
    assert json.loads((here.someone.here / "all.json").read_text())["verdict"] == "failed"
    for words in (("--copy-to", "x"), ("--repo", NAME)):
        here.someone.types("verify", *words).says(2, "for one PATH or REPO")
    here.someone.types("verify", "--signature", "x", "--key", "y").says(2, "no path")


def test_without_a_lock_and_rules_nothing_is_read_twice(here: Scene) -> None:
    began = time.monotonic()
    here.someone.types(*VERIFY).says(0)
    assert time.monotonic() - began < 10 and not (here.someone.home / "locks").exists()
