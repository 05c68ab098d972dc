"""`modelseal verify` of every layout: folders, snapshots in the Hub cache, single files; whole or in part."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import modelseal
from modelseal.errors import Error
from modelseal.platform import handles
from tests.support import make
from tests.support.cache import HubCache
from tests.support.client import Address, Ran, Someone, sealed_files
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
REPO, ONE, NINE = "hf://acme-lab/atlas-7b", make.revision(1), make.revision(9)
CACHED = "models--acme-lab--atlas-7b"
NAME = ("--repo", "acme-lab/atlas-7b")
CONFIG = json.dumps(
    {
        "auto_map": {
            "AutoModel": "someone/code--modeling_x.XModel",
            "AutoTokenizer": ["acme-lab/atlas-7b--t.T", None],
            "AutoConfig": "configuration_x.XConfig",
        }
    }
).encode()
FILES = {
    "adapter_config.json": b'{"base_model_name_or_path": "acme-lab/base"}',
    "config.json": CONFIG,
    "model.safetensors": bytes(range(256)) * 40,
    "sub/tokenizer.json": b'{"v": 1}',
    "tokenizer.json": b'{"v": 2}',
}
WHOLE = {**FILES, ".gitattributes": b"*"}
WHO = "(registry's word only) acme-lab/atlas-7b, sealed by Acme Lab (acme.example) (owner not checked)"


@pytest.fixture(scope="module")
def world() -> World:
    world = World(now=int(time.time()))
    world.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    world.publish(REPO, 1, CI, sealed_files(FILES))
    return world


def some(*names: str) -> dict[str, bytes]:
    return {name: WHOLE[name] for name in names}


def each(ran: Ran) -> dict[str, str]:
    """What became of every file, by --json."""
    found = ran.json
    return {found["untrusted"]["files"][one["file"]]: one["status"] for one in found["each"]}


# snapshots


@pytest.mark.parametrize("layout", ["links", "shared", "files"])
def test_a_snapshot_is_verified_by_its_path_alone(someone: Someone, cache: HubCache, layout: str) -> None:
    shared = ("model.safetensors",) if layout == "shared" else ()
    snapshot = cache.snapshot(CACHED, ONE, WHOLE, links=layout != "files", shared=shared)
    ran = someone.run("verify", snapshot).says(0, "5 of 5 equal the seal", "1 name at the root, which no seal covers")
    assert ran.out.startswith(f"VERIFIED {WHO}\n")
    found = someone.run("verify", snapshot, "--json").says(0).json
    assert (found["verdict"], found["complete"], found["revision"], found["use"]) == ("verified", True, ONE, "yes")


def test_a_part_of_a_snapshot_is_verified_and_what_is_not_here_is_said(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(CACHED, ONE, some("config.json", "model.safetensors"))
    absent = "absent:   3 of 5 sealed files are not here: adapter_config.json, sub/tokenizer.json, tokenizer.json"
    ran = someone.run("verify", snapshot).says(0, "2 of 5 equal the seal, 10.4 kB", absent)
    assert ran.out.startswith(f"VERIFIED 2 of 5 files {WHO}\n")
    spoken = someone.run("verify", snapshot, "--json").says(0)
    assert (spoken.json["verdict"], spoken.json["complete"], spoken.json["files"]["equal"]) == ("verified", False, 2)
    assert [name for name, status in each(spoken).items() if status == "absent"] == [
        "adapter_config.json",
        "sub/tokenizer.json",
        "tokenizer.json",
    ]
    ran = someone.run("verify", snapshot, "--complete").says(1, "3 files are missing", "missing:  tokenizer.json")
    assert ran.out.startswith("FAILED")


def test_what_is_handed_over_of_a_snapshot_are_files(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(CACHED, ONE, some("config.json", "sub/tokenizer.json"), shared=("config.json",))
    someone.run("verify", snapshot, "--copy-to", "out").says(0, "VERIFIED 2 of 5 files", "copied:")
    out = someone.here / "out"
    assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file() and not path.is_symlink()} == {
        "config.json",
        "sub/tokenizer.json",
    }
    assert (out / "config.json").read_bytes() == CONFIG


def test_a_snapshot_of_a_commit_that_nobody_sealed_has_the_newest_releases_files_or_fails(
    someone: Someone, cache: HubCache
) -> None:
    note = f"{NINE} itself is not sealed; these are the same files as the newest release"
    for files in (WHOLE, some("config.json")):
        someone.run("verify", cache.snapshot(CACHED, NINE, files)).says(0, "VERIFIED", note)
    someone.run("verify", cache.snapshot(CACHED, NINE, {"config.json": b"{}"})).says(1, "FAILED", "another size")


def test_a_repo_that_the_path_does_not_mean_is_a_usage_error(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(CACHED, ONE, WHOLE)
    someone.run("verify", snapshot, *NAME).says(0, "VERIFIED")
    someone.run("verify", snapshot, "--repo", f"Acme-Lab/Atlas-7B@{ONE}").says(0, "VERIFIED")
    for other in ("acme-lab/other", f"acme-lab/atlas-7b@{NINE}", "datasets/acme-lab/atlas-7b"):
        someone.run("verify", snapshot, "--repo", other).says(2, f"{other} was named, and", "one of them is wrong")


def test_a_link_into_the_cache_needs_a_name(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(CACHED, ONE, WHOLE)
    (someone.here / "atlas").symlink_to(snapshot)
    someone.run("verify", "./atlas").says(2, "modelseal verify ./atlas --repo OWNER/NAME")
    someone.run("verify", "./atlas", *NAME).says(0, "VERIFIED")


def test_a_repo_in_the_cache_without_a_snapshot_prints_what_to_type(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(CACHED, ONE, WHOLE)
    for path in (cache.hub / CACHED, snapshot.parent):
        someone.run("verify", path).says(2, "it is no snapshot", f"modelseal verify {snapshot}")
    someone.run("verify", cache.snapshot("models--gpt2", ONE, WHOLE)).says(2, "is no repo that can be sealed")


def test_a_link_out_of_the_cache_fails(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(CACHED, ONE, WHOLE)
    (someone.here / "config.json").write_bytes(CONFIG)
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to(someone.here / "config.json")
    someone.run("verify", snapshot).says(1, "FAILED", "link:", "which is not in the blobs of this repo")


def test_an_ignored_name_in_a_snapshot_may_only_be_what_the_hub_makes(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(CACHED, ONE, FILES)
    (snapshot / ".gitattributes").symlink_to("/etc/passwd")
    someone.run("verify", snapshot).says(1, "FAILED", ".gitattributes: a link to /etc/passwd")


def test_the_hubs_own_files_of_a_local_folder_are_no_part_of_a_snapshot(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(CACHED, ONE, {**FILES, ".cache/huggingface/download/x.metadata": b"x"})
    someone.run("verify", snapshot).says(1, "added:    .cache/huggingface/download/x.metadata")


# single files

SINGLE = {
    "by its name": "tokenizer.json",
    "in a folder, by the longest name": "sub/tokenizer.json",
}


@pytest.mark.parametrize("case", SINGLE)
def test_a_single_file_is_a_part_of_its_release(someone: Someone, case: str) -> None:
    someone.folder("atlas", WHOLE)
    ran = someone.run("verify", f"./atlas/{SINGLE[case]}", *NAME, "--json").says(0)
    assert [name for name, status in each(ran).items() if status == "verified"] == [SINGLE[case]]
    assert (ran.json["complete"], ran.json["files"]["equal"], ran.json["files"]["total"]) == (False, 1, 5)


def test_a_single_file_by_a_link_in_the_cache_and_at_another_name(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(CACHED, ONE, WHOLE)
    someone.run("verify", snapshot / "sub/tokenizer.json").says(0, f"VERIFIED 1 of 5 files {WHO}")
    someone.folder(".", {"mine.json": WHOLE["config.json"], "tokenizer.json": b'{"v": 3}'})
    someone.run("verify", "./mine.json", *NAME).says(1, "FAILED", "added:    mine.json")
    someone.run("verify", "./tokenizer.json", *NAME).says(
        1, "FAILED", "tokenizer.json, same size", "do not load this\n"
    )
    someone.run("verify", "./tokenizer.json").says(2, "modelseal verify ./tokenizer.json --repo OWNER/NAME")
    someone.run("verify", "./tokenizer.json", *NAME, "--complete").says(1, "4 files are missing")
    someone.run("verify", "tokenizer.json", *NAME).says(2, "may be a path or a repo", "./tokenizer.json")


# whole or in part


def test_a_folder_is_whole_unless_a_part_was_asked_for(someone: Someone) -> None:
    someone.folder("atlas", some("config.json", "tokenizer.json", ".gitattributes"))
    someone.run("verify", "./atlas", *NAME).says(1, "FAILED", "3 files are missing")
    ran = someone.run("verify", "./atlas", *NAME, "--partial").says(0, f"VERIFIED 2 of 5 files {WHO}", "3 of 5 sealed")
    assert "missing" not in ran.out
    someone.run("verify", "./atlas", *NAME, "--partial", "--complete").says(2, "contradict each other")
    someone.folder("atlas", WHOLE)
    someone.run("verify", "./atlas", *NAME, "--partial").says(0, f"VERIFIED {WHO}\n")


def test_no_files_are_never_verified(someone: Someone, cache: HubCache) -> None:
    (someone.here / "empty").mkdir()
    someone.run("verify", "./empty", *NAME).says(1, "FAILED", "5 files are missing")
    nothing = "FAILED acme-lab/atlas-7b: none of its files is here"
    someone.run("verify", "./empty", *NAME, "--partial").says(1, nothing)
    someone.run("verify", cache.snapshot(CACHED, ONE, some(".gitattributes"))).says(1, nothing)


@pytest.mark.parametrize("mode", [(), ("--partial",), ("--complete",)])
def test_an_added_file_fails_in_every_mode(someone: Someone, cache: HubCache, mode: tuple[str, ...]) -> None:
    snapshot = cache.snapshot(CACHED, ONE, {**WHOLE, "loader.py": b"import os"})
    someone.run("verify", snapshot, *mode).says(1, "FAILED", "1 file was added", "added:    loader.py (program)")
    someone.folder("atlas", {**WHOLE, "loader.py": b"import os"})
    someone.run("verify", "./atlas", *NAME, *mode).says(1, "FAILED", "added:    loader.py (program)")


def test_a_part_cannot_be_told_without_the_seal(someone: Someone, cache: HubCache, address: Address) -> None:
    for name in [name for name in address.files if name.startswith("seal/")]:
        del address.files[name]
    part = cache.snapshot(CACHED, ONE, some("config.json"))
    someone.run("verify", part).says(6, "UNAVAILABLE", "its seal could not be fetched")
    someone.run("verify", cache.snapshot(CACHED, ONE, WHOLE)).says(0, "VERIFIED", "the seal could not be fetched")


# names and sizes first


def test_what_names_and_sizes_tell_is_told_without_hashing(someone: Someone) -> None:
    folder = someone.folder("atlas", {**WHOLE, "tokenizer.json": b""})
    with open(folder / "model.safetensors", "ab") as file:
        file.truncate(1 << 42)  # 4 TB that nobody could hash
    ran = someone.run("verify", "./atlas", *NAME).says(
        1, "2 files have another size", "compared: names and sizes; they differ already, so nothing was hashed"
    )
    assert "found    4398046511104 bytes" in ran.out
    found = someone.run("verify", "./atlas", *NAME, "--json").says(1)
    assert found.json["digest"] == "names and sizes"
    assert each(found)["config.json"] == "not-compared"


def test_what_can_run_comes_first(someone: Someone) -> None:
    added = {
        "a.txt": b"x",
        "b_config.json": b'{"auto_map": {"AutoModel": "x.Y"}}',
        "c.zip": b"x",
        "d.pkl": b"x",
        "z.bat": b"x",
        "c_config.json": b"{}",
    }
    folder = someone.folder("atlas", {**WHOLE, **added, "config.json": CONFIG + b" "})
    (folder / "pipe").symlink_to("a.txt")
    (folder / "tokenizer.json").unlink()
    found = someone.run("verify", "./atlas", *NAME, "--json").says(1).json
    findings = [(found["untrusted"]["files"][one["file"]], one["risk"]) for one in found["findings"]]
    assert findings == [
        ("z.bat", "program"),
        ("pipe", None),
        ("d.pkl", "pickle"),
        ("c.zip", "archive"),
        ("b_config.json", "auto_map"),
        ("config.json", "auto_map"),
        ("a.txt", None),
        ("c_config.json", None),
        ("tokenizer.json", None),
    ]
    someone.run("verify", "./atlas", *NAME).says(1, "d.pkl (possibly a pickle)", "(names code to load, auto_map)")


def test_a_name_in_another_case_or_form_is_said_to_be_one(someone: Someone) -> None:
    someone.folder(
        "atlas", {**{name: data for name, data in WHOLE.items() if name != "config.json"}, "Config.json": b""}
    )
    someone.run("verify", "./atlas", *NAME).says(1, "Config.json is spelled config.json in the seal")


# what a seal points to


def test_other_repos_that_a_sealed_config_names_are_said(someone: Someone) -> None:
    folder = someone.folder("atlas", WHOLE)
    code = "note:     someone/code has code that config.json (auto_map) names; this seal does not cover it"
    base = "note:     acme-lab/base is the base model that adapter_config.json names; this seal does not cover it"
    ran = someone.run("verify", "./atlas", *NAME).says(0, code, base)
    assert "acme-lab/atlas-7b has code" not in ran.out
    (folder / "config.json").write_bytes(CONFIG.replace(b"someone", b"another"))
    assert "has code" not in someone.run("verify", "./atlas", *NAME).says(1).out  # not what was sealed


# what cannot be read


def _refuse(_file: Path) -> None:
    raise PermissionError(13, "Permission denied")  # nothing is unreadable to root, so the kernel's answer is made here


def _append(file: Path) -> None:
    with open(file, "ab") as opened:
        opened.write(b"x")


def _overwrite(file: Path) -> None:
    file.write_bytes(bytes(10240))


def _replace(file: Path) -> None:
    other = file.with_suffix(".new")
    other.write_bytes(file.read_bytes())
    other.replace(file)


def _link(file: Path) -> None:
    file.rename(file.parent.parent / "elsewhere")
    file.symlink_to("../elsewhere")


def _fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "unreadable": (_refuse, "model.safetensors: cannot be read: permission denied"),
    "grown": (_append, "model.safetensors changed while it was read"),
    "overwritten": (_overwrite, "model.safetensors changed while it was read"),
    "replaced by the same bytes": (_replace, "model.safetensors changed while it was read"),
    "swapped for a link": (_link, "model.safetensors changed while it was read"),
    "swapped for a FIFO": (_fifo, "model.safetensors changed while it was read"),
    "gone": (Path.unlink, "model.safetensors changed while it was read"),
}


@pytest.mark.parametrize("way", ["handles", "paths"])
@pytest.mark.parametrize("case", CHANGES)
def test_a_file_that_changes_after_the_walk_is_refused(
    someone: Someone, monkeypatch: pytest.MonkeyPatch, case: str, way: str
) -> None:
    folder = someone.folder("atlas", WHOLE)
    act, words = CHANGES[case]
    real, done = os.open, False

    def at_once(path: str | bytes | Path, *args: int, **kw: int) -> int:
        nonlocal done
        if os.path.basename(os.fsdecode(path)) == "model.safetensors" and not done:
            done = True
            act(folder / "model.safetensors")
        return real(path, *args, **kw)

    monkeypatch.setattr(handles, "HANDLES", way == "handles")
    for name, value in someone.env.items():
        monkeypatch.setenv(name, value)
    assert modelseal.verify(folder, "acme-lab/atlas-7b").complete
    os.utime(folder / "model.safetensors")  # so that no digest is remembered
    monkeypatch.setattr(os, "open", at_once)
    with pytest.raises(Error, match=words) as refused:
        modelseal.verify(folder, "acme-lab/atlas-7b")
    assert done and refused.value.exit_code == 1


# without handles of folders, on a file system that folds case


@pytest.mark.parametrize("layout", ["folder", "links", "files", "file"])
def test_without_handles_the_verdicts_are_the_same(
    someone: Someone, cache: HubCache, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    folder = someone.folder("atlas", WHOLE)
    path = {"folder": folder, "file": folder / "sub/tokenizer.json"}.get(layout)
    path = path or cache.snapshot(CACHED, ONE, WHOLE, links=layout == "links", shared=("config.json",))
    for name, value in someone.env.items():
        monkeypatch.setenv(name, value)
    by_handle = modelseal.verify(path, "acme-lab/atlas-7b", recheck=True)
    monkeypatch.setattr(handles, "HANDLES", False)
    by_path = modelseal.verify(path, "acme-lab/atlas-7b", recheck=True)
    assert by_handle and by_path
    assert (by_path.files, by_path.equal) == (by_handle.files, by_handle.equal)


@pytest.fixture
def folding(someone: Someone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below `here` names are found in any case, as on Windows and macOS; there are no handles of folders."""
    monkeypatch.setattr(handles, "HANDLES", False)
    for name, value in someone.env.items():
        monkeypatch.setenv(name, value)

    def stored(path: Path) -> Path:
        for parent in reversed([path, *path.parents]):
            if parent.is_relative_to(someone.here) and parent != someone.here:
                at = stored(parent.parent)
                found = [name for name in os.listdir(at) if name.casefold() == parent.name.casefold()]
                path = at / (found[0] if found else parent.name)
        return path

    for call in ("open", "stat", "lstat", "scandir"):
        real = getattr(os, call)

        def found(path: Any, *args: Any, real: Any = real, **kw: Any) -> Any:
            if not isinstance(path, int) and Path(os.fsdecode(path)).is_relative_to(someone.here):
                path = stored(Path(os.fsdecode(path)))
            return real(path, *args, **kw)

        monkeypatch.setattr(os, call, found)


@pytest.mark.usefixtures("folding")
def test_on_a_file_system_that_folds_case_files_are_what_the_folder_lists(someone: Someone) -> None:
    folder = someone.folder("atlas", WHOLE)
    assert modelseal.verify(folder, "acme-lab/atlas-7b").complete
    assert modelseal.verify(someone.here / "ATLAS", "acme-lab/atlas-7b").complete
    assert modelseal.verify(folder / "TOKENIZER.json", "acme-lab/atlas-7b").equal == 1
    (folder / "config.json").rename(folder / "CONFIG.json")
    verdict = modelseal.verify(folder, "acme-lab/atlas-7b")
    assert [(one.kind, one.name) for one in verdict.findings] == [("added", "CONFIG.json"), ("missing", "config.json")]
    assert "CONFIG.json is spelled config.json in the seal" in verdict.notes[-1]


ODD: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "nothing": lambda path: None,
    "a loop": lambda path: os.symlink("x", path),
}


@pytest.mark.parametrize("case", ODD)
def test_a_path_that_is_no_folder_or_file_is_a_usage_error_and_nothing_waits(someone: Someone, case: str) -> None:
    ODD[case](someone.here / "x")
    assert someone.run("verify", "./x", *NAME).says(2).out == ""
