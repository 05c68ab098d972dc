"""Which registry decides about a name, and from where it is trusted."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path

import pytest

from modelseal import errors, root
from modelseal.root import globs, places
from tests.support.trust import Repository, trust

NOW = int(time.time())
NONE: dict[str, str] = {}  # an environment without our variables


class Shelf:
    """A home, and registries to be trusted in it or elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.made: dict[str, Repository] = {}

    def repository(self, name: str) -> Repository:
        if name not in self.made:
            self.made[name] = Repository(self.folder / name, trust(origin=f"{name}.example"))
        return self.made[name]

    def add(self, name: str, *only: str, home: Path | None = None) -> root.Entry:
        made = self.repository(name)
        reader = made.files(f"https://{name}.example")
        fingerprint = hashlib.sha256(made.first).digest()
        return root.add(reader, fingerprint, home or self.home, NOW, only=only, env=NONE)

    def saved(self, name: str) -> bytes:
        return root.save(self.add(name, home=self.folder / f"made-{name}"))

    def who(self, name: str, env: dict[str, str] = NONE) -> str:
        return root.find(self.home, env, name=name).trust.origin


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


GLOBS = {
    "acme-lab": "acme-lab",
    "hf://Acme-Lab": "acme-lab",
    "acme-*": "acme-*",
    "ACME*": "acme*",
    "datasets*": "datasets*",  # the beginning of a name that is none itself
}
NO_GLOBS = [
    "",
    "*",
    "hf://",
    "a/b",
    "acme/*",
    "*acme",
    "a*b",
    "a**",
    "datasets",
    "api",
    "a..b",
    "-a*",
    "a?",
    "[a]*",
    "ä",
]


@pytest.mark.parametrize("text", GLOBS)
def test_a_glob_is_a_namespace_or_the_beginning_of_one(text: str) -> None:
    assert globs.parse(text) == GLOBS[text]


@pytest.mark.parametrize("text", NO_GLOBS)
def test_nothing_else_is_a_glob(text: str) -> None:
    with pytest.raises(errors.Usage, match="--for"):
        globs.parse(text)


def test_the_most_specific_glob_decides_and_what_has_none_decides_about_the_rest(shelf: Shelf) -> None:
    shelf.add("every")
    shelf.add("wide", "acme*")
    shelf.add("narrow", "acme-x*", "other")
    shelf.add("one", "acme-x")
    who = {
        "hf://acme-x": "one.example",
        "hf://ACME-X/atlas": "one.example",
        "hf://datasets/acme-x/corpus": "one.example",
        "hf://acme-xy/atlas": "narrow.example",
        "hf://other/atlas": "narrow.example",
        "hf://acme/atlas": "wide.example",
        "hf://acme-/atlas": "wide.example",
        "hf://acm/atlas": "every.example",
        "hf://another/acme-x": "every.example",
    }
    assert {name: shelf.who(name) for name in who} == who
    assert root.find(shelf.home, NONE).trust.origin == "every.example"


def test_a_name_that_no_registry_is_for_is_unavailable_and_says_who_is_trusted_for_what(shelf: Shelf) -> None:
    shelf.add("corp", "corp", "corp-*")
    assert shelf.who("hf://corp-x/atlas") == "corp.example"
    with pytest.raises(root.NoTrust, match=r"no registry is trusted for openai: .* for corp and corp-\*") as caught:
        shelf.who("hf://openai/gpt")
    assert caught.value.exit_code == 6
    assert "--for openai" in (caught.value.hint or "")
    assert root.find(shelf.home, NONE).trust.origin == "corp.example"  # there is only one to be meant
    shelf.add("lab", "lab")
    with pytest.raises(errors.Usage, match="which registry"):
        root.find(shelf.home, NONE)


def test_a_second_registry_for_the_same_names_is_not_added(shelf: Shelf) -> None:
    shelf.add("corp", "corp", "corp-*")
    for only in (("corp",), ("x", "corp-*")):
        with pytest.raises(errors.Usage, match=r"https://corp\.example .* decides about corp.* already") as caught:
            shelf.add("other", *only)
        assert caught.value.hint == "to change over: modelseal trust remove https://corp.example"
    shelf.add("other")
    with pytest.raises(errors.Usage, match="every name already") as caught:
        shelf.add("third")
    assert "--for NAMESPACE" in (caught.value.hint or "")
    assert [entry.trust.origin for entry in root.entries(shelf.home, NONE)] == ["corp.example", "other.example"]


def test_adding_again_adds_names_and_never_takes_them_away(shelf: Shelf) -> None:
    shelf.add("corp", "corp")
    assert shelf.add("corp", "lab").globs == ("corp", "lab")
    assert shelf.who("hf://corp/x") == "corp.example"
    entry = root.refresh(root.find(shelf.home, NONE), shelf.repository("corp").files(), NOW)
    assert (entry.globs, root.find(shelf.home, NONE).globs) == (("corp", "lab"), ("corp", "lab"))
    assert shelf.add("corp").globs == ()
    with pytest.raises(errors.Usage, match="decides about every name already"):
        shelf.add("corp", "lab")
    assert shelf.who("hf://anybody/x") == "corp.example"


def test_all_places_are_read_together(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    public, site = shelf.saved("public"), shelf.saved("site")
    system, shipped = shelf.folder / "trust.d", shelf.folder / "wheel"
    monkeypatch.setattr(places, "SYSTEM", system)
    monkeypatch.setattr(places, "SHIPPED", shipped)
    shelf.add("corp", "corp-*")
    shipped.mkdir()
    (shipped / "public.trust").write_bytes(public)
    assert (shelf.who("hf://corp-x/a"), shelf.who("hf://openai/a")) == ("corp.example", "public.example")

    system.mkdir()
    (system / "site.trust").write_bytes(site)
    for name in ("hf://corp-x/a", "hf://openai/a"):  # also where it would not matter
        with pytest.raises(errors.Usage, match=r"site\.trust and .*public\.trust both decide about every name"):
            shelf.who(name)
    (shipped / "public.trust").unlink()
    assert shelf.who("hf://openai/a") == "site.example"
    with pytest.raises(errors.Refused, match=r"trusted because of .*site\.trust"):
        root.remove(shelf.home, "site.example", NONE)
    with pytest.raises(errors.Usage, match="decides about every name already"):
        shelf.add("public")


def test_one_registry_in_two_places_is_one_for_the_names_of_both(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Repository(shelf.folder / "false", trust(origin="corp.example"), who="mallory")
    false = root.add(other.files(), hashlib.sha256(other.first).digest(), shelf.folder / "f", NOW, env=NONE)
    system = shelf.folder / "trust.d"
    monkeypatch.setattr(places, "SYSTEM", system)
    entry = shelf.add("corp", "corp")
    system.mkdir()
    shutil.copytree(shelf.add("corp", "lab", home=shelf.folder / "admin").folder, system / "corp.example")
    [both] = root.entries(shelf.home, NONE)
    assert (both.globs, both.place) == (("corp", "lab"), entry.folder)
    assert root.refresh(both, shelf.repository("corp").files(), NOW).globs == ("corp", "lab")
    (system / "corp.trust").write_bytes(root.save(entry))
    assert root.find(shelf.home, NONE).globs == ()

    (system / "corp.trust").write_bytes(root.save(false))
    with pytest.raises(errors.Refused, match=r"name two roots of corp\.example that have nothing in common"):
        shelf.who("hf://corp/x")


def test_a_copy_of_what_was_added_is_for_the_same_names(shelf: Shelf) -> None:
    shelf.add("every")
    shelf.add("corp", "corp-*")
    env = {"MODELSEAL_TRUST": str(shelf.home / "trust")}
    elsewhere = shelf.folder / "elsewhere"
    assert root.find(elsewhere, env, name="hf://corp-x/a").trust.origin == "corp.example"
    assert root.find(elsewhere, env, name="hf://openai/a").trust.origin == "every.example"
    only = {"MODELSEAL_TRUST": str(shelf.home / "trust/corp.example/root.trust")}
    with pytest.raises(root.NoTrust):
        root.find(elsewhere, only, name="hf://openai/a")


def test_an_empty_folder_of_trust_is_no_trust(shelf: Shelf) -> None:
    shelf.add("every")
    (shelf.folder / "empty").mkdir()
    with pytest.raises(root.NoTrust):
        shelf.who("hf://acme/x", {"MODELSEAL_TRUST": str(shelf.folder / "empty")})


def test_a_removal_that_is_interrupted_has_removed_it_everywhere(shelf: Shelf) -> None:
    folder = shelf.add("every").folder
    gone = folder.with_name(f".removed-{folder.name}")
    shutil.copytree(folder, gone)  # what a crash leaves
    root.remove(shelf.home, "every.example", NONE)
    assert (folder.exists(), gone.exists()) == (False, False)
    shutil.copytree(shelf.add("every", home=shelf.folder / "again").folder, gone)
    assert root.entries(shelf.home, NONE) == []
    with pytest.raises(root.NoTrust):
        shelf.who("hf://acme/x", {"MODELSEAL_TRUST": str(folder.parent)})
    assert shelf.add("every").folder == folder


def test_a_crash_between_proof_and_extract_leaves_the_older_extract_and_a_refresh_goes_on(shelf: Shelf) -> None:
    entry = shelf.add("every")
    local = (entry.folder / "local.json").read_bytes()
    shelf.repository("every").publish(trust("another log key", origin="every.example"))
    newer = root.refresh(entry, shelf.repository("every").files(), NOW)
    assert newer.timestamp > entry.timestamp
    (entry.folder / "local.json").write_bytes(local)  # the proof is put in place first
    assert root.find(shelf.home, NONE) == entry
    assert root.refresh(root.find(shelf.home, NONE), shelf.repository("every").files(), NOW).trust == newer.trust
    assert root.find(shelf.home, NONE).trust == newer.trust
