"""publish with the Hub: the release of a tag, of the Hub's metadata alone, and its seal put into the repo."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelseal
from modelseal.errors import Refused
from modelseal.formats.evidence import Evidence
from tests.support import make
from tests.support.client import Ran, inside
from tests.support.hub import Answer, Hub
from tests.support.person import Person
from tests.support.servers import RegistryProcess, operate

MODEL = {"config.json": b'{"model_type": "atlas"}', "model.safetensors": bytes(range(256)) * 40, "empty": b""}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no token"))  # not this user's own
    with Hub() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)  # for calls from Python
        yield found


NS = "uploads"


def claim(registry: RegistryProcess, namespace: str, owner_id: str | None) -> None:
    """Have the claim of *namespace* admitted, which names *owner_id* as its owner at the Hub."""
    ana, ci = make.key("ana"), make.key("ci")
    text = make.claim(
        f"hf://{namespace}",
        [ana],
        [(ci, f"hf://{namespace}/*"), (ci, f"hf://datasets/{namespace}/*")],
        origin=registry.origin,
        hub_owner_id=owner_id,
    )
    assert registry.post(make.submission(text, [ana]))[0] == 202
    name = f"{namespace}@{make.digest(text)[:12]}"
    operate(registry.folder, "claims", "approve", name, "--without-evidence", "a test", "--yes", "-q")


@pytest.fixture(scope="module", autouse=True)
def claimed(registry: RegistryProcess) -> None:
    claim(registry, NS, hashlib.sha256(NS.encode()).hexdigest()[:24])  # the id that the double gives that name


class Owner:
    """Who owns a namespace in the registry and at the Hub, and has uploaded a model there."""

    def __init__(self, person: Person, hub: Hub, name: str, *, namespace: str = NS, kind: str = "models") -> None:
        self.person, self.hub, self.at_hub = person, hub, f"{kind}/{namespace}/{name}"
        self.id = hub.owner(namespace)
        self.repo = self.at_hub.removeprefix("models/")
        self.commit = hub.commit(self.at_hub, MODEL)
        hub.tag(self.at_hub, "v10")
        person.key("ci")
        person.model(contents=MODEL)

    def types(self, *words: str | Path, **env: str) -> Ran:
        return inside(self.person.here, {**self.person.env, "HF_ENDPOINT": self.hub.url, **env}, *map(str, words))

    def publish(self, *more: str, path: str | None = "./atlas-7b", rev: str = "v10", **env: str) -> Ran:
        words = ("--repo", self.repo, "--revision", rev, "--key", "ci.key")
        return self.types("publish", *((path,) if path else ()), *words, *more, **env)

    @property
    def files(self) -> dict[str, bytes]:
        """What the Hub has on main."""
        repo = self.hub.repos[self.at_hub]
        return repo.commits[repo.refs["main"]]

    def never_logged(self) -> None:
        self.types("show", self.repo).says(1, "has not sealed it")


def test_a_tag_is_published_and_again_gives_the_same(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "tagged")
    done = one.publish().says(0, "VERIFIED (registry's word only) uploads/tagged", one.commit, "3 of 3 equal the seal")
    done.says(0, "commit:   v10 at the Hub; the folder equals the Hub's listing", "hashed now")
    found = one.publish("--json").says(0).json
    assert (found["again"], found["revision"], found["uploaded"]) == (True, one.commit, None)
    assert found["hub"] == {"repo": "hf://uploads/tagged", "private": False, "sealed": "folder", "on_its_word": []}
    one.types("verify", "./atlas-7b", "--repo", "uploads/tagged").says(0, "VERIFIED")


def test_a_dry_run_asks_and_compares_too(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "drily")
    one.publish("--dry-run").says(0, f"DRY RUN uploads/drily@{one.commit}", "the folder equals the Hub's listing")
    assert one.publish("--dry-run", "--json").says(0).json["hub"]["sealed"] == "folder"
    hub.commit(one.at_hub, {"loader.py": b"import os"})
    one.publish("--dry-run", rev="main").says(1, "missing:  loader.py")


def test_a_tag_that_moved_is_another_release(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "mover")
    one.publish().says(0)
    commit = hub.commit(one.at_hub, {"config.json": b"{}"})
    hub.tag(one.at_hub, "v10")
    one.publish().says(1, f"uploads/mover@{commit}", "nothing was signed", "expected 2 bytes")
    person.model(contents={"config.json": b"{}"})
    one.publish().says(0, "VERIFIED", commit)


def test_nothing_is_logged_of_a_folder_that_the_hub_has_not(
    person: Person, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Owner(person, hub, "differing")
    person.model(contents={"model.safetensors": bytes(10240)})
    refused = one.publish().says(1, "REFUSED uploads/differing@", "1 file differs", "nothing was signed")
    assert "wrote" not in refused.out
    found = one.publish("--json").says(1).json
    assert [one["kind"] for one in found["findings"]] == ["differs"]
    one.never_logged()
    monkeypatch.setenv("MODELSEAL_HOME", str(person.home))
    with pytest.raises(Refused, match="1 file differs"):
        modelseal.publish(
            person.here / "atlas-7b", "uploads/differing", person.here / "ci.key", revision="v10"
        )  # fmt: skip


def test_a_pull_request_cannot_be_published(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "pulled")
    commit = hub.commit(one.at_hub, {"config.json": b"{}"}, hub.pull_request(one.at_hub))
    person.model(contents={"config.json": b"{}"})
    one.publish(rev=commit).says(1, "is on no branch and no tag")
    one.never_logged()


def test_no_hub_publishes_what_the_hub_has_not(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "unasked")
    person.model(contents={"loader.py": b"import os"})
    done = one.publish("--no-hub", rev=make.revision(1)).says(
        0, "VERIFIED", "taken as given, not compared with the Hub"
    )
    assert hub.asked == [] and done
    assert one.publish("--no-hub", "--json", rev=make.revision(1)).says(0).json["hub"] is None
    one.publish("--no-hub", "--upload", rev=make.revision(1)).says(2, "without asking the Hub")


def test_no_answer_from_the_hub_is_unavailable(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "deaf")
    one.publish(HF_ENDPOINT="http://127.0.0.1:1").says(6, "no answer", "--no-hub")
    one.never_logged()


# whose name it is


@pytest.mark.parametrize("now", ["somebody else", "nobody"])
def test_a_name_that_changed_hands_at_the_hub_is_refused(now: str, person: Person, hub: Hub) -> None:
    name = f"hands-{now.split()[0]}"
    assert person.registry
    claim(person.registry, name, hub.owner(name))
    one = Owner(person, hub, "atlas-7b", namespace=name)
    if now == "nobody":
        del hub.owners[name]
    else:
        hub.owner(name, id="f" * 24)
    one.publish().says(
        1, f"hf://{name} changed hands: its claim names the owner {one.id}", "nothing was signed", "hub_owner_id"
    )
    one.never_logged()


def test_a_claim_without_an_owner_id_has_none_to_compare(person: Person, hub: Hub) -> None:
    assert person.registry
    claim(person.registry, "no-id", None)
    one = Owner(person, hub, "atlas-7b", namespace="no-id")
    one.publish().says(0, "VERIFIED")
    assert not any("overview" in path for _, path in hub.asked)


# the Hub's metadata alone


def test_a_release_of_the_metadata_says_what_nobody_saw(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "metadata")
    here = ("--from-hub", "--signature", "atlas.sig")
    done = one.publish(*here, path=None).says(0, "VERIFIED", "v10 at the Hub; its metadata was sealed")
    done.says(0, "2 fetched and hashed, 1 on the Hub's word (sha256)", "wrote:    atlas.sig, atlas.sig.evidence")
    done.says(0, "unseen:   the sha256 of 1 of 3 files is the Hub's word, nobody saw their bytes: model.safetensors")
    assert "hashed now" not in done.out
    found = one.publish(*here, "--json", path=None).says(0).json
    assert (found["again"], found["use"], found["path"]) == (True, "ask", "atlas.sig")
    assert [found["untrusted"]["files"][at] for at in found["hub"]["on_its_word"]] == ["model.safetensors"]
    assert not any("model.safetensors" in path for _, path in hub.asked)
    # who has the files verifies them as ever, and who publishes the folder finds it published
    one.types("verify", "./atlas-7b", "--repo", "uploads/metadata").says(0, "VERIFIED")
    one.publish().says(0, "it was in the log already")


def test_a_seal_of_the_metadata_may_replace_another(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "replacer")
    person.key("ana")
    person.model(contents={"config.json": b"{}"})
    one.publish("--no-hub", rev=one.commit).says(0)  # which the Hub never had
    words = ("--from-hub", "--signature", "atlas.sig", "--replace", "--key", "ana.key")
    one.publish(*words, path=None).says(
        0, "VERIFIED", f"voids:    uploads/replacer@{one.commit}", "1 on the Hub's word"
    )


def test_a_logged_seal_with_blake3_wants_the_files(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "both-ways")
    one.publish().says(0)
    again = ("--from-hub", "--signature", "atlas.sig")
    one.publish(*again, path=None).says(2, "blake3 digests, which must be compared too", "leave out --from-hub")


def test_with_a_path_seal_and_evidence_of_the_metadata_go_there(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "pathful")
    (person.here / "clone").mkdir()
    one.publish("--from-hub", path="./clone").says(0, "wrote:    clone/model.sig, clone.evidence")
    one.publish(path=None).says(2, "which folder?")
    one.publish("--from-hub", path=None).says(2, "--from-hub --signature FILE")


# the seal, put into the repo


def test_the_seal_is_put_into_the_repo_and_again_nothing_is(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "uploader")
    token = hub.token(one.at_hub)
    done = one.publish("--upload", HF_TOKEN=token).says(0, "VERIFIED")
    head = hub.repos[one.at_hub].refs["main"]
    done.says(0, f"uploaded: model.sig on main, {head}, a new commit, which is no new release")
    assert head != one.commit and one.files["model.sig"] == (person.here / "atlas-7b/model.sig").read_bytes()
    assert token not in done.out + done.err
    again = one.publish("--upload", "--json", HF_TOKEN=token).says(0).json
    assert again["uploaded"] == {"branch": "main", "commit": head, "again": True}
    assert hub.repos[one.at_hub].refs["main"] == head
    # with the seal in it the repo is what it was: the newest release stands for it, and the new commit is none
    hub.asked.clear()
    one.publish("--upload", rev=one.commit, HF_TOKEN=token).says(0, "it was there already")
    assert [path.endswith("/refs") for _, path in hub.asked].count(True) == 1, "whether the commit is on a branch"


def test_datasets_get_their_seal_too(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "corpus", kind="datasets")
    done = one.publish("--upload", HF_TOKEN=hub.token(one.at_hub)).says(
        0, "datasets/uploads/corpus", "model.sig on main"
    )
    assert "Hub calls it" not in done.out
    assert one.files["model.sig"] == (person.here / "atlas-7b/model.sig").read_bytes()


def test_the_seal_of_a_branch_is_put_there(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "brancher")
    hub.branch(one.at_hub, "dev")
    one.publish("--upload", rev="dev", HF_TOKEN=hub.token(one.at_hub)).says(0, "uploaded: model.sig on dev, ")
    assert "model.sig" not in one.files
    assert "model.sig" in hub.repos[one.at_hub].commits[hub.repos[one.at_hub].refs["dev"]]


def test_an_older_seal_in_the_repo_is_replaced(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "older")
    hub.commit(one.at_hub, {"model.sig": b"an older one"})
    one.publish("--upload", HF_TOKEN=hub.token(one.at_hub)).says(0, "a new commit")
    assert one.files["model.sig"] == (person.here / "atlas-7b/model.sig").read_bytes()


def test_without_a_folder_the_seal_is_uploaded_too(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "weightless")
    words = ("--from-hub", "--signature", "x.sig", "--upload")
    one.publish(*words, path=None, HF_TOKEN=hub.token(one.at_hub)).says(0, "uploaded: model.sig on main")
    assert one.files["model.sig"] == (person.here / "x.sig").read_bytes()


TOKENS = {
    "none": ("", "wants a token that may write, and there is none"),
    "unknown": ("hf_" + "y" * 34, "does not know this one"),
    "read only": ("hf_" + "r" * 34, "this one may only read"),
}


@pytest.mark.parametrize("case", TOKENS)
def test_who_may_not_write_is_told_before_anything_is_logged(case: str, person: Person, hub: Hub) -> None:
    token, words = TOKENS[case]
    one = Owner(person, hub, f"token-{case.split()[0]}")
    hub.token(one.at_hub)
    if case == "read only":
        role = b'{"name": "ana", "auth": {"accessToken": {"role": "read"}}}'
        hub.hook = lambda method, path: Answer(200, role) if path.endswith("whoami-v2") else None
    env = {"HF_TOKEN": token} if token else {}
    before = person.left()
    refused = one.publish("--upload", **env).says(1, words, "hf auth login")
    assert not token or token not in refused.out + refused.err
    assert person.left() == before
    one.never_logged()


@pytest.mark.parametrize(("status", "code", "word"), [(403, 1, "refused"), (409, 6, "unavailable")])
def test_a_refused_upload_leaves_the_release(status: int, code: int, word: str, person: Person, hub: Hub) -> None:
    one = Owner(person, hub, f"stands-{status}")
    token = hub.token(one.at_hub)
    hub.hook = lambda method, path: Answer(status, b"{}") if method == "POST" else None
    done = one.publish("--upload", HF_TOKEN=token).says(
        code, f"NOT UPLOADED {one.repo}@{one.commit} is published and VERIFIED", "the same command again",
        "wrote:    atlas-7b/model.sig, atlas-7b.evidence",
    )  # fmt: skip
    assert not done.out.startswith("VERIFIED")
    found = one.publish("--upload", "--json", HF_TOKEN=token).says(code).json
    assert (found["verdict"], found["again"], found["branch"]) == (word, True, "main")
    assert one.publish("--upload", "-q", HF_TOKEN=token).says(code, "is published and VERIFIED").out == ""
    one.types("verify", "./atlas-7b", "--repo", f"{one.repo}").says(0, "VERIFIED")
    assert Evidence.parse((person.here / "atlas-7b.evidence").read_bytes()).seal
    hub.hook = lambda method, path: None
    one.publish("--upload", HF_TOKEN=token).says(0, "uploaded: model.sig on main", "it was in the log already")


def test_a_gated_repo_is_uploaded_to_by_who_may(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "gatekeeper")
    hub.repos[one.at_hub].gated, hub.repos[one.at_hub].private = "manual", True
    one.publish("--upload", HF_TOKEN=hub.token("models/other/repo")).says(1, "has no repo uploads/gatekeeper")
    one.never_logged()
    token = hub.token(one.at_hub)
    public = "private at the Hub; the log shows the names, sizes and digests of its files to everybody"
    one.publish("--dry-run", HF_TOKEN=token).says(0, public)
    one.publish("--upload", HF_TOKEN=token).says(0, "uploaded: model.sig", public)


def test_after_a_rename_the_seal_goes_where_the_repo_is(person: Person, hub: Hub) -> None:
    one = Owner(person, hub, "renamed")
    hub.rename(one.at_hub, "models/uploads/now")
    done = one.publish("--upload", HF_TOKEN=hub.token("models/uploads/now")).says(0, "VERIFIED", "uploaded: model.sig")
    done.says(0, "the Hub calls it uploads/now; the seal is for the name that you typed, uploads/renamed")
    one.types("verify", "./atlas-7b", "--repo", "uploads/renamed").says(0, "VERIFIED")
    one.types("verify", "./atlas-7b", "--repo", "uploads/now").says(5, "UNKNOWN")
