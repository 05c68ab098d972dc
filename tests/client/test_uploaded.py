"""sign and publish ask the Hub: which commit a name is, and whether the folder is what the Hub has there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import modelseal
from modelseal.errors import Unavailable
from modelseal.formats.envelope import Bundle
from modelseal.formats.manifest import File, Statement
from modelseal.hub import HubFile
from modelseal.journeys import uploaded
from modelseal.verdict import Finding
from tests.support.client import Ran, inside
from tests.support.hub import Answer, Hub
from tests.support.hubparts import git_id
from tests.support.person import COMMIT, Person

MODEL = {
    "README.md": b"# Atlas\n",
    "config.json": b'{"model_type": "atlas"}',
    "model.safetensors": bytes(range(256)) * 40,  # in LFS at the Hub
    "sub/empty.txt": b"",
}
AT_HUB = "models/acme-lab/atlas-7b"
BRAVO = b'{"model_type": "bravo"}'


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no token"))  # not this user's own
    with Hub() as found:
        found.owner("acme-lab")
        yield found


@pytest.fixture
def ana(stranger: Person) -> Person:
    """Somebody with a key and a model, and no registry."""
    stranger.key("ci")
    stranger.model(contents=MODEL)
    return stranger


def types(person: Person, hub: Hub, *words: str | Path, **env: str) -> Ran:
    return inside(person.here, {**person.env, "HF_ENDPOINT": hub.url, **env}, *map(str, words))


def sign(person: Person, hub: Hub, *more: str, repo: str = "acme-lab/atlas-7b", **env: str) -> Ran:
    words = ("sign", "./atlas-7b", "--repo", repo, "--key", "ci.key", *(more or ("--revision", "main")))
    return types(person, hub, *words, **env)


def statement(file: Path) -> Statement:
    return Statement.parse(Bundle.parse(file.read_bytes()).payload)


def uploaded_by_ana(hub: Hub, contents: Mapping[str, bytes] = MODEL, repo: str = AT_HUB) -> str:
    return hub.commit(repo, contents)


# which commit


def test_a_tag_is_resolved_and_the_folder_compared(ana: Person, hub: Hub) -> None:
    commit = uploaded_by_ana(hub)
    hub.tag(AT_HUB, "v10")
    hub.commit(AT_HUB, {"later.txt": b"x"})
    done = sign(ana, hub, "--revision", "v10")
    done.says(0, f"SIGNED acme-lab/atlas-7b@{commit}", "v10 at the Hub; the folder equals the Hub's listing")
    sealed = {file.name: file for file in statement(ana.here / "atlas-7b/model.sig").files}
    assert set(sealed) == set(MODEL)  # .gitattributes, which the Hub has, is nobody's file
    for name, data in MODEL.items():
        assert sealed[name].sha256 == hashlib.sha256(data).digest() and sealed[name].blake3 is not None
        # git's id of what is not in LFS: by it anybody compares a listing with the seal, and downloads nothing
        assert sealed[name].gitoid == (None if name.endswith(".safetensors") else git_id(b"blob", data))


@pytest.mark.parametrize("how", ["main", "dev", "v1.0/rc", "commit", "in the name"])
def test_branches_tags_and_commits_are_revisions(how: str, ana: Person, hub: Hub) -> None:
    commit = uploaded_by_ana(hub)
    hub.branch(AT_HUB, "dev")
    hub.tag(AT_HUB, "v1.0/rc")
    if how == "in the name":
        done = types(ana, hub, "sign", "./atlas-7b", "--repo", "acme-lab/atlas-7b@v1.0/rc", "--key", "ci.key")
    else:
        done = sign(ana, hub, "--revision", commit if how == "commit" else how)
    done.says(0, f"SIGNED acme-lab/atlas-7b@{commit}", "the folder equals")


def test_an_older_commit_of_a_branch_is_one(ana: Person, hub: Hub) -> None:
    commit = uploaded_by_ana(hub)
    for number in range(5):
        hub.commit(AT_HUB, {"later.txt": b"%d" % number})
    hub.page = 2
    sign(ana, hub, "--revision", commit).says(0, f"SIGNED acme-lab/atlas-7b@{commit}", "on a branch at the Hub")


def test_a_tag_that_moves_while_it_is_asked_about_seals_what_was_compared(ana: Person, hub: Hub) -> None:
    commit = uploaded_by_ana(hub)
    hub.tag(AT_HUB, "v10")

    def move(method: str, path: str) -> Answer | None:
        if path.endswith("/refs"):  # after the first answer
            hub.commit(AT_HUB, {"loader.py": b"import os"})
            hub.tag(AT_HUB, "v10")
        return None

    hub.hook = move
    sign(ana, hub, "--revision", "v10").says(0, f"SIGNED acme-lab/atlas-7b@{commit}")
    assert statement(ana.here / "atlas-7b/model.sig").revision == commit
    hub.hook = lambda method, path: None
    sign(ana, hub, "--revision", "v10").says(1, "missing:  loader.py, which the Hub's listing lists")


def test_datasets_and_spaces_are_repos_too(ana: Person, hub: Hub) -> None:
    for kind in ("datasets", "spaces"):
        commit = uploaded_by_ana(hub, repo=f"{kind}/acme-lab/atlas-7b")
        done = sign(ana, hub, repo=f"{kind}/acme-lab/atlas-7b").says(0, f"SIGNED {kind}/acme-lab/atlas-7b@{commit}")
        assert "Hub calls it" not in done.out
        (ana.here / "atlas-7b/model.sig").unlink()


def test_after_a_rename_the_seal_is_for_the_name_that_was_typed(ana: Person, hub: Hub) -> None:
    commit = uploaded_by_ana(hub)
    hub.rename(AT_HUB, "models/acme-lab/atlas-7b-v1")
    done = sign(ana, hub).says(0, f"SIGNED acme-lab/atlas-7b@{commit}")
    assert (
        "the Hub calls it acme-lab/atlas-7b-v1; the seal is for the name that you typed, acme-lab/atlas-7b" in done.out
    )
    assert statement(ana.here / "atlas-7b/model.sig").repo == "hf://acme-lab/atlas-7b"


def test_a_pull_requests_commit_is_refused(ana: Person, hub: Hub) -> None:
    uploaded_by_ana(hub)
    ref = hub.pull_request(AT_HUB)
    commit = hub.commit(AT_HUB, {"loader.py": b"import os"}, ref)
    ana.model(contents={"loader.py": b"import os"})
    sign(ana, hub, "--revision", commit).says(
        1, f"{commit} is on no branch and no tag", "anybody can open a pull request"
    )
    sign(ana, hub, "--revision", ref).says(1, "anybody can open a pull request")
    assert not (ana.here / "atlas-7b/model.sig").exists()


REVISIONS = {
    "no such repo": (("--repo", "acme-lab/none"), 1, "has no repo acme-lab/none@main"),
    "no such tag": (("--revision", "v99"), 1, "has no such revision: acme-lab/atlas-7b@v99"),
    "no such commit": (("--revision", COMMIT), 1, f"has no such revision: acme-lab/atlas-7b@{COMMIT}"),
    "half a commit": (("--revision", COMMIT[:12]), 1, "has no such revision"),
    "empty": (("--revision", ""), 2, "a revision is wanted: a branch, tag or commit"),
    "dots": (("--revision", ".."), 1, "a branch, a tag or a commit is wanted"),
    "a trick": (("--revision", "x\nVERIFIED a/b"), 1, "x\\u000aVERIFIED a/b"),
    "a tag, not asked": (("--revision", "v10", "--no-hub"), 2, "a revision is a commit of 40 hex digits"),
    "metadata, not asked": (("--from-hub", "--no-hub", "--revision", COMMIT), 2, "leave out --no-hub"),
    "metadata and blake3": (("--from-hub", "--hash", "both"), 2, "the Hub tells sha256 only"),
    "metadata and --plain": (("--from-hub", "--plain"), 2, "--plain names no repo"),
}


@pytest.mark.parametrize("case", REVISIONS)
def test_what_is_no_commit_there_is_said(case: str, ana: Person, hub: Hub) -> None:
    words, code, says = REVISIONS[case]
    uploaded_by_ana(hub)
    given = {"--repo": "acme-lab/atlas-7b", "--revision": "main"}
    more = [word for name, value in given.items() if name not in words for word in (name, value)]
    refused = types(ana, hub, "sign", "./atlas-7b", "--key", "ci.key", *more, *words).says(code, says)
    assert "\nVERIFIED" not in refused.err
    assert not (ana.here / "atlas-7b/model.sig").exists()


# what the Hub has there


def _like(name: str, data: bytes) -> Callable[[Hub], object]:
    return lambda hub: hub.commit(AT_HUB, {name: data})


OTHERS: dict[str, tuple[Callable[[Hub], object], list[str]]] = {
    "the folder has one more file": (
        lambda hub: hub.commit(AT_HUB, {"config.json": None}),
        ["1 file was added", "added:    config.json, not in the Hub's listing"],
    ),
    "the Hub has one more file": (
        _like("loader.py", b"import os"), ["1 file is missing", "missing:  loader.py, which the Hub's listing lists"],
    ),
    "another size": (
        _like("config.json", b"{}"), ["another size", "expected 2 bytes", "found    23 bytes", "nothing was hashed"],
    ),
    "other bytes, same size, in LFS": (
        _like("model.safetensors", bytes(10240)),
        ["1 file differs", f"expected sha256:{hashlib.sha256(bytes(10240)).hexdigest()}",
         f"found    sha256:{hashlib.sha256(MODEL['model.safetensors']).hexdigest()}"],
    ),
    "other bytes, same size, in git": (
        _like("config.json", BRAVO),
        ["1 file differs", f"expected git blob {git_id(b'blob', BRAVO)}",
         f"found    git blob {git_id(b'blob', MODEL['config.json'])}"],
    ),
    "spelled otherwise": (
        lambda hub: hub.commit(AT_HUB, {"README.md": None, "readme.md": MODEL["README.md"]}),
        ["1 file is missing, 1 file was added"],
    ),
    "a folder under an ignored name": (
        lambda hub: hub.commit(AT_HUB, {".gitattributes": None, ".gitattributes/x": b"x"}),
        ["missing:  .gitattributes/x"],
    ),
    "an ignored name spelled otherwise": (_like(".GitIgnore", b"x"), ["missing:  .GitIgnore"]),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_a_folder_that_is_not_what_the_hub_has_is_not_sealed(case: str, ana: Person, hub: Hub) -> None:
    change, words = OTHERS[case]
    uploaded_by_ana(hub)
    change(hub)
    commit = hub.repos[AT_HUB].refs["main"]
    before = ana.left()
    refused = sign(ana, hub).says(1, f"REFUSED acme-lab/atlas-7b@{commit}: the folder is not what the Hub has", *words)
    refused.says(1, "nothing was signed", "next:     upload the folder, or download that commit again")
    found = sign(ana, hub, "--revision", "main", "--json").says(1).json
    assert (found["verdict"], found["use"], found["revision"]) == ("refused", "no", commit)
    assert found["findings"] and found["untrusted"]["files"]
    quiet = sign(ana, hub, "--revision", "main", "-q").says(1, "nothing was signed")
    assert not quiet.out and ana.left() == before


def test_ignored_names_and_the_seal_itself_may_be_at_either_place(ana: Person, hub: Hub) -> None:
    ignored = {".gitattributes": b"* text", ".gitignore": b"*.tmp", ".github/workflows/x.yml": b"on: push"}
    uploaded_by_ana(hub, {**MODEL, **ignored, "model.sig": b"an older seal"})
    sign(ana, hub).says(0, "SIGNED")
    ana.model(contents={".gitignore": b"other", ".github/y.yml": b"z"})
    sign(ana, hub).says(0, "SIGNED")


def test_a_listing_without_sizes_is_read_from_the_tree(ana: Person, hub: Hub) -> None:
    uploaded_by_ana(hub)

    def no_sizes(method: str, path: str) -> Answer | None:
        if "/revision/" not in path:
            return None
        value = {"id": "acme-lab/atlas-7b", "sha": hub.repos[AT_HUB].refs["main"]}
        siblings = [{"rfilename": name} for name in (".gitattributes", *sorted(MODEL))]

        return Answer(200, json.dumps({**value, "siblings": siblings}).encode())

    hub.hook, hub.page = no_sizes, 2
    sign(ana, hub).says(0, "the folder equals the Hub's listing")
    assert any("/tree/" in path for _, path in hub.asked)


def test_what_changes_while_it_is_compared_is_refused(ana: Person, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    uploaded_by_ana(hub)
    before = uploaded.check_contents

    def changing(*args: object) -> object:
        (ana.here / "atlas-7b/config.json").write_bytes(BRAVO)
        return before(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(uploaded, "check_contents", changing)
    sign(ana, hub).says(1, "changed while it was read")


def test_gated_and_private_repos(ana: Person, hub: Hub) -> None:
    uploaded_by_ana(hub)
    hub.repos[AT_HUB].gated = "manual"
    sign(ana, hub).says(0, "SIGNED")  # what is listed is public, and nothing is downloaded
    hub.repos[AT_HUB].private = True
    sign(ana, hub).says(1, "it is private and wants a token", "hf auth login")
    token = hub.token(AT_HUB)
    done = sign(ana, hub, HF_TOKEN=token).says(0, "SIGNED")
    assert token not in done.out + done.err
    assert {sent for _, sent in hub.tokens} == {token}


def test_no_answer_is_unavailable_and_says_how_to_do_without(ana: Person, hub: Hub) -> None:
    uploaded_by_ana(hub)
    hub.hook = lambda method, path: Answer(503)
    sign(ana, hub).says(6, "answers with status 503", "--no-hub")
    found = sign(ana, hub, "--revision", "main", "--json").says(6).json
    assert (found["verdict"], found["use"]) == ("unavailable", "retry")
    sign(ana, hub, HF_HUB_OFFLINE="1").says(6, "HF_HUB_OFFLINE is set", "--no-hub")
    sign(ana, hub, HF_ENDPOINT="http://127.0.0.1:1").says(6, "no answer", "--no-hub")
    done = sign(ana, hub, "--revision", COMMIT, "--no-hub", HF_ENDPOINT="http://127.0.0.1:1")
    done.says(0, f"SIGNED acme-lab/atlas-7b@{COMMIT}", "taken as given, not compared with the Hub")


def test_a_mistake_in_the_folder_is_said_before_the_hub_is_asked(ana: Person, hub: Hub) -> None:
    (ana.here / "notes").write_text("x")
    for folder, words in (("./none", "no such file or folder"), ("./notes", "not a folder")):
        types(ana, hub, "sign", folder, "--repo", "acme-lab/atlas-7b", "--revision", "v1", "--key", "ci.key").says(
            2, words
        )
    assert hub.asked == []


def test_a_seal_without_gits_ids_that_says_the_same_is_kept(ana: Person, hub: Hub) -> None:
    commit = uploaded_by_ana(hub)
    path = ana.here / "atlas-7b/model.sig"
    sign(ana, hub, "--revision", commit, "--no-hub").says(0)
    first = path.read_bytes()
    sign(ana, hub, "--revision", commit).says(0)
    assert path.read_bytes() == first
    path.unlink()
    sign(ana, hub, "--revision", commit).says(0)
    with_ids = path.read_bytes()
    sign(ana, hub).says(0)
    assert path.read_bytes() == with_ids


# from the listing alone


def from_hub(person: Person, hub: Hub, *more: str, **env: str) -> Ran:
    words = ("sign", "--repo", "acme-lab/atlas-7b", "--revision", "v10", "--from-hub", "--key", "ci.key")
    return types(person, hub, *words, "--signature", "atlas.sig", *more, **env)


@pytest.mark.parametrize("cdn", [False, True])
def test_a_seal_is_made_of_the_listing_without_the_weights(cdn: bool, ana: Person, hub: Hub) -> None:
    commit = uploaded_by_ana(hub)
    hub.tag(AT_HUB, "v10")
    hub.cdn = cdn
    done = from_hub(ana, hub).says(0, f"SIGNED acme-lab/atlas-7b@{commit}", "v10 at the Hub; its metadata was sealed")
    done.says(0, "unseen:   the sha256 of 1 of 4 files is the Hub's word, nobody saw their bytes: model.safetensors")
    found = statement(ana.here / "atlas.sig")
    assert {file.name: (file.size, file.sha256, file.blake3) for file in found.files} == {
        name: (len(data), hashlib.sha256(data).digest(), None) for name, data in MODEL.items()
    }
    assert not any("model.safetensors" in path for _, path in hub.asked) and hub.cdn_asked == []
    value = from_hub(ana, hub, "--json").says(0).json
    names = [value["untrusted"]["files"][place] for place in value["hub"]["on_its_word"]]
    assert names == ["model.safetensors"] and value["hub"]["sealed"] == "metadata"
    assert ana.left() >= {"atlas.sig"} and not (ana.here / "atlas-7b/model.sig").exists()


def test_names_from_the_hub_are_escaped(ana: Person, hub: Hub) -> None:
    name = "\u202enib.exe.safetensors"  # draws backwards what follows
    uploaded_by_ana(hub, {**MODEL, name: b"x"})
    hub.tag(AT_HUB, "v10")
    done = from_hub(ana, hub).says(0, "2 of 5 files", "\\u202enib.exe.safetensors")
    differing = sign(ana, hub).says(1, "\\u202enib.exe.safetensors, which the Hub's listing lists")
    value = from_hub(ana, hub, "--json").says(0)
    assert "\\u202enib.exe.safetensors" in value.json["untrusted"]["files"]
    assert "\u202e" not in done.out + differing.out + value.out


def test_with_a_path_the_seal_of_the_listing_goes_there(ana: Person, hub: Hub) -> None:
    uploaded_by_ana(hub)
    (ana.here / "clone").mkdir()
    (ana.here / "clone/model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    words = ("--repo", "acme-lab/atlas-7b@main", "--from-hub", "--key", "ci.key")
    types(ana, hub, "sign", "./clone", *words).says(0, "wrote:    clone/model.sig")
    types(ana, hub, "sign", *words).says(2, "which folder?", "--from-hub --signature FILE")
    types(ana, hub, "sign", "./none", *words).says(2, "no such folder")


UNSEALABLE: dict[str, tuple[dict[str, bytes | None], str]] = {
    "no files": (dict.fromkeys(MODEL), "holds no bytes to seal"),
    "no bytes": ({**dict.fromkeys(MODEL), "x": b""}, "holds no bytes to seal"),
    "an ignored name spelled otherwise": ({".GitIgnore": b"x"}, "an ignored name cannot be sealed"),
    "a folder under an ignored name": ({".gitattributes": None, ".gitattributes/x": b"x"}, "cannot be sealed"),
    "a device name": ({"NUL.txt": b"x"}, "a device name on Windows"),
    "a newline": ({"x\nVERIFIED": b"x"}, "U+000A is not allowed"),
    "out of the folder": ({"../x": b"x"}, "the segment .. is not allowed"),
    "one name twice": ({"CONFIG.json": b"x"}, "same file on some systems"),
}


@pytest.mark.parametrize("case", UNSEALABLE)
def test_what_cannot_be_sealed_is_refused(case: str, ana: Person, hub: Hub) -> None:
    files, words = UNSEALABLE[case]
    uploaded_by_ana(hub)
    hub.commit(AT_HUB, files)
    hub.tag(AT_HUB, "v10")
    from_hub(ana, hub).says(1, words)
    assert not (ana.here / "atlas.sig").exists()


def test_small_files_with_other_bytes_than_listed_are_refused(ana: Person, hub: Hub) -> None:
    uploaded_by_ana(hub)
    hub.tag(AT_HUB, "v10")
    hub.lie(AT_HUB, "config.json", BRAVO)
    from_hub(ana, hub).says(1, "config.json: the git blob", "is listed")
    hub.lie(AT_HUB, "config.json", b"{}")
    from_hub(ana, hub).says(1, "config.json: 2 bytes came")
    assert not (ana.here / "atlas.sig").exists()


def test_small_files_of_a_gated_repo_want_a_token(ana: Person, hub: Hub) -> None:
    uploaded_by_ana(hub)
    hub.tag(AT_HUB, "v10")
    hub.repos[AT_HUB].gated = "auto"
    from_hub(ana, hub).says(1, "is gated", "hf auth login")
    from_hub(ana, hub, HF_TOKEN=hub.token(AT_HUB)).says(0, "SIGNED")


def test_a_pull_requests_listing_is_not_sealed(ana: Person, hub: Hub) -> None:
    uploaded_by_ana(hub)
    commit = hub.commit(AT_HUB, {"loader.py": b"import os"}, hub.pull_request(AT_HUB))
    words = ("--repo", f"acme-lab/atlas-7b@{commit}", "--from-hub", "--key", "ci.key", "--signature", "atlas.sig")
    types(ana, hub, "sign", *words).says(1, "is on no branch and no tag")


# in Python


def test_the_same_from_python(ana: Person, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = uploaded_by_ana(hub)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    folder, key = ana.here / "atlas-7b", ana.here / "ci.key"
    signed = modelseal.sign(folder, "acme-lab/atlas-7b", key, revision="main")
    assert signed.statement.revision == commit and signed.at_hub is not None and not signed.at_hub.on_its_word
    there = modelseal.sign(
        None, "acme-lab/atlas-7b@main", key, from_hub=True, signature=ana.here / "atlas.sig"
    ).at_hub  # fmt: skip
    assert there is not None and there.on_its_word == ("model.safetensors",)
    hub.commit(AT_HUB, {"loader.py": b"import os"})
    with pytest.raises(uploaded.Differs, match="1 file is missing") as caught:
        modelseal.sign(folder, "acme-lab/atlas-7b", key, revision="main")
    assert caught.value.findings == (Finding("missing", "loader.py", risk="program"),)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(Unavailable):
        modelseal.sign(folder, "acme-lab/atlas-7b", key, revision="main")


# comparing alone


def test_names_sizes_and_digests_are_compared_each_for_itself() -> None:
    listed = (
        HubFile("a", 1, git_id(b"blob", b"a"), None), HubFile("b", 1, "0" * 40, hashlib.sha256(b"b").digest()),
        HubFile("c", 3, None, None),
    )  # fmt: skip
    assert uploaded.compare_names(listed, {"a": 1, "b": 1, "c": 3}) == ()
    assert {(one.kind, one.name) for one in uploaded.compare_names(listed, {"b": 2, "c": 3, "d": 0})} == {
        ("missing", "a"), ("resized", "b"), ("added", "d"),
    }  # fmt: skip
    files = {file.name: file for file in listed}

    a = File("a", 1, hashlib.sha256(b"a").digest(), gitoid=git_id(b"blob", b"a"))
    b = File("b", 1, hashlib.sha256(b"b").digest())
    assert uploaded.compare_digests(files, (a, b)) == ()
    for other in (dataclasses.replace(a, gitoid="1" * 40), dataclasses.replace(a, gitoid=None)):
        assert [one.kind for one in uploaded.compare_digests(files, (other, b))] == ["differs"]
    [found] = uploaded.compare_digests(files, (a, dataclasses.replace(b, sha256=bytes(32))))
    assert (found.name, found.found) == ("b", f"sha256:{'0' * 64}")
