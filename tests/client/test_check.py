"""`modelseal check`: a name and the Hub's listing against the log, through the real command; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import modelseal
from modelseal.errors import Unavailable, Usage
from tests.support import make
from tests.support.client import Address, Answer, Ran, Someone, inside
from tests.support.hub import Answer as Said
from tests.support.hub import Hub
from tests.support.scene import ACME, ANA, CI, EVIDENCE, GOOD, NAME, NEWER, REPO, acme, files_of, publish
from tests.support.world import WATCHER, WEEK, World

MODEL = "models/acme-lab/atlas-7b"
OWNER = "64f0c0ffee64f0c0ffee64f0"
PATHS = (
    *(NAME, "acme-lab/second", "acme-lab/other"),
    *("someuser/tiny-lm", "nobody/atlas-7b", "datasets/second/corpus", "spaces/second/corpus"),
)


class Town:
    """A log, a Hub that has what was sealed, and somebody who checks names."""

    def __init__(self, folder: Path, world: World, address: Address, hub: Hub) -> None:
        self.world, self.address, self.hub = world, address, hub
        self.someone = Someone(folder, world, address)
        self.trust = self.someone.trust_files
        hub.commit(MODEL, {**GOOD, "model.sig": b"{}"}, id=make.revision(1))
        self.serve()

    def serve(self) -> None:
        """Serve what the log has now, with the short way that registries have: one answer about a repo."""
        answers: dict[str, Answer] = {**self.world.files(), **self.trust}
        for path in PATHS:
            repo, _, revision = path.partition("@")
            answers[f"evidence/{path}"] = self.world.evidence(f"hf://{repo}", revision or None)
        for commit in self.hub.repos[MODEL].commits:
            answers[f"evidence/{NAME}@{commit}"] = self.world.evidence(REPO, commit)
        self.address.files = answers

    def check(self, *words: str, **env: str) -> Ran:
        self.hub.asked.clear()
        self.hub.tokens.clear()
        self.address.asked.clear()
        return inside(self.someone.here, {**self.someone.env, "HF_ENDPOINT": self.hub.url, **env}, "check", *words)

    @property
    def requests(self) -> tuple[int, int]:
        """How often the registry and the Hub were asked."""
        return len(self.address.asked), len(self.hub.asked)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with Address() as address, Hub() as hub:
        yield Town(tmp_path, acme(), address, hub)


# what is sealed


def test_a_sealed_repo_costs_two_requests_and_no_download(town: Town) -> None:
    town.check(NAME).says(
        0,
        "SEALED (registry's word only) acme-lab/atlas-7b, sealed by Acme Lab (acme.example)",
        f"{make.revision(1)}, the newest release",
        "2 of 2 equal the seal, 10.3 kB, by the Hub's listing, with the sha256 of 1; nothing was downloaded",
        "next:     download it, and verify every byte: modelseal get acme-lab/atlas-7b",
        "ignored:  2 names at the root, which no seal covers: .gitattributes, model.sig",
        "note:     of 1 small file the Hub tells no sha256; names and sizes are as sealed",
    )
    assert town.requests == (1, 1)
    assert town.address.asked == [EVIDENCE] and town.hub.asked == [("GET", f"/api/{MODEL}/revision/{make.revision(1)}")]
    for words in ((f"{NAME}@main",), (f"hf://{NAME}",), (f"{NAME}@{make.revision(1)}",)):
        town.check(*words).says(0, "SEALED")
        assert town.requests == (1, 1)


def test_json_says_what_the_hub_said_and_never_yes(town: Town) -> None:
    value = town.check(NAME, "--json").says(0).json
    assert (value["verdict"], value["exit"], value["use"], value["complete"]) == ("sealed", 0, "ask", False)
    assert value["hub"] == {"repo": REPO, "revision": make.revision(1), "gated": False, "private": False}
    assert value["path"] is None and value["next"][0]["argv"] == ["modelseal", "get", NAME]
    assert {one["status"] for one in value["each"]} == {"listed", "ignored"}
    value = town.check("nobody/atlas-7b", "--json").says(5).json
    assert (value["verdict"], value["use"], value["hub"]) == ("unknown", "no", None)


def test_the_newest_release_is_compared_whatever_main_is_now(town: Town) -> None:
    town.hub.commit(MODEL, {"README.md": b"# more words"})  # a card changes without a release
    town.check(NAME).says(0, "SEALED", make.revision(1))
    publish(town.world, 2, NEWER)
    town.hub.commit(MODEL, {**NEWER, "README.md": None}, id=make.revision(2))
    town.serve()
    town.check(NAME).says(0, "SEALED", f"{make.revision(2)}, the newest release")
    town.check(f"{NAME}@{make.revision(1)}").says(0, "SEALED", make.revision(1))


def test_a_branch_or_tag_is_what_the_hub_says_and_costs_no_more(town: Town) -> None:
    town.hub.tag(MODEL, "v1")
    town.hub.commit(MODEL, {"extra.py": b"import os"}, ref="dev")
    town.check(f"{NAME}@v1").says(0, "SEALED", make.revision(1))
    assert town.requests == (1, 1)
    dev = town.hub.repos[MODEL].refs["dev"]
    town.serve()
    town.check(f"{NAME}@dev").says(
        1,
        f"FAILED acme-lab/atlas-7b: {dev} is not sealed, and not the same as the release {make.revision(1)}: "
        "1 file was added; nothing was downloaded",
        "extra.py (program)",
    )
    assert town.requests == (1, 1)


def test_a_commit_that_only_adds_the_seal_is_the_same_release(town: Town) -> None:
    later = town.hub.commit(MODEL, {"model.sig": b"{...}"})
    town.check(f"{NAME}@{later}").says(0, "SEALED", f"{later} itself is not sealed; the listing there is that of")


@pytest.mark.parametrize("kind", ["datasets", "spaces"])
def test_datasets_and_spaces_are_checked_alike(town: Town, kind: str) -> None:
    town.world.claim("hf://second", [ANA], [(CI, f"hf://{kind}/second/*")])
    publish(town.world, 3, GOOD, f"hf://{kind}/second/corpus")
    town.hub.commit(f"{kind}/second/corpus", GOOD, id=make.revision(3))
    town.serve()
    town.check(f"{kind}/second/corpus").says(0, f"SEALED (registry's word only) {kind}/second/corpus")
    assert town.requests == (1, 1)


# what is not


def lied(town: Town, files: Mapping[str, bytes | None]) -> Ran:
    town.hub.rewrite(MODEL, make.revision(1), files)
    return town.check(NAME)


Lie = dict[str, bytes | None]
OTHER: dict[str, tuple[Lie, str, str]] = {
    "an added program": ({"loader.py": b"import os"}, "1 file was added", "loader.py (program), not in the seal"),
    "an added name like git's own": (
        {".GITATTRIBUTES": b"x", ".gitattributes": None},
        "1 file was added",
        ".GITATTRIBUTES",
    ),
    "a file below git's own": ({".gitattributes/x.py": b"x", ".gitattributes": None}, "added", ".gitattributes/x.py"),
    "other weights of the same size": ({"model.safetensors": bytes(10240)}, "1 file differs", "same size"),
    "a file of another size": ({"config.json": b"{}"}, "1 file has another size", "found    2 bytes"),
    "a missing file": ({"config.json": None}, "1 file is missing", "config.json, which the seal of Acme Lab"),
}


@pytest.mark.parametrize("case", OTHER)
def test_what_the_hub_lists_otherwise_is_failed(town: Town, case: str) -> None:
    files, *words = OTHER[case]
    ran = lied(town, files)
    ran.says(1, f"FAILED acme-lab/atlas-7b: the Hub lists other files at {make.revision(1)} than were sealed", *words)
    assert "; nothing was downloaded" in ran.out and town.requests == (1, 1)


def test_what_is_ignored_is_named_and_never_compared(town: Town) -> None:
    lied(town, {".gitignore": b"*", ".github/ci.yml": b"on: push"}).says(
        0, "SEALED", ".gitattributes, .github/ci.yml, .gitignore, model.sig"
    )


def test_unknown_is_proven_by_one_request(town: Town) -> None:
    town.check("someuser/tiny-lm").says(5, "UNKNOWN someuser/tiny-lm: nobody has sealed", "; nothing was downloaded")
    assert town.requests == (1, 0)
    town.check("acme-lab/other").says(5, "UNKNOWN acme-lab/other: Acme Lab (acme.example) has not sealed it")
    town.check("someuser/tiny-lm", "--accept", "unknown").says(0, "ACCEPTED UNKNOWN someuser/tiny-lm")
    town.check("acme-lab/other", "--accept", "unknown").says(5, "UNKNOWN")


def test_a_revoked_release_is_failed_without_the_hub(town: Town) -> None:
    second = publish(town.world, 5, GOOD, f"{ACME}/second")
    town.world.revoke(second.repo, second.seal, [ANA])
    town.serve()
    ran = town.check("acme-lab/second").says(1, "FAILED REVOKED (malicious) acme-lab/second: every release")
    assert town.requests == (1, 0)
    assert ran.out.splitlines()[-1] == "  next:     ask its owner for a new release; there is none that may be used"


def test_who_asks_for_a_revoked_release_is_sent_to_the_newest_that_stands(town: Town) -> None:
    first, second = (publish(town.world, n, files, f"{ACME}/second") for n, files in ((5, GOOD), (6, NEWER)))
    town.world.revoke(first.repo, first.seal, [ANA])
    town.serve()
    town.address.files[f"evidence/acme-lab/second@{first.revision}"] = town.world.evidence(first.repo, first.revision)
    value = town.check(f"acme-lab/second@{first.revision}", "--json").says(1).json
    assert value["verdict"] == "failed"
    assert [step["argv"] for step in value["next"]] == [["modelseal", "get", f"acme-lab/second@{second.revision}"]]


def test_strict_wants_mirrors(town: Town) -> None:
    town.check(NAME, "--strict").says(6, "UNAVAILABLE acme-lab/atlas-7b", "; nothing was downloaded")


# what observers saw


@pytest.fixture
def observed(tmp_path: Path) -> Iterator[Town]:
    """The same, with a repo that nobody sealed and somebody watched."""
    world = World(observers=[WATCHER], now=acme().now - 2 * WEEK)
    world.observe("hf://someuser/tiny-lm", 7, files=files_of(GOOD))
    world.now += 2 * WEEK
    with Address() as address, Hub() as hub:
        yield Town(tmp_path, acme(world=world), address, hub)


TINY = "models/someuser/tiny-lm"


def test_observed_is_said_and_not_more(observed: Town) -> None:
    observed.hub.commit(TINY, GOOD, id=make.revision(7))
    observed.hub.commit(TINY, {"README.md": b"newer"})  # what was observed is compared, whatever main is now
    ran = observed.check("someuser/tiny-lm").says(9, "OBSERVED, NOT SIGNED someuser/tiny-lm: ")
    assert "; nothing was downloaded" in ran.out and observed.requests == (1, 1)
    observed.check("someuser/tiny-lm", "--accept", "observed").says(0, "ACCEPTED OBSERVED")
    observed.hub.rewrite(TINY, make.revision(7), {"loader.py": b"import os"})
    says = f"FAILED someuser/tiny-lm: observers saw 2 files of 10263 bytes at {make.revision(7)}, and the Hub lists 3"
    observed.check("someuser/tiny-lm", "--accept", "observed").says(1, says)
    observed.hub.close()
    observed.check("someuser/tiny-lm", "--accept", "observed").says(6, "UNAVAILABLE", "observed, not signed at")


# whose the name is


@pytest.fixture
def claimed(tmp_path: Path) -> Iterator[Town]:
    """The same, with a claim that has the Hub's id of its owner."""
    world = World(now=acme().now)
    text = make.claim(ACME, [ANA], [(CI, f"{ACME}/*")], hub_owner_id=OWNER)
    world.log(make.identity(text, [ANA]), [make.key("ops")])
    publish(world, 1, GOOD)
    with Address() as address, Hub() as hub:
        yield Town(tmp_path, world, address, hub)


def test_the_owner_is_asked_for_where_the_claim_has_an_id(claimed: Town) -> None:
    claimed.hub.owner("acme-lab", id=OWNER)
    claimed.check(NAME).says(0, "SEALED")
    assert claimed.requests == (1, 2)
    claimed.hub.owner("acme-lab", id="dead")
    claimed.check(NAME).says(1, "FAILED acme-lab/atlas-7b: owner changed", "dead", OWNER)


def test_a_person_may_own_a_namespace(claimed: Town) -> None:
    claimed.hub.owner("acme-lab", "users", id=OWNER)
    claimed.check(NAME).says(0, "SEALED")
    assert claimed.requests == (1, 3)


def test_a_mirror_that_tells_no_owner_is_said(claimed: Town) -> None:
    claimed.check(NAME).says(0, "SEALED", "the Hub does not tell who owns acme-lab")


def test_after_a_rename_trust_follows_the_name_that_was_typed(town: Town) -> None:
    town.hub.rename(MODEL, "models/somebody/atlas-7b")
    town.check(NAME).says(0, "SEALED", "the Hub calls it somebody/atlas-7b now; trust follows the name that was typed")
    town.check("somebody/atlas-7b").says(5, "UNKNOWN somebody/atlas-7b")


# who does not answer


def test_a_hub_that_is_down_is_said(town: Town) -> None:
    town.hub.close()
    ran = town.check(NAME).says(6, "UNAVAILABLE acme-lab/atlas-7b: 127.0.0.1", "no answer", "; nothing was downloaded")
    assert (
        f"sealed by Acme Lab (acme.example) at {make.revision(1)}; only the Hub's listing was not compared" in ran.out
    )
    town.check("nobody/atlas-7b").says(5, "UNKNOWN")  # which the log proves alone


def test_a_registry_that_is_down_is_said_and_the_hub_is_not_asked(town: Town) -> None:
    town.address.close()
    town.check(NAME).says(6, "UNAVAILABLE acme-lab/atlas-7b", "; nothing was downloaded")
    assert town.requests == (0, 0)


def test_without_a_trust_root_it_says_what_to_type(town: Town, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = town.check(NAME, MODELSEAL_HOME=str(tmp_path / "empty"))
    ran.says(6, "modelseal trust add")
    assert town.requests == (0, 0)


BAD = {
    "errors of the Hub": (Said(503), "answers with status 503"),
    "no JSON": (Said(200, b"<html>"), "not JSON"),
    "another commit": (Said(200, b'{"id": "acme-lab/atlas-7b", "sha": "%s"}' % (b"1" * 40)), "another commit"),
    "a redirect to elsewhere": (Said(307, b"", {"Location": "http://127.0.0.1:9/x"}), "that is not followed"),
    "a redirect to itself": (Said(307, b"", {"Location": f"/api/{MODEL}/revision/main"}), "more than 5 redirects"),
    "too many requests": (Said(429), "too many requests"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_the_hub_cannot_mean_proves_nothing(town: Town, case: str) -> None:
    answer, words = BAD[case]
    town.hub.hook = lambda method, path: answer
    town.check(NAME).says(6, "UNAVAILABLE acme-lab/atlas-7b", words)


@pytest.mark.parametrize("name", ["../x", "a//b", "con", "a\\b", "x\x00y", "CONFIG.json"])
def test_names_that_no_file_can_have_are_no_answer(town: Town, name: str) -> None:
    lied(town, {name: b"x"}).says(6, "UNAVAILABLE acme-lab/atlas-7b", "the Hub's list of files")


def test_offline_does_not_compare_what_it_cannot_see(town: Town) -> None:
    (town.someone.here / "e").write_bytes(town.world.evidence(REPO))
    words = (NAME, "--evidence", "e", "--offline")
    town.check(*words).says(6, "UNAVAILABLE", "--offline forbids to ask the Hub")
    town.check(f"{NAME}@v1", *words[1:]).says(2, "only the Hub knows its commit")
    assert town.requests == (0, 0)
    town.check(NAME, HF_HUB_OFFLINE="1").says(6, "UNAVAILABLE", "HF_HUB_OFFLINE is set")
    assert town.requests == (1, 0)
    town.check(NAME, "--evidence", "e", "--as-of", "evidence").says(0, "SEALED AS OF 20")


def test_unknown_revisions_and_repos_are_named(town: Town) -> None:
    town.check(f"{NAME}@v9").says(6, "no such revision: acme-lab/atlas-7b@v9")
    town.check(f"{NAME}@{'1' * 40}").says(6, "UNAVAILABLE", "no such revision")
    del town.hub.repos[MODEL]
    town.check(NAME).says(6, "has no repo acme-lab/atlas-7b", "or it is private and wants a token", "hf auth login")


# tokens


def test_private_and_gated_repos_want_a_token_which_goes_to_the_hub_alone(town: Town) -> None:
    town.hub.repos[MODEL].private, town.hub.repos[MODEL].gated = True, "manual"
    town.check(NAME).says(6, "it is private and wants a token", "hf auth login")
    good, other = town.hub.token(MODEL), town.hub.token("models/x/y", token="hf_" + "y" * 34)
    ran = town.check(NAME, HF_TOKEN=other).says(6, "or not for this token")
    assert other not in ran.out + ran.err
    value = town.check(NAME, "--json", HF_TOKEN=good).says(0).json
    assert value["hub"]["gated"] and value["hub"]["private"]
    assert [token for _, token in town.hub.tokens] == [good] and good not in str(value)
    town.check("nobody/atlas-7b", HF_TOKEN=good).says(5)
    assert town.hub.tokens == []


def test_a_gated_answer_says_so(town: Town) -> None:
    town.hub.hook = lambda method, path: Said(403, b"{}", {"X-Error-Code": "GatedRepo"})
    town.check(NAME).says(6, "is gated: 127.0.0.1", "hf auth login")
    town.check(f"{NAME}@dev").says(6, "is gated: 127.0.0.1", "hf auth login")


# what is typed


def test_what_is_no_name_is_a_usage_error(town: Town) -> None:
    (town.someone.here / "acme-lab/atlas-7b").mkdir(parents=True)
    for words, says in {
        ("./atlas-7b",): "is a path",
        ("acme-lab/atlas-7b",): "is a path, or may be one",
        ("atlas-7b",): "is not a repo",
        ("acme-lab/atlas@",): "wanted after the @",
        ("acme-lab/atlas@refs/pr/1",): "anybody can open a pull request",
        ("acme-lab/atlas@\udcff",): "wanted after the @",
        ("acme-lab/atlas", "--report", "x.txt"): "no such kind of report",
        ("acme-lab/atlas", "--accept", "failed"): "cannot be accepted",
    }.items():
        town.check(*words).says(2, says)
    assert town.requests == (0, 0)
    town.check(f"hf://{NAME}").says(0, "SEALED")


def test_reports_are_written_of_every_verdict(town: Town) -> None:
    reports = [word for kind in ("json", "html", "sarif", "cdx.json") for word in ("--report", f"r.{kind}")]
    for name, code, words in ((NAME, 0, "SEALED"), ("nobody/x", 5, "UNKNOWN"), (f"{NAME}@v9", 6, "no such revision")):
        town.check(name, *reports).says(code, words)
        text = (town.someone.here / "r.html").read_text()
        assert "Folder" not in text
    town.hub.rewrite(MODEL, make.revision(1), {"loader.py": b"x"})
    town.check(NAME, *reports).says(1)
    assert "loader.py" in (town.someone.here / "r.sarif").read_text()


def test_quiet_says_nothing(town: Town) -> None:
    assert town.check(NAME, "-q").says(0).out == ""


# in Python


def test_check_is_a_function_too(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**town.someone.env, "HF_ENDPOINT": town.hub.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(town.someone.here)
    verdict = modelseal.check(NAME)
    assert verdict and verdict.word == modelseal.Word.SEALED and not verdict.complete
    assert not modelseal.check("nobody/atlas-7b")
    with pytest.raises(Usage, match="is not a repo"):
        modelseal.check("./x")
    with pytest.raises(Unavailable, match="no such revision"):
        modelseal.check(f"{NAME}@v9")
