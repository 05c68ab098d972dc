"""`modelseal get`: nothing that is not verified is ever where a loader finds it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal import progress
from tests.support.client import Address
from tests.support.getter import CACHED, FILES, NAME, NEWER, NINE, ONE, REPO, TWO, Getter, a_world, getting, read
from tests.support.hub import Answer
from tests.support.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return a_world()


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[Address]:
    with Address(world.files()) as address:
        yield address


@pytest.fixture
def getter(tmp_path: Path, world: World, address: Address) -> Iterator[Getter]:
    with getting(tmp_path, world, address) as getter:
        yield getter


# what is right


def test_the_newest_release_is_where_loaders_look_and_its_path_and_revision_are_said(getter: Getter) -> None:
    ran = getter.get(NAME).says(0, f"revision: {TWO}, the newest release", "3 of 3 equal the seal")
    assert ran.out.startswith(f"VERIFIED (registry's word only) {NAME}, sealed by Acme Lab (acme.example)")
    assert ran.err == ""
    assert f"  path:     {getter.snapshot()}\n" in ran.out
    assert f'revision="{TWO}"' in ran.out
    assert ".gitattributes" in ran.out and "model.sig" in ran.out
    assert getter.there() == NEWER
    assert (getter.cache / CACHED / "refs/main").read_text() == TWO
    assert getter.downloads() == sorted(NEWER)
    assert getter.waiting() == []


def test_what_is_there_and_right_is_not_downloaded_again(getter: Getter) -> None:
    getter.get(NAME).says(0)
    getter.downloads()
    getter.get(NAME).says(0, "0 files downloaded", "3 were right there already")
    assert getter.downloads() == []
    getter.get(f"{NAME}@{ONE}").says(0, f"revision: {ONE}")  # two of three are the same bytes
    assert getter.downloads() == ["config.json"]
    assert (getter.there(ONE), getter.there(TWO)) == (FILES, NEWER)


def test_a_commit_a_branch_and_a_tag_each_keep_their_own_ref(getter: Getter) -> None:
    getter.get(f"{NAME}@{ONE}").says(0)
    assert not (getter.cache / CACHED / "refs").exists()
    getter.get(f"{NAME}@v1").says(0, f"revision: {ONE}")
    assert [path.name for path in (getter.cache / CACHED / "refs").iterdir()] == ["v1"]
    getter.get(f"{NAME}@main").says(0, f"revision: {TWO}")
    assert (getter.cache / CACHED / "refs/main").read_text() == TWO


@pytest.mark.parametrize(
    ("name", "cached"),
    [("datasets/acme-lab/corpus", "datasets--acme-lab--corpus"), ("spaces/acme-lab/demo", "spaces--acme-lab--demo")],
)
def test_datasets_and_spaces(name: str, cached: str, getter: Getter) -> None:
    getter.get(name).says(0, "VERIFIED", "ignored:  .gitattributes, model.sig")
    assert getter.there(ONE, cached) == FILES


def test_quiet_prints_the_path_alone(getter: Getter) -> None:
    ran = getter.get(NAME, "-q").says(0)
    assert (ran.out, ran.err) == (f"{getter.snapshot()}\n", "")
    assert getter.get("nobody/atlas-7b", "-q").says(5).out == ""


def test_the_json_has_path_and_revision(getter: Getter) -> None:
    found = getter.get(NAME, "--json").says(0).json
    assert (found["verdict"], found["use"], found["path"]) == ("verified", "yes", str(getter.snapshot()))
    assert (found["revision"], found["present"], found["fetched"]["bytes"]) == (TWO, 0, 10245)
    assert [found["untrusted"]["files"][place] for place in found["ignored"]] == [".gitattributes", "model.sig"]
    bad = getter.get("nobody/atlas-7b", "--json").says(5).json
    assert (bad["verdict"], bad["use"], bad["path"]) == ("unknown", "no", None)


def test_the_hubs_own_client_loads_it_without_a_network(getter: Getter, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    getter.get(NAME).says(0)
    found = huggingface_hub.snapshot_download(NAME, cache_dir=getter.cache, local_files_only=True)
    assert found == str(getter.snapshot())
    for name, data in NEWER.items():
        path = huggingface_hub.hf_hub_download(NAME, name, cache_dir=getter.cache, local_files_only=True, revision=TWO)
        assert Path(path).read_bytes() == data
        assert huggingface_hub.try_to_load_from_cache(NAME, name, cache_dir=getter.cache) == path
    scanned = huggingface_hub.scan_cache_dir(getter.cache)
    assert scanned.warnings == []
    assert [[one.commit_hash for one in repo.revisions] for repo in scanned.repos] == [[TWO]]
    getter.someone.types("verify", NAME, env={"HF_HUB_CACHE": str(getter.cache)}).says(0, "3 of 3 equal the seal")


# parts


def test_a_part_says_how_many_and_gets_no_more(getter: Getter) -> None:
    ran = getter.get(NAME, "--include", "*.json").says(0, "VERIFIED 2 of 3 files")
    assert getter.downloads() == ["config.json", "sub/tokenizer.json"]
    assert getter.there() == {name: NEWER[name] for name in ("config.json", "sub/tokenizer.json")}
    assert "1 of 3 sealed files is not here: model.safetensors" in ran.out
    getter.get(NAME, "--exclude", "sub/", "--exclude", "*.md").says(0, "3 of 3 equal")
    assert getter.downloads() == ["model.safetensors"]
    getter.get(NAME, "--include", "*.gguf").says(2, "none of the 3 files matches")
    getter.get(NAME, "--include", "").says(2, "an empty pattern")


def test_a_dry_run_says_what_would_come_and_brings_nothing(getter: Getter) -> None:
    getter.get(NAME, "--include", "config.json").says(0)
    getter.downloads()
    ran = getter.get(NAME, "--dry-run").says(0, "2 files would be downloaded, 10.2 kB", "1 were right there already")
    ran.says(0, "by the Hub's listing, with the sha256 of 1; nothing was downloaded")
    assert "hashed now" not in ran.out
    assert ran.out.startswith("SEALED") and "VERIFIED" not in ran.out
    assert getter.downloads() == []
    assert set(getter.there()) == {"config.json"}
    found = getter.get(NAME, "--dry-run", "--json").says(0).json
    assert (found["verdict"], found["use"] != "yes", found["path"], found["dry_run"]) == ("sealed", True, None, True)


# a folder


def test_a_new_folder_appears_as_a_whole(getter: Getter) -> None:
    here = getter.someone.here
    getter.get(NAME, "--local-dir", "./atlas").says(0, "VERIFIED", "path:     atlas\n")
    assert read(here / "atlas") == NEWER
    assert sorted(os.listdir(here)) == ["atlas"]
    assert not getter.cache.exists()
    getter.someone.types("verify", "./atlas", "--repo", NAME).says(0, "3 of 3")
    getter.downloads()
    getter.get(NAME, "--local-dir", "./atlas").says(0, "0 files downloaded")
    assert getter.downloads() == []


def test_a_folder_with_a_part_of_it_is_completed(getter: Getter) -> None:
    getter.someone.folder("atlas", {"config.json": NEWER["config.json"], ".git/HEAD": b"mine", ".gitignore": b"mine"})
    getter.get(NAME, "--local-dir", "./atlas").says(0, "2 files downloaded")
    assert read(getter.someone.here / "atlas") == {**NEWER, ".git/HEAD": b"mine", ".gitignore": b"mine"}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"notes.txt": b"mine"}, "notes.txt is not of this release"),
        ({"config.json": b"mine"}, "config.json is not as sealed"),
        (
            {"config.json": NEWER["config.json"], "run.sh": b"x", "a": b""},
            "a, run.sh (program) are not of this release",
        ),
    ],
)
def test_other_files_in_the_folder_are_neither_mixed_nor_lost(
    files: dict[str, bytes], words: str, getter: Getter
) -> None:
    folder = getter.someone.folder("atlas", files)
    getter.get(NAME, "--local-dir", "./atlas").says(1, "./atlas has other files already".removeprefix("./"), words)
    assert read(folder) == files
    assert getter.downloads() == []


def test_a_link_in_the_folder_leads_nowhere(getter: Getter) -> None:
    folder = getter.someone.folder("atlas", {})
    (folder := getter.someone.here / "atlas").mkdir()
    (getter.someone.here / "outside").mkdir()
    (folder / "sub").symlink_to("../outside")
    getter.get(NAME, "--local-dir", "./atlas").says(1, "sub is not of this release")
    assert os.listdir(getter.someone.here / "outside") == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--local-dir", "./none/atlas"), "none: no such folder"),
        (("--local-dir", "./file"), "file: not a folder"),
        (("--local-dir", "./x", "--cache-dir", "./y"), "give one of --local-dir and --cache-dir"),
        (("--cache-dir", "./file"), "file: not a folder"),
    ],
)
def test_places_that_cannot_be_meant(words: tuple[str, ...], says: str, getter: Getter) -> None:
    (getter.someone.here / "file").touch()
    getter.get(NAME, *words).says(2, says)
    assert getter.downloads() == []


# what is refused


def test_an_unknown_repo_is_not_downloaded_until_it_is_accepted(getter: Getter) -> None:
    getter.hub.commit("models/someuser/tiny-lm", FILES, id=NINE)
    ran = getter.get("someuser/tiny-lm").says(5, "UNKNOWN someuser/tiny-lm", "; nothing was downloaded")
    assert "VERIFIED" not in ran.out
    assert getter.downloads() == []
    assert not getter.cache.exists()
    ran = getter.get("someuser/tiny-lm", "--accept", "unknown").says(0, "ACCEPTED")
    assert "VERIFIED" not in ran.out
    assert getter.there(NINE, "models--someuser--tiny-lm") == FILES


def test_an_unsealed_repo_of_one_who_seals_cannot_be_accepted(getter: Getter) -> None:
    getter.hub.commit("models/acme-lab/other", FILES)
    getter.get("acme-lab/other", "--accept", "unknown").says(5, "UNKNOWN acme-lab/other")
    assert getter.downloads() == []


LISTED: dict[str, tuple[dict[str, bytes | None], str]] = {
    "a file more": ({"loader.py": b"evil"}, "added:    loader.py (program)"),
    "a file less": ({"config.json": None}, "missing:  config.json"),
    "another size": ({"config.json": b"[ ]"}, "config.json, another size"),
    "another digest": ({"model.safetensors": b"x" * 10240}, "model.safetensors, same size"),
    "another spelling": ({"config.json": None, "Config.json": b"[]"}, "Config.json"),
}


@pytest.mark.parametrize("how", LISTED)
def test_another_listing_is_refused_before_a_byte_is_downloaded(how: str, getter: Getter) -> None:
    files, words = LISTED[how]
    getter.hub.rewrite(REPO, TWO, files)
    ran = getter.get(NAME).says(1, f"FAILED {NAME}", words, "; nothing was downloaded")
    assert "VERIFIED" not in ran.out
    assert getter.downloads() == []
    assert not getter.cache.exists()


@pytest.mark.parametrize("name", NEWER)
def test_wrong_bytes_of_the_right_size_are_never_handed_over(name: str, getter: Getter) -> None:
    getter.hub.lie(REPO, name, b"?" * len(NEWER[name]))
    ran = getter.get(NAME).says(1, f"FAILED {NAME}: 1 file differs; it is not handed over", name)
    assert "VERIFIED" not in ran.out and "path:" not in ran.out
    assert not getter.snapshot().exists()
    assert getter.downloads() == sorted(NEWER)
    getter.hub.lie(REPO, name, NEWER[name])
    getter.get(NAME).says(0, "VERIFIED")  # and what was right is not downloaded again
    assert getter.downloads() == [name]
    assert getter.there() == NEWER
    assert getter.waiting() == []


@pytest.mark.parametrize("data", [b"[]more", b"["], ids=["more", "fewer"])
def test_more_or_fewer_bytes_are_never_handed_over(data: bytes, getter: Getter) -> None:
    getter.hub.lie(REPO, "config.json", data)
    ran = getter.get(NAME)
    assert ran.code in (1, 6) and "VERIFIED" not in ran.out + ran.err and "Traceback" not in ran.err, ran
    assert not getter.snapshot().exists()


def test_a_file_that_is_listed_and_not_handed_out(getter: Getter) -> None:
    def absent(method: str, path: str) -> Answer | None:
        return Answer(404, b"", {"X-Error-Code": "EntryNotFound"}) if path.endswith("config.json") else None

    getter.hub.hook = absent
    getter.get(NAME).says(6, "not all files of")
    assert not getter.snapshot().exists()


def test_the_hub_goes_down_in_the_middle_and_the_next_one_goes_on(getter: Getter) -> None:
    def down(method: str, path: str) -> Answer | None:
        return Answer(503) if path.endswith("model.safetensors") and method == "GET" else None

    getter.hub.hook = down
    ran = getter.get(NAME).says(6)
    assert "VERIFIED" not in ran.out
    assert not getter.snapshot().exists()
    assert [path.name for path in getter.waiting()] == [CACHED]
    getter.hub.hook = lambda method, path: None
    getter.downloads()
    getter.get(NAME).says(0, "VERIFIED")
    assert "model.safetensors" in getter.downloads()
    assert getter.there() == NEWER
    assert getter.waiting() == []


def test_a_hub_that_fails_for_a_while_is_asked_again_and_that_is_said_in_one_line(getter: Getter) -> None:
    left = [1, 1, 1]  # about one file: the first is silent

    def falters(method: str, path: str) -> Answer | None:
        is_meant = method == "HEAD" and path.endswith("model.safetensors")
        return Answer(503) if is_meant and left and left.pop() else None

    getter.hub.hook = falters
    ran = getter.someone.run("get", NAME, env=getter.env).says(0, "VERIFIED")
    host = getter.hub.url.removeprefix("http://")
    assert ran.err == f"modelseal: {host} does not answer as it should; it is asked again\n"


def test_a_hub_that_goes_away_is_asked_again_for_a_while(getter: Getter, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep, slept = time.sleep, []

    def soon(seconds: float) -> None:
        slept.append(seconds)
        sleep(min(seconds, 0.01))

    def gone(method: str, path: str) -> Answer | None:
        return Answer(503) if "/resolve/" in path else None

    getter.hub.hook = gone
    monkeypatch.setattr(time, "sleep", soon)
    host = getter.hub.url.removeprefix("http://")
    ran = getter.get(NAME).says(6, f"modelseal: {host}: no answer about {NAME}")
    assert ran.err.count("\n") == 2 and ran.err.startswith(f"modelseal: {host} does not answer as it should")
    assert slept.count(8) >= 2 and not getter.snapshot().exists()
    assert getter.get(NAME, "-q").says(6).err.count("\n") == 1


def test_a_hub_that_takes_long_to_answer_is_waited_for_with_a_word(
    getter: Getter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(method: str, path: str) -> Answer | None:
        if "/revision/" in path:
            time.sleep(0.2)
        return None

    getter.hub.hook = late
    monkeypatch.setattr(progress, "LONG_S", 0.05)
    getter.get(NAME).says(0, "modelseal: no answer from the Hub yet; waiting for it\n")
    assert getter.get(NAME, "--json").says(0).err == ""


def test_with_no_hub_nothing_is_handed_over(getter: Getter) -> None:
    getter.hub.close()
    getter.get(NAME).says(6, "no answer")
    assert not getter.cache.exists()


def test_with_no_registry_the_hub_is_not_even_asked(getter: Getter) -> None:
    getter.get(NAME, "--registry", "http://127.0.0.1:1").says(6, "UNAVAILABLE")
    assert getter.hub.asked == []


# what lies in the cache


def test_a_poisoned_cache_is_put_right(getter: Getter) -> None:
    getter.kept.snapshot(CACHED, TWO, {**NEWER, "config.json": b"??", "loader.py": b"evil"})
    ran = getter.get(NAME).says(0, "VERIFIED", "1 file downloaded", "removed:  from the snapshot")
    assert "loader.py" in ran.out
    assert getter.there() == NEWER
    found = getter.get(NAME, "--json").says(0).json
    assert found["removed"] == []


def test_without_the_hub_what_lies_in_the_cache_is_verified(getter: Getter) -> None:
    getter.get(NAME, HF_HUB_OFFLINE="1").says(6, "is not at", "the Hub may not be asked")
    getter.kept.snapshot(CACHED, TWO, NEWER)
    getter.hub.close()
    getter.get(NAME, HF_HUB_OFFLINE="1").says(0, "VERIFIED", f"path:     {getter.snapshot()}")
    (getter.snapshot() / "sub/tokenizer.json").unlink()
    getter.get(NAME, HF_HUB_OFFLINE="1").says(6, "1 of the files", "sub/tokenizer.json")
    getter.get(NAME, "--include", "*.safetensors", HF_HUB_OFFLINE="1").says(0, "VERIFIED 2 of 3 files")
    (getter.snapshot() / "config.json").write_bytes(b"??")
    getter.get(NAME, "--include", "*.safetensors", HF_HUB_OFFLINE="1").says(1, "FAILED")


def test_offline_wants_evidence_at_hand(getter: Getter) -> None:
    getter.get(NAME, "--offline").says(2, "--offline needs something at hand to ask")


# names, tokens, places


def test_a_renamed_repo_is_judged_and_kept_by_the_name_that_was_typed(getter: Getter) -> None:
    getter.hub.rename(REPO, "models/other/atlas")
    getter.get(NAME).says(0, "VERIFIED", "the Hub calls it other/atlas now")
    assert getter.there() == NEWER
    getter.get("other/atlas").says(5, "UNKNOWN other/atlas")


def test_a_gated_repo_wants_a_token_and_it_goes_nowhere_else(getter: Getter) -> None:
    getter.hub.repos[REPO].gated = "manual"
    getter.hub.cdn = True
    getter.get(NAME).says(1, "gated", "hf auth login")
    token = getter.hub.token(REPO)
    ran = getter.get(NAME, HF_TOKEN=token).says(0, "VERIFIED")
    assert token not in ran.out + ran.err
    assert getter.hub.cdn_asked and all(sent is None for _, sent in getter.hub.cdn_asked)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("atlas-7b", "atlas-7b"),
        (f"{NAME}@refs/pr/1", "anybody can open a pull request"),
        (f"{NAME}@", "a commit, branch or tag is wanted"),
        (f"{NAME}@none", "no such revision"),
    ],
)
def test_names_and_revisions_that_are_none(typed: str, says: str, getter: Getter) -> None:
    ran = getter.get(typed)
    assert ran.code in (2, 6) and says in ran.err, ran
    assert getter.downloads() == []


def test_what_does_not_fit_on_the_disk_is_said_before(getter: Getter, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    getter.get(NAME).says(1, "10.2 kB are to be downloaded, and 0 bytes are free there")
    assert getter.downloads() == []


def test_a_report_may_not_lie_where_it_goes(getter: Getter) -> None:
    getter.get(NAME, "--local-dir", "./atlas", "--report", "./atlas/r.json").says(2, "lies in what is verified")
    getter.get(NAME, "--report", "./r.json").says(0)
    assert (getter.someone.here / "r.json").exists()
