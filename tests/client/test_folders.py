from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from modelseal import folders
from modelseal.errors import Error, Malformed, Usage
from modelseal.folders import Problem, walk
from modelseal.formats import manifest
from tests.support.vectors import Vector, load, name_of


def fill(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def names(root: Path) -> list[str]:
    return [found.name for found in walk(root).files]


def kinds(root: Path) -> list[tuple[str, str]]:
    return [(problem.name, problem.kind) for problem in walk(root).problems]


def test_a_walk_lists_every_file_in_the_order_of_code_points(tmp_path: Path) -> None:
    fill(tmp_path, "b", "a/z", "a.b", "A", "é/ü", "𝔞", "a/b/c/d", "line\nVERIFIED", "a b")
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    assert names(tmp_path) == sorted(["b", "a/z", "a.b", "A", "é/ü", "𝔞", "a/b/c/d", "line\nVERIFIED", "a b"])
    listing = walk(tmp_path)
    assert (listing.skipped, listing.hub, listing.problems) == ((), (), ())
    assert listing.total == sum(len(name.encode()) for name in names(tmp_path))
    found = next(found for found in listing.files if found.name == "a/z")
    status = (tmp_path / "a" / "z").stat()
    assert (found.size, found.mtime_ns, found.ino) == (3, status.st_mtime_ns, status.st_ino)


def test_names_that_are_not_the_models_are_passed_over_at_the_root_only(tmp_path: Path) -> None:
    fill(tmp_path, ".git/HEAD", ".github/x", ".gitignore", ".gitattributes", "model.sig", "config.json")
    fill(tmp_path, "sub/.git/HEAD", "sub/model.sig", "sub/.gitignore", ".GIT/HEAD", "Model.sig", ".gitmodules")
    assert names(tmp_path) == sorted(
        ["config.json", "sub/.git/HEAD", "sub/model.sig", "sub/.gitignore", ".GIT/HEAD", "Model.sig", ".gitmodules"]
    )
    assert walk(tmp_path).skipped == (".git", ".gitattributes", ".github", ".gitignore", "model.sig")


def test_git_may_be_a_file_as_in_a_worktree(tmp_path: Path) -> None:
    fill(tmp_path, ".git")
    assert (walk(tmp_path).skipped, walk(tmp_path).problems) == ((".git",), ())


@pytest.mark.parametrize("name", sorted(folders.IGNORED))
def test_a_link_under_an_ignored_name_is_a_problem(tmp_path: Path, name: str) -> None:
    fill(tmp_path, "code.py", "target/loader.py")
    (tmp_path / name).symlink_to("target")
    assert kinds(tmp_path) == [(name, "ignored")]
    assert walk(tmp_path).skipped == ()
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    assert kinds(tmp_path) == [(name, "ignored")]


@pytest.mark.parametrize("name", sorted(folders.IGNORED - folders.IGNORED_FOLDERS))
def test_a_folder_under_the_name_of_an_ignored_file_is_a_problem_and_not_walked(tmp_path: Path, name: str) -> None:
    fill(tmp_path, f"{name}/loader.py")
    assert walk(tmp_path).problems == (Problem(name, "ignored", "a folder under a name that is not compared"),)
    assert names(tmp_path) == []


def test_a_seal_has_at_most_32_MiB(tmp_path: Path) -> None:
    with open(tmp_path / "model.sig", "wb") as file:
        file.truncate(folders.MAX_SEAL)
    assert kinds(tmp_path) == []
    with open(tmp_path / "model.sig", "ab") as file:
        file.write(b"x")
    assert kinds(tmp_path) == [("model.sig", "large")]


def test_the_hub_clients_own_files_are_passed_over_and_anything_else_there_is_a_file(tmp_path: Path) -> None:
    own = [".gitignore", "CACHEDIR.TAG", "download/a.metadata", "download/a/b/c.lock", "download/x.y.incomplete"]
    own += ["trees/0123.json"]
    other = ["x", "download/loader.py", "trees/a/b.json", "trees/a.py", "a.metadata", "sub/.gitignore", "trees/.json/x"]
    other += ["download.metadata"]
    fill(tmp_path, *(f".cache/huggingface/{name}" for name in own + other), ".cache/other/.gitignore")
    fill(tmp_path, "sub/.cache/huggingface/.gitignore")
    assert walk(tmp_path).hub == tuple(sorted(f".cache/huggingface/{name}" for name in own))
    assert names(tmp_path) == sorted(
        [f".cache/huggingface/{name}" for name in other]
        + [".cache/other/.gitignore", "sub/.cache/huggingface/.gitignore"]
    )


def test_a_link_under_the_name_of_a_hub_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / ".cache" / "huggingface").mkdir(parents=True)
    (tmp_path / ".cache" / "huggingface" / ".gitignore").symlink_to("/etc/passwd")
    assert kinds(tmp_path) == [(".cache/huggingface/.gitignore", "link")]


def test_links_are_reported_and_never_followed(tmp_path: Path) -> None:
    fill(tmp_path / "outside", "secret")
    root = fill(tmp_path / "model", "a/file")
    (root / "inside").symlink_to("a/file")
    (root / "folder").symlink_to("a")
    (root / "outside").symlink_to(tmp_path / "outside")
    (root / "dangling").symlink_to("nowhere")
    (root / "a" / "loop").symlink_to("..")
    assert names(root) == ["a/file"]
    assert kinds(root) == [(n, "link") for n in ("a/loop", "dangling", "folder", "inside", "outside")]


def test_fifos_sockets_and_devices_are_reported_and_nothing_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "file")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path is short
        server.bind("socket")
        assert kinds(tmp_path) == [("fifo", "fifo"), ("socket", "socket")]
    assert [problem for problem in walk(Path("/dev")).problems if problem.name == "null"] == [
        Problem("null", "device", "a device")
    ]


def test_a_name_that_is_not_utf8_is_shown_escaped(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.py")).write_bytes(b"")
    (tmp_path / os.fsdecode(b"\xff")).mkdir()
    assert walk(tmp_path).problems == (
        Problem("\\xff", "name", "the name is not UTF-8"),
        Problem("caf\\xe9.py", "name", "the name is not UTF-8"),
    )


def test_folders_are_walked_64_deep_and_no_deeper(tmp_path: Path) -> None:
    deepest = "/".join("d" * folders.MAX_DEPTH)
    fill(tmp_path, f"{deepest}/file")
    assert (names(tmp_path), kinds(tmp_path)) == ([f"{deepest}/file"], [])
    fill(tmp_path, f"{deepest}/d/too deep")
    assert (names(tmp_path), kinds(tmp_path)) == ([f"{deepest}/file"], [(f"{deepest}/d", "deep")])


def test_a_walk_ends_at_the_greatest_number_of_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "a", "b", "c/d")
    monkeypatch.setattr(folders, "MAX_ENTRIES", 4)
    assert names(tmp_path) == ["a", "b", "c/d"]
    monkeypatch.setattr(folders, "MAX_ENTRIES", 3)
    with pytest.raises(Error, match="more than 3 entries"):
        walk(tmp_path)


def test_the_root_may_be_a_link_that_the_user_typed_but_must_be_a_folder(tmp_path: Path) -> None:
    fill(tmp_path / "model", "file")
    (tmp_path / "link").symlink_to("model")
    assert names(tmp_path / "link") == ["file"]
    for name, words in {"absent": "no such folder", "model/file": "not a folder", "nul\0": "no such folder"}.items():
        with pytest.raises(Usage, match=words):
            walk(tmp_path / name)


def test_a_folder_swapped_for_a_link_during_the_walk_is_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "outside", "secret")
    root = fill(tmp_path / "model", "sub/file")
    real = os.open

    def swap_then_open(path: str | bytes | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == b"sub":  # listed as a folder, about to be opened
            (root / "sub").rename(tmp_path / "was")
            (root / "sub").symlink_to(tmp_path / "outside")
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swap_then_open)
    with pytest.raises(Error, match="sub: changed while it was listed"):
        walk(root)


def test_an_unreadable_folder_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "sub/file", "z")
    (tmp_path / "sub").chmod(0)
    if os.geteuid() == 0:  # nothing is unreadable to root, so the kernel's answer is made here
        real = os.open

        def refuse(path: str | bytes | Path, *args: int, **kw: int) -> int:
            if path == b"sub":
                raise PermissionError(13, "Permission denied")
            return real(path, *args, **kw)

        monkeypatch.setattr(os, "open", refuse)
    assert (names(tmp_path), kinds(tmp_path)) == (["z"], [("sub", "unreadable")])
    (tmp_path / "sub").chmod(0o700)


def test_a_walk_leaves_no_handle_open(tmp_path: Path) -> None:
    fill(tmp_path, "a/b/c", "d/e")
    before = len(os.listdir("/dev/fd"))
    walk(tmp_path)
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("case", load("names/file"), ids=name_of)
def test_a_file_of_any_name_is_listed_by_that_name_or_is_a_problem(tmp_path: Path, case: Vector) -> None:
    """No name that a disk can hold hides a file; whether a seal can hold it is another question."""
    raw = os.fsencode(tmp_path) + b"/m/" + case.body
    plain = all(part not in (b"", b".", b"..") for part in case.body.split(b"/"))
    (tmp_path / "m").mkdir()
    try:
        os.makedirs(os.path.dirname(raw), exist_ok=True)
        with open(raw, "xb") as file:
            file.write(b"x")
    except (OSError, ValueError):  # this disk cannot hold it
        assert case.expect == "malformed" or len(raw) > 4000
        return
    if not plain:  # means another file, and that one is listed
        return
    listing = walk(tmp_path / "m")
    try:
        name = case.body.decode()
    except UnicodeDecodeError:
        assert [(problem.kind, listing.files) for problem in listing.problems] == [("name", ())]
        return
    first = name.split("/")[0]
    if first in folders.IGNORED:
        assert listing.skipped == (first,)
    else:
        assert [found.name for found in listing.files] == [name]
    if case.expect == "malformed":
        with pytest.raises(Malformed):
            manifest.file_name(name, "file")
