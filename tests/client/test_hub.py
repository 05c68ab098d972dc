"""The client's door to the Hub: what it asks, what it believes, where a token goes."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelseal import hub
from modelseal.errors import Error, NotFound, Refused, Unavailable
from modelseal.formats import names
from modelseal.hub import client
from modelseal.listed import HubListing
from tests.support.hub import Answer, Hub
from tests.support.hubparts import git_id

REPO = "hf://acme-lab/x"
MODEL = "models/acme-lab/x"
FILES = {"config.json": b"{}", "sub/a.txt": b"text", "model.safetensors": bytes(range(256)) * 8, "model.sig": b"{}"}
INFO = f"/api/{MODEL}/revision/"


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with Hub() as found:
        found.commit(MODEL, FILES)
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        yield found


def listing(revision: str | None = None, **how: Any) -> HubListing:
    return hub.listing(REPO, revision, **{"token": False, **how})


# listings


@pytest.mark.parametrize("kind", ["models", "datasets", "spaces"])
def test_a_listing_is_one_request_and_has_all_that_the_hub_tells(double: Hub, kind: str) -> None:
    repo = "hf://acme-lab/y" if kind == "models" else f"hf://{kind}/acme-lab/y"
    commit = double.commit(f"{kind}/acme-lab/y", FILES)
    found = hub.listing(repo, None, token=False)
    assert (found.asked, found.repo, found.commit, found.gated, found.private) == (repo, repo, commit, False, False)
    assert double.asked == [("GET", f"/api/{kind}/acme-lab/y/revision/main")]
    by_name = {file.name: file for file in found.files}
    assert list(by_name) == sorted({".gitattributes", *FILES})
    large, small = by_name["model.safetensors"], by_name["config.json"]
    assert large.sha256 == hashlib.sha256(FILES["model.safetensors"]).digest() and large.size == 2048
    assert (small.size, small.sha256, small.gitoid) == (2, None, git_id(b"blob", b"{}"))
    assert [file.name for file in found.covered] == ["config.json", "model.safetensors", "sub/a.txt"]


def test_without_sizes_the_tree_is_read_page_by_page(double: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = listing().files
    hide_sizes(double)
    double.page, double.xet = 2, True
    double.asked.clear()
    assert listing().files == whole
    assert [path for _, path in double.asked if "/tree/" in path][1:]
    double.hook = lambda method, path: (
        Answer(200, b"[]", {"Link": f'<{path}>; rel="next"'}) if "/tree/" in path else None
    )
    monkeypatch.setattr(sys.modules["modelseal.hub.listing"], "MAX_PAGES", 3)
    with pytest.raises(Refused, match="more than 3 pages"):
        hide_sizes(double)
        listing()


def hide_sizes(double: Hub) -> None:
    """Have the Hub tell names alone beside a commit, as olah does."""
    said = json.loads(double._info(double.repos[MODEL], "main", {}).body)
    before = double.hook
    double.hook = lambda method, path: (
        Answer(200, json.dumps(said).encode()) if path.startswith(INFO) else before(method, path)
    )


def test_branches_tags_and_commits_are_revisions_and_pull_requests_are_not(double: Hub) -> None:
    first = double.repos[MODEL].refs["main"]
    double.tag(MODEL, "v1/rc")
    second = double.commit(MODEL, {"config.json": b"[]"})
    assert listing("v1/rc").commit == listing(first).commit == first
    assert listing("main").commit == second == hub.resolve(REPO, None)[0]
    assert hub.resolve(REPO, "v1/rc") == (first, REPO)
    double.commit(MODEL, {"evil.py": b""}, ref=double.pull_request(MODEL))
    for revision in ("refs/pr/1", "refs/heads/main", "..", "\udcff"):
        with pytest.raises(Refused, match="a branch, a tag or a commit is wanted"):
            listing(revision)
    with pytest.raises(NotFound, match="no such revision: acme-lab/x@v9"):
        listing("v9")


def test_after_a_rename_both_names_are_known(double: Hub) -> None:
    double.rename(MODEL, "models/new/x")
    found = listing()
    assert (found.asked, found.repo) == (REPO, "hf://new/x")
    assert digests(found)["config.json"] == sha256(b"{}")
    assert hub.resolve(REPO, None)[1] == "hf://new/x"


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def digests(found: HubListing, **how: Any) -> dict[str, bytes]:
    """What is known of the files once the small ones were fetched."""
    return {file.name: file.sha256 for file in hub.files_of(found, **how)}


def said(double: Hub, change: Callable[[dict[str, Any]], Any]) -> None:
    """Have the Hub say of the repo what *change* makes of the truth."""
    value = json.loads(double._info(double.repos[MODEL], "main", {"blobs": ["true"]}).body)
    body = json.dumps(change(value) or value).encode()
    double.hook = lambda method, path: Answer(200, body) if path.startswith(INFO) else None


LIES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no object": (lambda v: [v], "no object"),
    "no commit": (lambda v: v.update(sha="main"), "has not the form"),
    "no name": (lambda v: v.update(id="gpt2"), "the name that the Hub gives"),
    "another type's name": (lambda v: v.update(id="datasets/a/b/c"), "the name that the Hub gives"),
    "no files": (lambda v: v.update(siblings=None), "list of files"),
    "a file twice": (lambda v: v["siblings"].append(v["siblings"][0]), "the same file"),
    "a climbing name": (lambda v: v["siblings"][1].update(rfilename="../x"), r"segment \.\. is not allowed"),
    "an absolute name": (lambda v: v["siblings"][1].update(rfilename="/etc/x"), "absolute"),
    "a name with a break": (lambda v: v["siblings"][1].update(rfilename="a\nb"), "U\\+000A"),
    "a name that is none": (lambda v: v["siblings"][1].update(rfilename=7), "not a file name"),
    "a negative size": (lambda v: v["siblings"][1].update(size=-1), "not an integer"),
    "a size that is no number": (lambda v: v["siblings"][1].update(size="2"), "not an integer"),
    "no digest": (lambda v: v["siblings"][2]["lfs"].update(sha256="xyz"), "model.safetensors"),
    "no blob id": (lambda v: v["siblings"][1].update(blobId="../../x"), "has not the form"),
}


@pytest.mark.parametrize("case", LIES)
def test_what_no_repo_can_have_is_refused(double: Hub, case: str) -> None:
    change, words = LIES[case]
    said(double, change)
    with pytest.raises(Refused, match=words):
        listing()


def test_another_commit_than_the_one_asked_for_is_refused(double: Hub) -> None:
    said(double, lambda v: v.update(sha="1" * 40))
    assert listing().commit == "1" * 40  # nobody asked for a commit
    with pytest.raises(Refused, match="answers with another commit"):
        listing("2" * 40)


ANSWERS: dict[str, tuple[Answer, type[Error], str]] = {
    "503": (Answer(503), Unavailable, "status 503"),
    "429": (Answer(429), Unavailable, "too many requests"),
    "404 without a code": (Answer(404), NotFound, "has no acme-lab/x"),
    "401 without a code": (Answer(401), NotFound, "private and wants a token"),
    "403": (Answer(403), Refused, "status 403"),
    "gated": (Answer(401, b"", {"X-Error-Code": "GatedRepo"}), Refused, "is gated"),
    "disabled": (Answer(403, b"", {"X-Error-Code": "DisabledRepo"}), Refused, "switched off"),
    "no JSON": (Answer(200, b"<!doctype html>"), Refused, "not JSON"),
    "deep JSON": (Answer(200, b"[" * 200_000), Refused, "not JSON"),
    "tiny values": (Answer(200, b"[" + b"[]," * 2_000_000 + b"[]]"), Refused, "too many values for its size"),
    "duplicate keys": (Answer(200, b'{"id": "a/b", "id": "acme-lab/x"}'), Refused, "a key occurs twice"),
    "too much": (Answer(200, b"[" + b" " * client.MAX_REPLY + b"]"), Refused, "more than"),
    "a bomb": (
        Answer(200, gzip.compress(b" " * (client.MAX_REPLY + 1)), {"Content-Encoding": "gzip"}), Refused, "more than"
    ),
    "elsewhere": (Answer(307, b"", {"Location": "http://127.0.0.2:9/api/models/acme-lab/x"}), Refused, "127.0.0.2:9"),
    "to a file": (Answer(307, b"", {"Location": "file:///etc/passwd"}), Refused, "not followed"),
    "round and round": (Answer(307, b"", {"Location": f"{INFO}main"}), Unavailable, "more than 5 redirects"),
    "a redirect to nowhere": (Answer(307), Unavailable, "more than 5 redirects"),
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
def test_answers_that_are_none_are_errors_of_ours(double: Hub, case: str) -> None:
    answer, kind, words = ANSWERS[case]
    double.hook = lambda method, path: answer
    with pytest.raises(kind, match=words) as e:
        listing()
    assert type(e.value) is kind


def test_nobody_there_is_unavailable(double: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    found = listing()
    double.close()
    for ask in (
        lambda: listing(),
        lambda: hub.resolve(REPO, None),
        lambda: hub.on_branch(REPO, "1" * 40),
        lambda: hub.owner_id("hf://acme-lab"),
        lambda: hub.files_of(found),
    ):
        with pytest.raises(Unavailable, match="no answer"):
            ask()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Unavailable, match="HF_HUB_OFFLINE is set"):
        listing()
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    with pytest.raises(Unavailable, match="is set"):
        listing()
    monkeypatch.delenv("TRANSFORMERS_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "ftp://hub.example")
    with pytest.raises(Unavailable, match="no address of a Hub"):
        listing()


def test_a_parameter_names_another_hub_than_the_environment(double: Hub) -> None:
    with Hub() as other:
        commit = other.commit(MODEL, {"other.json": b"1"})
        found = listing(endpoint=f"{other.url}/")
        assert found.commit == commit and found.endpoint == other.url
        assert digests(found) == {"other.json": sha256(b"1")}
        assert hub.resolve(REPO, None, endpoint=other.url)[0] == commit
    assert double.asked == []


# tokens


def test_the_token_of_the_user_goes_to_the_hub_and_nowhere_else(double: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    double.repos[MODEL].private = True
    double.hook = lambda method, path: double.elsewhere("7" * 64, b"{}", {}) if path.endswith("config.json") else None
    token = double.token(MODEL)
    with pytest.raises(NotFound, match="private and wants a token"):
        hub.listing(REPO, None, token=False)
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    with pytest.raises(NotFound, match="or not for this token") as e:
        hub.listing(REPO, None)
    assert "hf_of_somebody_else" not in str(e.value) and e.value.hint is not None
    monkeypatch.setenv("HF_TOKEN", token)
    found = hub.listing(REPO, None)
    assert found.private and token not in repr(hub.listing(REPO, None, token=token))
    assert digests(found)["config.json"] == sha256(b"{}")
    assert double.cdn_asked and all(sent is None for _, sent in double.cdn_asked)
    again = hub.listing(REPO, None, token=token)
    monkeypatch.delenv("HF_TOKEN")
    assert digests(again)["config.json"] == sha256(b"{}")  # the listing keeps whose word it is
    with pytest.raises(Refused, match="gated"):
        double.repos[MODEL].gated, double.repos[MODEL].private = "auto", False
        hub.files_of(found, token=False)


@pytest.mark.parametrize("token", ["hf_\u00e9", "hf_a\nX: y", "hf a", "\ud83d"])
def test_a_token_that_is_none_is_sent_nowhere(double: Hub, token: str) -> None:
    with pytest.raises(Refused, match="the token for the Hub is none") as e:
        hub.listing(REPO, None, token=token)
    assert token not in str(e.value) and double.asked == []


def test_a_password_in_the_address_is_not_printed(double: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", double.url.replace("//", "//ana:secret@"))
    double.hook = lambda method, path: Answer(503)
    with pytest.raises(Unavailable) as e:
        listing()
    assert "secret" not in str(e.value) and "status 503" in str(e.value)


# files


def test_small_files_are_fetched_and_must_be_the_listed_ones(double: Hub) -> None:
    found = listing()
    for lie, words in ((b"[]", "git blob"), (b"{ }", "more than 2 bytes"), (b"{", "1 bytes came, 2 are listed")):
        double.lie(MODEL, "config.json", lie)
        with pytest.raises(Refused, match=words):
            hub.files_of(found)
    double.hook = lambda method, path: Answer(404, b"", {"X-Error-Code": "EntryNotFound"})
    with pytest.raises(NotFound, match="no such file: acme-lab/x@"):
        hub.files_of(found)


def test_names_of_every_kind_are_fetched(double: Hub) -> None:
    odd = {"a b.txt": b"1", "c#d?.txt": b"2", "%41.txt": b"3", "\u00e9/\u6a21.txt": b"4", "x[1].json": b"5"}
    double.commit(MODEL, odd)
    found = listing()
    assert digests(found).items() >= {name: sha256(data) for name, data in odd.items()}.items()


def test_the_sha256_of_all_files_is_known_after_the_small_ones(double: Hub) -> None:
    found = listing()
    double.asked.clear()
    counted: list[int] = []
    files = hub.files_of(found, progress=counted.append)
    expected = {name: data for name, data in FILES.items() if name != "model.sig"}
    assert {file.name: (file.size, file.sha256) for file in files} == {
        name: (len(data), hashlib.sha256(data).digest()) for name, data in expected.items()
    }
    assert {file.name for file in files if file.gitoid} == {"config.json", "sub/a.txt"}
    assert sum(counted) == hub.files.small_bytes(found) == 6
    assert sorted(path.rpartition("/")[2] for _, path in double.asked) == ["a.txt", "config.json"]
    double.lie(MODEL, "sub/a.txt", b"TEXT")
    with pytest.raises(Refused, match=r"sub/a\.txt"):
        hub.files_of(found)
    double.lie(MODEL, "sub/a.txt", FILES["sub/a.txt"])
    double.commit(MODEL, {".GITATTRIBUTES": b"", ".gitattributes": None})
    found = listing()
    double.asked.clear()
    with pytest.raises(Refused, match="an ignored name cannot be sealed"):
        hub.files_of(found)
    assert double.asked == []


# what came before, and whose it is


def test_a_commit_is_on_a_branch_or_it_is_not(double: Hub) -> None:
    first = double.repos[MODEL].refs["main"]
    for i in range(5):
        double.commit(MODEL, {"n": b"%d" % i})
    double.page = 2
    proposed = double.commit(MODEL, {"evil.py": b""}, ref=double.pull_request(MODEL))
    on_dev = double.commit(MODEL, {"m": b""}, ref="dev")
    double.tag(MODEL, "v1", first)
    assert hub.on_branch(REPO, first, token=False) and hub.on_branch(REPO, on_dev, token=False)
    assert not hub.on_branch(REPO, proposed, token=False)
    assert not hub.on_branch(REPO, "1" * 40, token=False)
    double.hook = lambda method, path: Answer(200, b'{"branches": [{"name": "main"}]}') if "refs" in path else None
    with pytest.raises(Refused, match="list of branches is none"):
        hub.on_branch(REPO, first, token=False)


def test_owners_have_ids(double: Hub) -> None:
    assert hub.owner_id("hf://acme-lab", token=False) is None
    id_ = double.owner("acme-lab")
    assert hub.owner_id("hf://acme-lab", token=False) == id_
    assert hub.owner_id("hf://ana", token=False) is None
    assert double.owner("ana", "users") == hub.owner_id("hf://ana", token=False)
    for body, words in ((b'{"_id": "../x"}', "the owner id"), (b"[", "not JSON")):
        double.hook = lambda method, path, body=body: Answer(200, body)  # type: ignore[misc]
        with pytest.raises(Refused, match=words):
            hub.owner_id("hf://acme-lab", token=False)


# downloads


def test_a_download_is_what_was_named_and_nothing_else(
    double: Hub, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    double.commit(MODEL, {"x[1].json": b"1", "x1.json": b"2", "*.txt": b"3", "q?.md": b"4"})
    double.cdn = True
    found = listing()
    for number, wanted in enumerate((("x[1].json",), ("*.txt", "config.json"), [one.name for one in found.files])):
        here = hub.download(found, wanted, tmp_path / str(number), quiet=True, token=False)
        assert here == tmp_path / f"{number}/models--acme-lab--x/snapshots/{found.commit}"
        assert {str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()} == set(wanted)
    others = [one.name for one in found.files if one.name != "x[1].json"]
    here = hub.download(found, others, tmp_path / "others", token=False)
    assert (here / "x1.json").exists() and not (here / "x[1].json").exists()
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ValueError, match="not in the listing"):
        hub.download(found, ["evil.py"], tmp_path)


def test_a_download_keeps_the_typed_name_after_a_rename(double: Hub, tmp_path: Path) -> None:
    double.rename(MODEL, "models/new/x")
    found = listing()
    assert "models--acme-lab--x" in str(hub.download(found, ["config.json"], tmp_path, token=False))


def test_a_download_that_fails_says_why(double: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # huggingface_hub tries again for half a minute
    found = listing()
    double.repos[MODEL].gated = True
    with pytest.raises(Refused, match="is gated"):
        hub.download(found, ["config.json"], tmp_path / "a", token=False)
    del double.repos[MODEL]
    with pytest.raises(Error, match="acme-lab/x"):
        hub.download(found, ["config.json"], tmp_path / "b", token=False)
    double.close()
    with pytest.raises(Unavailable, match="acme-lab/x"):
        hub.download(found, ["config.json"], tmp_path / "c", token=False)


# uploads


def test_an_upload_is_a_commit_on_the_branch(double: Hub) -> None:
    before = double.repos[MODEL].refs["main"]
    double.branch(MODEL, "dev")
    token = double.token(MODEL)
    commit = hub.upload(REPO, None, "model.sig", b"{seal}", "seal it", token=token)
    there = double.repos[MODEL]
    assert there.refs["main"] == commit and there.commits[commit] == {
        **there.commits[before],
        "model.sig": b"{seal}",
    }
    on_dev = hub.upload(REPO, "dev", "model.sig", b"{dev}", "seal it", token=token)
    assert there.refs["dev"] == on_dev and there.refs["main"] == commit
    for bad in (False, "hf_other"):
        with pytest.raises((Refused, NotFound), match="acme-lab/x"):
            hub.upload(REPO, None, "model.sig", b"{evil}", "seal it", token=bad)
    assert there.refs["main"] == commit


# what it costs, and with whom it works


def test_nothing_heavy_is_imported_before_the_hub_is_asked() -> None:
    heavy = "{'huggingface_hub', 'httpx', 'httpx2', 'concurrent.futures'}"
    code = f"import sys, modelseal.hub; print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_mangled_answer_is_an_error_of_ours_or_a_listing_with_good_names(double: Hub, data: st.DataObject) -> None:
    body = bytearray(double._info(double.repos[MODEL], "main", {"blobs": ["true"]}).body)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=3) | st.sampled_from(MANGLED))
    double.hook = lambda method, path: Answer(200, bytes(body)) if path.startswith(INFO) else None
    try:
        found = listing()
    except Error:
        return
    for file in found.files:
        assert names.file_name(file.name, "file") == file.name and file.size >= 0


MANGLED = (
    b"null",
    b"-1",
    b"1e9",
    b"9" * 5000,
    b"[]",
    b"{}",
    b'"../x"',
    b"\xff",
    b"\\u0000",
    b"\\ud800",
    b"true",
    b"NaN",
)
