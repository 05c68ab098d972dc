"""What a typed path is; which links of a Hub cache are followed, with and without handles of folders."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelseal import folders
from modelseal.errors import Error, Usage
from modelseal.folders import Listing
from modelseal.formats.names import Asked
from modelseal.hashing import hash_files
from modelseal.hubcache import Snapshot
from modelseal.layouts import OneFile, find, plain_folder, sealed_name
from modelseal.platform import handles
from tests.support.cache import HubCache

REPO, COMMIT = "models--acme-lab--atlas-7b", "9c1f" * 10
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "sub/deep/tokenizer.json": b"[]",
    ".gitattributes": b"*",
}


@pytest.fixture(params=["handles", "paths"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How folders are opened: by handle, or by path as on systems without such calls."""
    if request.param == "paths":
        monkeypatch.setattr(handles, "HANDLES", False)
    return str(request.param)


@pytest.fixture
def cache(tmp_path: Path) -> HubCache:
    return HubCache(tmp_path / "hub")


def names(listing: Listing) -> list[str]:
    return [found.name for found in listing.files]


def problems(listing: Listing) -> list[tuple[str, str]]:
    return [(problem.name, problem.kind) for problem in listing.problems]


def contents(listing: Listing) -> dict[str, bytes]:
    """What the listing's own opener reads."""
    found = {}
    with listing.opener() as opener:
        for one in listing.files:
            with open(opener.open(one.name), "rb") as file:
                found[one.name] = file.read()
    return found


SEALED = {name: data for name, data in FILES.items() if name != ".gitattributes"}


def test_a_snapshot_is_read_through_its_links(cache: HubCache, way: str) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES, shared=("model.safetensors",))
    assert (snapshot / "model.safetensors").read_bytes() == b"weights"
    place = find(snapshot)
    assert (place.part, place.asked) == (True, Asked("hf://acme-lab/atlas-7b", COMMIT))
    listing = place.walk()
    assert (names(listing), listing.skipped, listing.problems) == (sorted(SEALED), (".gitattributes",), ())
    assert contents(listing) == SEALED
    assert {one.name: one.size for one in listing.files} == {name: len(data) for name, data in SEALED.items()}
    assert listing.again() == listing
    digests = hash_files(listing, None, sha256=True, blake3=False, jobs=2)
    assert sorted(digests) == sorted(SEALED)


def test_a_cache_without_links_has_the_files_themselves(cache: HubCache, way: str) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES, links=False)
    (cache.hub / REPO / "blobs").rmdir()
    listing = find(snapshot).walk()
    assert (contents(listing), listing.skipped) == (SEALED, (".gitattributes",))


def test_nothing_beside_the_snapshot_is_read(cache: HubCache, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES)
    real, opened = os.open, []

    def note(path: str | bytes | Path, *args: int, **kw: int) -> int:
        opened.append(os.fsdecode(path))
        return real(path, *args, **kw)

    monkeypatch.setattr(os, "open", note)
    listing = find(snapshot).walk()
    contents(listing)
    assert not any(word in path for path in opened for word in ("refs", "no_exist", "trees", "loader.py"))


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("config.json", ["config.json"]),
        ("sub", ["sub/deep/tokenizer.json"]),
        ("sub/deep/tokenizer.json", ["sub/deep/tokenizer.json"]),
    ],
)
def test_a_part_of_a_snapshot_keeps_its_name(cache: HubCache, way: str, inside: str, expected: list[str]) -> None:
    place = find(cache.snapshot(REPO, COMMIT, FILES) / inside)
    listing = place.walk()
    assert (names(listing), place.asked) == (expected, Asked("hf://acme-lab/atlas-7b", COMMIT))
    assert contents(listing) == {name: FILES[name] for name in expected}


def test_what_is_not_in_a_snapshot_is_said(cache: HubCache, way: str) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES)
    with pytest.raises(Usage, match="absent: no such file in the snapshot"):
        find(snapshot / "absent").walk()
    with pytest.raises(Usage, match="no such snapshot"):
        find(snapshot.parent / ("0" * 40)).walk()


# links that are not followed: what to do to the cache, and what is said


def _elsewhere(cache: HubCache, snapshot: Path, target: str) -> None:
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to(target)


def _blob(cache: HubCache, act: Callable[[Path], object]) -> None:
    """Replace the blob of config.json."""
    blob = Path(os.path.realpath(cache.hub / REPO / "snapshots" / COMMIT / "config.json"))
    blob.unlink()
    act(blob)


def _other_repo(cache: HubCache, snapshot: Path) -> None:
    blob = cache.hub / "models--evil--corp" / "blobs" / ("ab" * 32)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"{}")
    _elsewhere(cache, snapshot, f"../../../models--evil--corp/blobs/{'ab' * 32}")


def _chain_of_three(cache: HubCache, snapshot: Path) -> None:
    def act(blob: Path) -> None:
        store = cache.share(blob, b"{}")
        store.rename(store.with_suffix(".real"))
        store.symlink_to(store.with_suffix(".real").name)

    _blob(cache, act)


def _shared_folder_is_a_link(cache: HubCache, snapshot: Path) -> None:
    def act(blob: Path) -> None:
        store = cache.share(blob, b"{}")
        store.parent.rename(cache.hub / "elsewhere")
        store.parent.symlink_to(cache.hub / "elsewhere")

    _blob(cache, act)


def _loop(blob: Path) -> None:
    blob.symlink_to(blob.name)


def _socket(blob: Path) -> None:
    here = os.getcwd()
    os.chdir(blob.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("s")
        os.rename("s", blob.name)
    finally:
        os.chdir(here)


LINKS: dict[str, tuple[Callable[[HubCache, Path], object], str]] = {
    "out of the cache": (lambda c, s: _elsewhere(c, s, "/etc/passwd"), "not in the blobs of this repo"),
    "the blob by an absolute path": (
        lambda c, s: _elsewhere(c, s, str(next((c.hub / REPO / "blobs").iterdir()))),
        "not in the blobs of this repo",
    ),
    "into another repo": (_other_repo, "not in the blobs of this repo"),
    "to a file of the snapshot": (lambda c, s: _elsewhere(c, s, "model.safetensors"), "not in the blobs of this repo"),
    "to refs": (lambda c, s: _elsewhere(c, s, "../../refs/main"), "not in the blobs of this repo"),
    "through blobs and out": (lambda c, s: _elsewhere(c, s, "../../blobs/../refs/main"), "not in the blobs"),
    "to blobs itself": (lambda c, s: _elsewhere(c, s, "../../blobs/"), "not in the blobs of this repo"),
    "to a name above": (lambda c, s: _elsewhere(c, s, "../../blobs/.."), "not in the blobs of this repo"),
    "too far up": (lambda c, s: _elsewhere(c, s, f"../../../blobs/{'ab' * 32}"), "not in the blobs of this repo"),
    "a loop": (lambda c, s: _elsewhere(c, s, "config.json"), "not in the blobs of this repo"),
    "a folder": (lambda c, s: (s / "sub2").symlink_to("sub"), "not in the blobs of this repo"),
    "nowhere": (lambda c, s: _blob(c, lambda blob: None), "a link that leads nowhere"),
    "a blob that is a folder": (lambda c, s: _blob(c, Path.mkdir), "a link to a folder"),
    "a blob that is a FIFO": (lambda c, s: _blob(c, os.mkfifo), "a link to a FIFO"),
    "a blob that is a socket": (lambda c, s: _blob(c, _socket), "a link to a socket"),
    "a blob that is a loop": (lambda c, s: _blob(c, _loop), "not in the Hub's shared blobs"),
    "a blob that leads out": (
        lambda c, s: _blob(c, lambda blob: blob.symlink_to("/etc/passwd")),
        "not in the Hub's shared blobs",
    ),
    "a blob that leads to another blob": (
        lambda c, s: _blob(c, lambda blob: blob.symlink_to(os.listdir(blob.parent)[0])),
        "not in the Hub's shared blobs",
    ),
    "a chain of three": (_chain_of_three, "a link to a link"),
    "shared blobs in a folder that is a link": (_shared_folder_is_a_link, "a link that leads nowhere"),
    "a name that is not UTF-8": (
        lambda c, s: (s / "odd").symlink_to(os.fsdecode(b"../../blobs/\xff")),
        "something that is not UTF-8",
    ),
}


@pytest.mark.parametrize("case", LINKS)
def test_a_link_that_the_hub_does_not_make_is_not_followed(cache: HubCache, way: str, case: str) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES)
    act, words = LINKS[case]
    act(cache, snapshot)
    listing = find(snapshot).walk()
    [problem] = listing.problems
    assert problem.kind == "link" and words in problem.detail
    assert problem.name not in names(listing)


@pytest.mark.parametrize("name", ["snapshots", "blobs", f"snapshots/{COMMIT}"])
def test_the_folders_of_a_repo_in_the_cache_are_no_links(cache: HubCache, way: str, name: str) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES)
    path = cache.hub / REPO / name
    path.rename(cache.hub / "elsewhere")
    path.symlink_to(cache.hub / "elsewhere")
    with pytest.raises(Usage):
        find(snapshot).walk()


def test_a_blob_swapped_for_a_link_after_the_walk_is_refused(cache: HubCache, way: str, tmp_path: Path) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES)
    listing = find(snapshot).walk()
    (tmp_path / "outside").write_bytes(b"{}")
    _blob(cache, lambda blob: blob.symlink_to(tmp_path / "outside"))
    with pytest.raises(Error, match=r"config\.json changed while it was read"):
        hash_files(listing, None, sha256=True, blake3=False)
    assert listing.again() != listing


def test_a_link_that_moved_on_to_another_blob_is_refused(cache: HubCache, way: str) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES)
    listing = find(snapshot).walk()
    _elsewhere(cache, snapshot, os.readlink(snapshot / "model.safetensors"))
    with pytest.raises(Error, match=r"config\.json changed while it was read"):
        hash_files(listing, None, sha256=True, blake3=False)


def test_no_handle_stays_open(cache: HubCache, way: str) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES, shared=("model.safetensors",))
    before = len(os.listdir("/dev/fd"))
    contents(find(snapshot).walk())
    with pytest.raises(Usage):
        find(snapshot.parent / ("0" * 40)).walk()
    assert len(os.listdir("/dev/fd")) == before


# whose a path says the files are

REPOS = {
    "models--acme-lab--atlas-7b": "hf://acme-lab/atlas-7b",
    "datasets--acme-lab--corpus": "hf://datasets/acme-lab/corpus",
    "spaces--acme-lab--demo": "hf://spaces/acme-lab/demo",
    "models--Acme--A.b_c-1": "hf://Acme/A.b_c-1",
    "models--gpt2": None,
    "models--a--b--c": None,
    "models--a---b": None,
    "models--datasets--b": None,
    "kernels--a--b": None,
    "models--a--": None,
    "models----b": None,
}


@pytest.mark.parametrize("folder", REPOS)
def test_the_repo_is_read_from_the_path_or_not_at_all(cache: HubCache, folder: str) -> None:
    snapshot = cache.snapshot(folder, COMMIT, FILES)
    if REPOS[folder] is None:
        with pytest.raises(Usage, match="is no repo that can be sealed"):
            find(snapshot)
    else:
        assert find(snapshot).asked == Asked(str(REPOS[folder]), COMMIT)


def test_a_link_into_a_cache_says_not_whose_the_files_are(cache: HubCache, tmp_path: Path, way: str) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES)
    (tmp_path / "link").symlink_to(snapshot)
    place = find(tmp_path / "link")
    assert isinstance(place.source, Snapshot) and place.asked is None
    assert contents(place.walk()) == SEALED
    (tmp_path / "hub2").symlink_to(cache.hub)  # a link above the repo is as typed
    assert find(tmp_path / "hub2" / REPO / "snapshots" / COMMIT).asked == Asked("hf://acme-lab/atlas-7b", COMMIT)


def test_a_path_with_dots_says_whose_it_is_only_if_no_link_makes_it_lie(cache: HubCache, tmp_path: Path) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES)
    asked = Asked("hf://acme-lab/atlas-7b", COMMIT)
    assert find(snapshot / "sub" / ".." / "config.json").asked == asked
    other = cache.snapshot("models--evil--corp", COMMIT, FILES)
    (snapshot / "there").symlink_to(other)  # snapshot/there/.. is in the other repo
    lies = find(snapshot / "there" / ".." / COMMIT)
    assert isinstance(lies.source, Snapshot) and (lies.source.name, lies.asked) == ("models--evil--corp", None)


def test_a_repo_in_the_cache_without_a_snapshot_is_a_usage_error_that_names_them(cache: HubCache) -> None:
    cache.snapshot(REPO, COMMIT, FILES)
    repo = cache.hub / REPO
    for path in (repo, repo / "snapshots", repo / "blobs", repo / "refs", repo / "refs" / "main"):
        with pytest.raises(Usage, match="in the Hub cache, but it is no snapshot") as refused:
            find(path)
        assert str(repo / "snapshots" / COMMIT) in str(refused.value.hint)
    with pytest.raises(Usage, match="main is not named by a commit"):
        find(repo / "snapshots" / "main")


def test_a_repo_folder_of_another_name_is_a_cache_too_and_names_nobody(cache: HubCache) -> None:
    cache.snapshot(REPO, COMMIT, FILES)
    renamed = (cache.hub / REPO).rename(cache.hub / "renamed")
    place = find(renamed / "snapshots" / COMMIT)
    assert place.asked is None and contents(place.walk()) == SEALED


def test_a_folder_that_is_called_like_a_cache_is_a_folder(tmp_path: Path) -> None:
    plain = tmp_path / REPO
    (plain / "sub").mkdir(parents=True)
    (plain / "config.json").write_bytes(b"{}")
    assert find(plain).source is None and find(tmp_path).source is None and not find(plain).part


# single files


def test_a_single_file_is_found_where_it_lies(tmp_path: Path, way: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "weights").write_bytes(b"data")
    (tmp_path / "model.gguf").symlink_to("real/weights")  # a link that the user typed
    place = find(tmp_path / "model.gguf")
    assert place.source == OneFile(Path(os.path.realpath(tmp_path / "real")), "weights", "model.gguf") and place.part
    assert contents(place.walk()) == {"model.gguf": b"data"}


def test_a_single_file_swapped_for_a_link_is_no_file(tmp_path: Path, way: str) -> None:
    (tmp_path / "a").write_bytes(b"data")
    place = find(tmp_path / "a")
    listing = place.walk()
    (tmp_path / "a").unlink()
    (tmp_path / "a").symlink_to("/etc/passwd")
    assert problems(place.walk()) == [("a", "link")]
    with pytest.raises(Error, match="a changed while it was read"):
        hash_files(listing, None, sha256=True, blake3=False)


NO_PLACE: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda p: None, "no such file or folder"),
    "a FIFO": (os.mkfifo, "a FIFO, neither a folder nor a file"),
    "a loop": (lambda p: p.symlink_to(p.name), "too many levels"),
    "a link to a device": (lambda p: p.symlink_to("/dev/null"), "a device, neither a folder nor a file"),
    "a dangling link": (lambda p: p.symlink_to("absent"), "no such file or folder"),
}


@pytest.mark.parametrize("case", NO_PLACE)
def test_what_is_neither_folder_nor_file_is_a_usage_error_and_nothing_waits(tmp_path: Path, case: str) -> None:
    act, words = NO_PLACE[case]
    act(tmp_path / "x")
    with pytest.raises(Usage, match=words):
        find(tmp_path / "x")
    with pytest.raises(Usage):
        find(tmp_path / "nul\0")


def test_a_file_stands_for_the_longest_sealed_name_that_its_path_ends_in(tmp_path: Path) -> None:
    sealed = ("config.json", "sub/config.json", "sub/deep/a")
    for path, expected in {
        "config.json": "config.json",
        "sub/config.json": "sub/config.json",
        "other/config.json": "config.json",
        "x/sub/deep/a": "sub/deep/a",
        "a": "a",
        "sub/../config.json": "config.json",
    }.items():
        assert sealed_name(tmp_path / path, sealed, Path(path).name) == expected


def test_only_a_plain_folder_is_sealed(cache: HubCache, tmp_path: Path) -> None:
    snapshot = cache.snapshot(REPO, COMMIT, FILES)
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(snapshot)
    for path, words in {
        snapshot: "lies in the Hub cache",
        tmp_path / "link": "lies in the Hub cache",
        cache.hub / REPO: "no snapshot",
        tmp_path / "file": "not a folder",
        tmp_path / "absent": "no such file or folder",
    }.items():
        with pytest.raises(Usage, match=words):
            plain_folder(path)
    assert plain_folder(tmp_path) == tmp_path


# the plain walk without handles


def test_without_handles_the_same_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "sub/b", "sub/deep/c", ".gitignore", "é"):
        (tmp_path / "m" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "m" / name).write_bytes(name.encode())
    (tmp_path / "m" / "link").symlink_to("a")
    (tmp_path / "m" / "folder").symlink_to("sub")
    os.mkfifo(tmp_path / "m" / "sub" / "fifo")
    by_handle = folders.walk(tmp_path / "m")
    monkeypatch.setattr(handles, "HANDLES", False)
    by_path = folders.walk(tmp_path / "m")
    assert by_path == by_handle
    assert contents(by_path) == {name: name.encode() for name in ("a", "sub/b", "sub/deep/c", "é")}


@pytest.fixture
def swapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Without handles: `sub` becomes a link to elsewhere at the moment when a call about a path is made."""
    monkeypatch.setattr(handles, "HANDLES", False)
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    (tmp_path / "outside" / "deep" / "file").write_bytes(b"secret")
    (tmp_path / "model" / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "model" / "sub" / "deep" / "file").write_bytes(b"signed")

    def at(call: str) -> None:
        real = getattr(os, call)

        def swap(path: object, *args: object, **kw: object) -> object:
            sub = tmp_path / "model" / "sub"
            if str(path).endswith("sub/deep") and not sub.is_symlink():
                sub.rename(tmp_path / "was")
                sub.symlink_to(tmp_path / "outside")
            return real(path, *args, **kw)

        monkeypatch.setattr(os, call, swap)

    yield at


@pytest.mark.parametrize("call", ["lstat", "scandir"])
def test_without_handles_a_folder_swapped_for_a_link_during_the_walk_is_noticed(
    swapped: Callable[[str], None], tmp_path: Path, call: str
) -> None:
    swapped(call)
    with pytest.raises(Error, match="changed while it was listed"):
        folders.walk(tmp_path / "model")


def test_without_handles_a_folder_swapped_for_a_link_after_the_walk_is_noticed(
    swapped: Callable[[str], None], tmp_path: Path
) -> None:
    listing = folders.walk(tmp_path / "model")
    (tmp_path / "model" / "sub").rename(tmp_path / "was")
    (tmp_path / "model" / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(Error, match="sub/deep/file changed while it was read"):
        hash_files(listing, None, sha256=True, blake3=False)


def test_without_handles_a_file_swapped_between_look_and_open_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles, "HANDLES", False)
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "file").write_bytes(b"signed")
    real = os.open

    def swap(path: str | Path, *args: int, **kw: int) -> int:
        file = tmp_path / "model" / "file"
        if Path(path) == file and not file.is_symlink():
            file.unlink()
            file.symlink_to(tmp_path / "secret")
        return real(path, *args, **kw)

    listing = folders.walk(tmp_path / "model")
    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(Error, match="file changed while it was read"):
        hash_files(listing, None, sha256=True, blake3=False)
