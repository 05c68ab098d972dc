"""Names from outside: which are taken, that none leaves its folder, and that none can print a line of its own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelseal.errors import Malformed
from modelseal.formats import manifest, names
from modelseal.formats.manifest import File
from modelseal.formats.names import Asked
from tests.support.vectors import Vector, check, load, name_of

KINDS = {
    "repo": names.repo, "namespace": names.namespace, "scope": names.scope, "origin": names.origin,
    "domain": names.domain, "title": names.title, "revision": names.revision,
}  # fmt: skip


def text_of(case: Vector) -> str:
    try:
        return case.text
    except UnicodeDecodeError as e:  # names stand in texts: what is no text was refused before
        raise Malformed("not UTF-8") from e


def read_name(case: Vector) -> Iterable[tuple[str, str]]:
    kind = case.path.split("/")[1]
    name = KINDS[kind](text_of(case), kind)
    assert name == case.text
    if kind == "repo":
        yield "key", Asked(name, None).key
        yield "namespace", names.namespace_of(name)
    if case.get("repo"):
        yield "covers", "yes" if names.covers(name, case.need("repo")) else "no"


@pytest.mark.parametrize("case", [case for kind in KINDS for case in load(f"names/{kind}")], ids=lambda case: case.path)
def test_name_vectors(case: Vector) -> None:
    check(case, read_name)


def read_file(case: Vector) -> Iterable[tuple[str, str]]:
    assert manifest.file_name(text_of(case), "file") == case.text
    return ()


@pytest.mark.parametrize("case", load("names/file"), ids=name_of)
def test_file_name_vectors(case: Vector) -> None:
    check(case, read_file)


def read_list(case: Vector) -> Iterable[tuple[str, str]]:
    files = tuple(File(name, 1, bytes(32)) for name in case.text.split("\n"))
    manifest.check_files(files, "files")
    return ()


@pytest.mark.parametrize("case", load("names/file-list"), ids=name_of)
def test_file_list_vectors(case: Vector) -> None:
    check(case, read_list)


PIECES = "aA.. /\\:~*\0\n\x1b\u202e\u200b\u0301éß\u017fCON1$%"
NASTY = st.text(st.sampled_from(PIECES), max_size=12) | st.text(max_size=300)


@given(NASTY)
@example("a/../b")
@example("CON")
@example("c:evil")
@example("//host/share")
@example("\\\\host\\share")
def test_no_name_that_is_taken_leaves_its_folder_on_any_system(name: str) -> None:
    try:
        names.file_name(name, "file")
    except Malformed as e:
        assert printed_safely(str(e))
        return
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    assert not posix.is_absolute() and ".." not in posix.parts and str(posix) == name
    assert not windows.is_absolute() and not windows.drive and not windows.root and ".." not in windows.parts
    assert windows.parts == posix.parts == tuple(name.split("/"))
    assert not any(unicodedata.category(c) == "Cc" for c in name)
    assert len(name.encode()) <= 4096 and all(len(part.encode()) <= 255 for part in posix.parts)
    assert all(part[-1] not in ". " for part in posix.parts)


LIKE = st.text(st.sampled_from("aAsS/\u017fßéE\u0301k\u212a"), min_size=1, max_size=5)


@given(st.lists(LIKE, min_size=1, max_size=6))
def test_a_list_is_taken_only_if_no_two_names_meet_on_any_system(listed: list[str]) -> None:
    listed = sorted(set(listed))
    try:
        for name in listed:
            names.file_name(name, "file")
        names.check_file_names(listed, "files")
    except Malformed:
        return
    forms = [unicodedata.normalize("NFC", name).casefold() for name in listed]
    assert len(set(forms)) == len(listed)
    assert not any(a != b and b.startswith(a + "/") for a in forms for b in forms)


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(name: str) -> None:
    once = names.folded(name)
    assert names.folded(unicodedata.normalize("NFD", name)) == once
    assert names.folded(once) == once


TYPED = {
    "acme/a": Asked("hf://acme/a", None),
    "hf://acme/a": Asked("hf://acme/a", None),
    "acme/a@main": Asked("hf://acme/a", None),
    "datasets/acme/a@" + "0" * 40: Asked("hf://datasets/acme/a", "0" * 40),
}


@pytest.mark.parametrize("text", TYPED)
def test_what_people_type(text: str) -> None:
    assert names.parse_repo(text) == TYPED[text]


NOT_TYPED = ("", "acme", "acme/a@", "acme/a@v1", "acme/a@main@main", "https://x/acme/a", "acme/a/b")


@pytest.mark.parametrize("text", NOT_TYPED)
def test_what_people_may_not_type(text: str) -> None:
    with pytest.raises(Malformed):
        names.parse_repo(text)


# What printing must never let through: ends of lines, moves of the cursor, changes of direction, and what is not seen.
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
UNSEEN = set(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180e\u200b\u200c\u200d\u2060"
    "\u2064\u3164\ufe0f\ufeff\uffa0\U000e0001\U000e0100"
)


def printed_safely(text: str) -> bool:
    return not any(
        unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or c in BIDI | UNSEEN for c in text
    )


@given(st.text(st.characters(codec=None, categories=None), max_size=250))
@example("a\nVERIFIED b")
@example("\u0301a")
@example("\\n")
def test_nothing_printed_can_end_a_line_or_hide(text: str) -> None:
    shown = names.printable(text)
    assert printed_safely(shown)
    assert not shown or unicodedata.category(shown[0])[0] != "M"


# All planes with characters whole, of the others some.
ALL = sorted({*range(0x32400), *range(0xE0000, 0xE0200), *range(0, 0x110000, 251), 0x10FFFF})


def test_every_single_character_is_printed_safely_and_unlike_any_other() -> None:
    shown: dict[str, int] = {}
    for n in ALL:
        c = chr(n)
        out = names.printable("a" + c)[1:]
        assert (out == c and printed_safely(c)) or (out.isascii() and out.isprintable()), hex(n)
        assert shown.setdefault(out, n) == n, hex(n)


def test_letters_of_all_scripts_are_printed_as_they_are() -> None:
    for text in ("model.safetensors", "模型", "модель", "نموذج", "e\u0301", "\U0001f917", "a b"):
        assert names.printable(text) == text
    assert names.printable("a" * 201) == "a" * 200 + "..."


def test_a_name_that_is_there_twice_is_refused_however_it_is_held() -> None:
    name = "model.safetensors"
    with pytest.raises(Malformed, match="the same file"):
        names.check_file_names([name, name], "files")
