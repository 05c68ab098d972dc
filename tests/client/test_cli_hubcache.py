"""`modelseal verify REPO[@REV]`: what the Hub cache has of a repo, and which of its snapshots that is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import modelseal
from modelseal import inventory
from modelseal.errors import Usage
from tests.support import make
from tests.support.cache import HubCache
from tests.support.client import Address, Someone, sealed_files
from tests.support.hub import Hub
from tests.support.person import Person
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
ONE, TWO, NINE = (make.revision(n) for n in (1, 2, 9))
CACHED = "models--acme-lab--atlas-7b"
NAME = "acme-lab/atlas-7b"
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 40, "sub/tokenizer.json": b"[]"}
NEWER = {**FILES, "config.json": b"[]"}


@pytest.fixture(scope="module")
def world() -> World:
    world = World(now=int(time.time()))
    world.claim("hf://acme-lab", [ANA], [(CI, scope) for scope in ("hf://acme-lab/*", "hf://datasets/acme-lab/*")])
    world.publish(f"hf://{NAME}", 1, CI, sealed_files(FILES))
    world.publish(f"hf://{NAME}", 2, CI, sealed_files(NEWER))
    world.publish("hf://datasets/acme-lab/corpus", 1, CI, sealed_files(FILES))
    return world


def ref(cache: HubCache, name: str, text: str, repo: str = CACHED) -> None:
    path = cache.hub / repo / "refs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# which snapshot


def test_the_name_alone_means_what_main_is_in_the_cache(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(CACHED, TWO, NEWER)
    cache.snapshot(CACHED, ONE, FILES)  # and refs/main
    ran = someone.run("verify", NAME).says(0, f"revision: {ONE}", "3 of 3 equal the seal")
    assert ran.out.startswith(f"VERIFIED (registry's word only) {NAME}, sealed by Acme Lab")
    ref(cache, "main", TWO + "\n")
    for words in ((NAME,), (f"hf://{NAME}",), (f"{NAME}@main",), ("Acme-Lab/Atlas-7B",)):
        assert someone.types("verify", *words, "--json").says(0).json["revision"] == TWO, words


def test_a_commit_a_branch_and_a_tag_mean_a_snapshot_each(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(CACHED, ONE, FILES)
    cache.snapshot(CACHED, TWO, NEWER)
    ref(cache, "v1", ONE)
    ref(cache, "refs/pr/7", TWO)
    for revision, commit in ((ONE, ONE), (TWO, TWO), ("v1", ONE), ("refs/pr/7", TWO)):
        found = someone.types("verify", f"{NAME}@{revision}", "--json").says(0).json
        assert found["revision"] == commit, revision
    assert someone.types("verify", f"{NAME}@v1", "--json").json["path"] == str(snapshot)


def test_without_main_the_only_snapshot_is_meant_and_several_are_listed(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(CACHED, ONE, FILES)
    (cache.hub / CACHED / "refs/main").unlink()
    someone.types("verify", NAME).says(0, f"revision: {ONE}")
    cache.snapshot(CACHED, TWO, NEWER)
    (cache.hub / CACHED / "refs/main").unlink()
    lines = [f"modelseal verify {NAME}@{commit}" for commit in (ONE, TWO)]
    someone.types("verify", NAME).says(2, "has 2 snapshots of acme-lab/atlas-7b; which one?", *lines)


def test_datasets_have_a_name_of_their_own(someone: Someone, cache: HubCache) -> None:
    cache.snapshot("datasets--acme-lab--corpus", ONE, FILES)
    someone.types("verify", "datasets/acme-lab/corpus").says(0, "VERIFIED", "datasets/acme-lab/corpus")
    cache.snapshot("spaces--acme-lab--corpus", ONE, FILES)
    someone.types("verify", "spaces/acme-lab/corpus").says(5, "UNKNOWN spaces/acme-lab/corpus")
    someone.types("verify", "acme-lab/corpus").says(2, "acme-lab/corpus is not in the Hub cache")


def test_a_part_is_verified_as_one_unless_all_must_be_there(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(CACHED, ONE, {"config.json": b"{}"})
    assert someone.types("verify", NAME).says(0).out.startswith(f"VERIFIED 1 of 3 files (registry's word only) {NAME}")
    assert someone.types("verify", NAME, "--json").says(0).json["complete"] is False
    someone.types("verify", NAME, "--complete").says(1, "2 files are missing")


def test_what_is_not_as_sealed_fails_and_nobody_answering_is_unavailable(
    someone: Someone, cache: HubCache, address: Address
) -> None:
    cache.snapshot(CACHED, ONE, {**FILES, "loader.py": b"import os"})
    someone.types("verify", NAME).says(1, "FAILED", "added:    loader.py (program)")
    address.close()
    someone.types("verify", NAME).says(6, "UNAVAILABLE")


def test_what_is_verified_can_be_handed_over_and_reported(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(CACHED, ONE, FILES)
    someone.types("verify", NAME, "--copy-to", "out", "--report", "r.html").says(0, "copied:", "r.html")
    assert (someone.here / "out/config.json").read_bytes() == b"{}"
    someone.types("verify", NAME, "--report", str(snapshot / "r.html")).says(2, "lies in what is verified")


# which cache


def test_the_cache_is_where_the_hubs_own_client_has_it(someone: Someone) -> None:
    for variable, value, hub in (
        ("HF_HUB_CACHE", "~/a", someone.home / "a"),
        ("HF_HOME", str(someone.here / "b"), someone.here / "b/hub"),
        ("XDG_CACHE_HOME", str(someone.here / "c"), someone.here / "c/huggingface/hub"),
    ):
        HubCache(hub).snapshot(CACHED, ONE, FILES)
        someone.run("verify", NAME, env={variable: value}).says(0, "VERIFIED")
    someone.run("verify", NAME).says(2, f"{someone.home}/.cache/huggingface/hub: no such folder")


@pytest.mark.parametrize("name", ["", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"])
def test_the_folder_is_the_one_that_the_hubs_own_client_computes(name: str, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PLACE": "there", **({name: "~/$PLACE/hub"} if name else {})}
    if name == "XDG_CACHE_HOME":
        env[name] = str(tmp_path / "xdg")
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    theirs = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    code = "import os; from modelseal import inventory; print(inventory.default(os.environ))"
    ours = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert ours == theirs


def test_another_cache_is_named_and_is_for_repos_only(someone: Someone) -> None:
    snapshot = HubCache(someone.here / "mine").snapshot(CACHED, ONE, FILES)
    someone.types("verify", NAME, "--cache-dir", "mine").says(0, "VERIFIED")
    someone.types("verify", NAME, "--cache-dir", "./none").says(2, "none: no such folder")
    someone.types("verify", str(snapshot), "--cache-dir", "mine").says(2, "--cache-dir is for REPO")


# nothing to judge, or not clear what


def test_what_is_not_in_the_cache_is_a_usage_error_that_says_what_is(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(CACHED, ONE, FILES)
    someone.types("verify", "acme-lab/other").says(2, "acme-lab/other is not in the Hub cache", "modelseal scan")
    there = f"modelseal verify {NAME}@{ONE}"
    someone.types("verify", f"{NAME}@{NINE}").says(2, f"{NAME}@{NINE} is not in the Hub cache", there)
    someone.types("verify", f"{NAME}@v9").says(2, "keeps no branch or tag v9", there)
    someone.types("verify", f"{NAME}@").says(2, "a commit, branch or tag is wanted after the @")
    for escape in ("../../../x", "..", "", "a//b", "a\\b", "/etc/passwd"):
        assert someone.types("verify", f"{NAME}@{escape}").says(2).out == "", escape


REFS = {
    "of a snapshot that is not there": NINE,
    "no commit": "v1",
    "much too long": "a" * 5000,
    "an escape": "\x1b[2J",
}


@pytest.mark.parametrize("case", REFS)
def test_a_ref_that_leads_nowhere_is_a_usage_error(someone: Someone, cache: HubCache, case: str) -> None:
    cache.snapshot(CACHED, ONE, FILES)
    ref(cache, "main", REFS[case])
    ran = someone.types("verify", NAME).says(2, "main")
    assert ran.out == "" and "\x1b" not in ran.err


def test_a_ref_that_is_a_pipe_or_a_link_is_none(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(CACHED, ONE, FILES)
    (cache.hub / CACHED / "refs/main").unlink()
    os.mkfifo(cache.hub / CACHED / "refs/main")
    someone.types("verify", NAME).says(0, f"revision: {ONE}")
    (cache.hub / CACHED / "refs/v1").symlink_to("/etc/passwd")
    someone.types("verify", f"{NAME}@v1").says(2, "keeps no branch or tag v1")


def test_a_half_downloaded_repo_is_said_to_have_no_snapshot(someone: Someone, cache: HubCache) -> None:
    (cache.hub / CACHED / "blobs").mkdir(parents=True)
    (cache.hub / CACHED / "blobs" / f"{'0' * 64}.incomplete").write_bytes(b"x")
    someone.types("verify", NAME).says(2, f"{NAME} is not in the Hub cache")


def test_a_name_that_is_a_path_too_is_neither_until_it_is_clear(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(CACHED, ONE, FILES)
    someone.folder(NAME, FILES)
    someone.types("verify", NAME).says(2, f"modelseal verify ./{NAME} --repo OWNER/NAME", f"verify hf://{NAME}")
    someone.types("verify", f"hf://{NAME}").says(0, "VERIFIED")
    someone.types("verify", f"./{NAME}", "--repo", NAME).says(0, "VERIFIED")


def test_two_names_for_one_repo_are_a_usage_error(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(CACHED, ONE, FILES)
    someone.types("verify", NAME, "--repo", NAME).says(2, "is a repo already, so --repo says too much")
    cache.snapshot("models--Acme-Lab--Atlas-7B", ONE, FILES)
    someone.types("verify", NAME).says(0, "VERIFIED")
    someone.types("verify", "ACME-LAB/ATLAS-7B").says(2, "Acme-Lab/Atlas-7B and acme-lab/atlas-7b", "type one of them")


def test_a_link_in_the_place_of_a_snapshot_is_not_followed(someone: Someone, cache: HubCache) -> None:
    good = cache.snapshot(CACHED, ONE, FILES)
    (good.parent / NINE).symlink_to(good)
    someone.types("verify", f"{NAME}@{NINE}").says(2, "no such snapshot, or a link in its place")


# the library


def test_the_library_takes_a_repo_where_it_takes_a_path(
    someone: Someone, cache: HubCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.snapshot(CACHED, ONE, FILES)
    for name, value in someone.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(someone.here)
    assert modelseal.verify(NAME).complete
    assert modelseal.verify(f"{NAME}@{ONE}", cache_dir=cache.hub).complete
    with pytest.raises(Usage, match="is not in the Hub cache"):
        modelseal.verify("acme-lab/other")
    with pytest.raises(Usage, match="no Hub cache is looked into"):
        modelseal.verify(".", NAME, cache_dir=cache.hub)
    someone.folder(NAME, FILES)
    with pytest.raises(Usage, match="and a path too"):
        modelseal.verify(NAME)
    assert modelseal.verify(NAME, NAME).complete  # with a repo it is a path, as ever


# a real client, and a real registry


def test_what_the_hubs_own_client_downloads_is_found_and_verified(person: Person) -> None:
    person.owns("from-hub")
    files = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 64, "sub/tokenizer.json": b"[]"}
    hub_cache = person.home / "hf/hub"
    env = {"HF_HOME": str(person.home / "hf"), "HF_HUB_DISABLE_XET": "1"}
    with Hub() as hub:
        commit = hub.commit("models/from-hub/atlas", files)
        person.model("atlas", files)
        words = ("--repo", "from-hub/atlas", "--revision", commit, "--no-hub", "--key", "ci.key")
        person.run("publish", "./atlas", *words).says(0, "VERIFIED")
        code = "import sys; from huggingface_hub import snapshot_download as get; "
        code += "get('from-hub/atlas', allow_patterns=sys.argv[1:] or None)"
        for patterns, says in ((("*.json",), "VERIFIED 2 of 3 files"), ((), "3 of 3 equal the seal")):
            words = (sys.executable, "-c", code, *patterns)
            there = {**person.env, **env, "HF_ENDPOINT": hub.url}
            done = subprocess.run(words, env=there, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            person.run("verify", "from-hub/atlas", env=env).says(0, "VERIFIED", says, commit)
    assert [one.name for one in inventory.of(hub_cache).repos] == ["hf://from-hub/atlas"]
    person.run("scan", env=env).says(0, "1 repo in the Hub cache: 1 verified", "from-hub/atlas")
    blob = next((hub_cache / "models--from-hub--atlas/blobs").glob("*"))
    blob.chmod(0o600)
    blob.write_bytes(bytes(len(blob.read_bytes())))
    person.run("verify", "from-hub/atlas", env=env).says(1, "FAILED")
    person.run("scan", env=env).says(1, "FAILED")
