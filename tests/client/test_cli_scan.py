"""`modelseal scan`: everything in the Hub cache, worst first, whatever else lies there."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

import modelseal
from modelseal.errors import Unavailable, Usage
from tests.support import make, schemas
from tests.support.cache import HubCache
from tests.support.client import Address, Someone, sealed_files
from tests.support.person import COMMIT, MODEL, Person
from tests.support.servers import until
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
ONE, TWO, NINE = (make.revision(n) for n in (1, 2, 9))
ATLAS, BORA, NOBODY = "models--acme-lab--atlas-7b", "datasets--acme-lab--bora", "models--nobody--tiny"
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 40}
NEWER = {**FILES, "config.json": b"[]"}
ADDED = {**FILES, "loader.py": b"import os"}
LARGE = {"model.safetensors": bytes(17 << 20)}


@pytest.fixture(scope="module")
def world() -> World:
    world = World(now=int(time.time()))
    world.claim("hf://acme-lab", [ANA], [(CI, scope) for scope in ("hf://acme-lab/*", "hf://datasets/acme-lab/*")])
    world.publish("hf://acme-lab/atlas-7b", 1, CI, sealed_files(FILES))
    world.publish("hf://acme-lab/atlas-7b", 2, CI, sealed_files(NEWER))
    world.publish("hf://datasets/acme-lab/bora", 1, CI, sealed_files(FILES))
    world.publish("hf://acme-lab/large", 1, CI, sealed_files(LARGE))
    return world


@pytest.fixture
def cache(someone: Someone) -> HubCache:
    cache = HubCache(someone.home / ".cache/huggingface/hub")
    cache.hub.mkdir(parents=True)
    return cache


def mixed(cache: HubCache) -> None:
    cache.snapshot(ATLAS, TWO, {"config.json": b"[]"})
    cache.snapshot(ATLAS, ONE, FILES)
    cache.snapshot(BORA, ONE, ADDED)
    cache.snapshot(NOBODY, ONE, FILES)


def rows(out: str) -> list[list[str]]:
    """The first three columns of the table, without its head."""
    lines = out.splitlines()
    table = lines[1 : next(i for i, line in enumerate(lines) if line.startswith("  ") or "Hub cache" in line)]
    return [line.split()[:3] for line in table]


def test_everything_is_said_worst_first_and_the_last_line_counts(someone: Someone, cache: HubCache) -> None:
    mixed(cache)
    ran = someone.run("scan").says(1, "1 file was added; do not load this; loader.py", "2 of 2", "1 of 2")
    assert ran.out.split("\n")[0].split() == ["VERDICT", "REPO", "REVISION", "FILES", "SAYS"]
    assert rows(ran.out) == [
        ["FAILED", "datasets/acme-lab/bora", ONE],
        ["UNKNOWN", "nobody/tiny", ONE],
        ["VERIFIED", "acme-lab/atlas-7b", ONE],
        ["VERIFIED", "acme-lab/atlas-7b", TWO],
    ]
    assert "sealed by Acme Lab (acme.example) (owner not checked) (registry's word only)" in ran.out
    *_, following, last = ran.out.splitlines()
    assert following == f"  next:     see all about the worst: modelseal verify datasets/acme-lab/bora@{ONE}"
    counts = "1 failed, 1 unknown, 2 verified"
    assert last == f"3 repos with 4 snapshots in the Hub cache: {counts}; worst first; exit status 1"


def test_what_a_snapshot_is_called_is_what_verify_calls_it(someone: Someone, cache: HubCache) -> None:
    mixed(cache)
    found = someone.types("scan", "--json").says(1).json
    assert [one["verdict"] for one in found["snapshots"]] == ["failed", "unknown", "verified", "verified"]
    assert (found["verdict"], found["use"], found["repos"], found["counts"]["verified"]) == ("failed", "no", 3, 2)
    for one in found["snapshots"]:
        name = one["repo"].removeprefix("hf://")
        alone = someone.types("verify", f"{name}@{Path(one['path']).name}", "--json").json
        assert one == {key: value for key, value in alone.items() if key != "wrote"}


def test_the_exit_status_is_that_of_the_worst_verdict_that_was_asked_for(someone: Someone, cache: HubCache) -> None:
    mixed(cache)
    for words, code in (("unknown", 5), ("failed, unknown", 1), ("unavailable", 0), ("log-misbehaved,unknown", 5)):
        ran = someone.types("scan", "--fail-on", words).says(code, f"exit status {code}")
        assert rows(ran.out)[0][0] == "FAILED"
    for wrong in ("verified", "bad", "", "FAILED", "failed,,unknown"):
        someone.types("scan", "--fail-on", wrong).says(2, "is no verdict to fail on")


def test_what_is_only_unknown_ends_well(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(NOBODY, ONE, FILES)
    found = someone.types("scan", "--json").says(0).json
    assert (found["verdict"], found["exit"], found["use"]) == ("unknown", 0, "no")
    cache.snapshot(ATLAS, ONE, FILES)
    assert someone.types("scan", "-q").says(0).out == ""


def test_a_repo_is_asked_about_once_and_again_only_for_another_seal(
    someone: Someone, cache: HubCache, address: Address
) -> None:
    def asked() -> int:
        address.asked.clear()
        someone.types("scan").says(0)
        return sum(path.startswith("evidence/") for path in address.asked)

    cache.snapshot(ATLAS, ONE, FILES)
    assert asked() == 1
    HubCache(cache.hub).snapshot(NOBODY, ONE, FILES)
    cache.snapshot(NOBODY, TWO, FILES)
    cache.snapshot(NOBODY, NINE, NEWER)
    assert asked() == 2


def test_a_registry_that_is_down_makes_each_repo_unavailable(
    someone: Someone, cache: HubCache, address: Address
) -> None:
    mixed(cache)
    address.close()
    ran = someone.types("scan").says(6, "4 unavailable; worst first; exit status 6", "connection refused")
    assert {row[0] for row in rows(ran.out)} == {"UNAVAILABLE"}
    assert someone.types("scan", "--json").says(6).json["use"] == "retry"
    someone.types("scan", "--fail-on", "failed").says(0, "4 unavailable")


def test_one_repo_that_gets_no_answer_leaves_the_others_theirs(
    someone: Someone, cache: HubCache, address: Address
) -> None:
    mixed(cache)
    for name in [name for name in address.files if name.startswith("seal/")]:
        del address.files[name]
    ran = someone.types("scan").says(1, "FAILED", "UNAVAILABLE", "UNKNOWN", "its seal could not be fetched")
    assert "as a whole" not in ran.out
    assert ["VERIFIED", "acme-lab/atlas-7b", ONE] in rows(ran.out)  # whole: the log itself binds its files


# what else lies there


def test_what_no_verdict_is_about_is_said_and_ends_nothing(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(ATLAS, ONE, FILES)
    for name in ("models--gpt2", "models--a--b--c", "kernels--acme-lab--fast"):
        cache.snapshot(name, ONE, FILES)
    (cache.hub / "strange \x1b[2J").mkdir()
    (cache.hub / ".locks").mkdir()
    (cache.hub / "CACHEDIR.TAG").write_text("x")
    (cache.hub / "models--acme-lab--gone").symlink_to("nowhere")
    (cache.hub / "models--acme-lab--file").write_text("x")
    (cache.hub / "models--acme-lab--begun/blobs").mkdir(parents=True)
    (cache.hub / "models--acme-lab--begun/blobs/abc.incomplete").write_text("x")
    (cache.hub / ATLAS / "snapshots/main").mkdir()
    (cache.hub / ATLAS / "snapshots" / NINE).mkdir()
    ran = someone.run("scan").says(
        0,
        "1 repo in the Hub cache: 1 verified",
        "models--gpt2: no repo that can be sealed: not one owner and one name",
        "models--a--b--c: no repo that can be sealed",
        "kernels--acme-lab--fast: no repo that can be sealed: seals are of models, datasets, spaces",
        "strange \\u001b[2J: not a repo's folder",
        "models--acme-lab--gone: a link that leads nowhere",
        "models--acme-lab--file: not a folder",
        "models--acme-lab--begun: 1 download has not ended",
        "snapshots/main: a snapshot that is not named by a commit",
        f"{NINE}: nothing is in this snapshot yet",
    )
    assert ".locks" not in ran.out and "CACHEDIR" not in ran.out
    found = someone.types("scan", "--json").says(0).json
    assert len(found["passed_over"]) == len(found["untrusted"]["paths"]) == 9


def test_a_download_that_has_not_ended_is_a_part(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(ATLAS, ONE, {"config.json": b"{}"})
    (snapshot.parents[1] / "blobs/abc.incomplete").write_bytes(b"x")
    someone.types("scan").says(0, "VERIFIED", "1 of 2", "1 download has not ended")


def test_links_that_lead_nowhere_or_out_of_the_cache_fail(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot(ATLAS, ONE, FILES)
    (snapshot / "x.bin").symlink_to("../../blobs/" + "0" * 64)
    cache.snapshot(BORA, ONE, FILES)
    (cache.hub / BORA / "snapshots" / TWO).symlink_to(cache.hub / BORA / "snapshots" / ONE)
    ran = someone.types("scan").says(1, "x.bin", "no such snapshot, or a link in its place")
    assert [row[0] for row in rows(ran.out)] == ["FAILED", "UNAVAILABLE", "VERIFIED"]


def test_a_repo_whose_snapshots_cannot_be_listed_is_unavailable(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(ATLAS, ONE, FILES)
    (cache.hub / BORA).mkdir()
    (cache.hub / BORA / "snapshots").symlink_to("snapshots")
    someone.types("scan").says(6, "its snapshots cannot be listed: too many levels", "1 unavailable, 1 verified")
    someone.types("verify", "datasets/acme-lab/bora").says(2, "its snapshots cannot be listed")


def test_many_findings_are_counted_and_only_the_first_named(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(ATLAS, ONE, {**FILES, **{f"{n}.py": b"" for n in range(5)}})
    someone.types("scan").says(1, "5 files were added; do not load this; 0.py, 1.py, 2.py, and 2 more")


def test_an_empty_cache_and_none_at_all_end_well_and_say_so(someone: Someone, cache: HubCache) -> None:
    someone.types("scan").says(0, "0 repos in the Hub cache; exit status 0")
    cache.hub.rmdir()
    someone.types("scan").says(0, "no such folder: nothing was ever downloaded there")
    assert someone.types("scan", "--json").says(0).json["verdict"] == "empty"
    someone.types("scan", "--cache-dir", "./none").says(2, "none: no such folder")
    someone.folder("x", {"file": b""})
    someone.types("scan", "--cache-dir", "./x/file").says(2, "not a folder")


def test_with_nobody_trusted_there_is_nothing_to_say(stranger: Person) -> None:
    HubCache(stranger.home / ".cache/huggingface/hub").snapshot(ATLAS, ONE, FILES)
    stranger.run("scan").says(6, "no registry is trusted", "modelseal trust add")
    assert stranger.run("scan", "--json").says(6).json["verdict"] == "unavailable"


# several caches, options, reports


def test_several_caches_are_one_scan_and_one_cache_twice_is_one(
    someone: Someone, cache: HubCache, address: Address
) -> None:
    cache.snapshot(ATLAS, ONE, FILES)
    HubCache(someone.here / "b").snapshot(ATLAS, ONE, ADDED)
    address.asked.clear()
    ran = someone.types("scan", "--cache-dir", str(cache.hub), "--cache-dir", "b", "--cache-dir", "./b")
    ran.says(1, "1 repo with 2 snapshots in 2 Hub caches", f"modelseal verify acme-lab/atlas-7b@{ONE} --cache-dir b\n")
    assert sum(path.startswith("evidence/") for path in address.asked) == 1


def test_options_that_make_no_sense_are_usage_errors(someone: Someone, cache: HubCache) -> None:
    cache.snapshot(ATLAS, ONE, FILES)
    someone.types("scan", "--offline").says(2, "--offline needs something at hand", "--registry FOLDER")
    someone.types("scan", "--max-age", "400d").says(2, "--max-age can only shorten")
    someone.types("scan", "--as-of", "evidence").says(2, "--as-of is only for evidence at hand")
    someone.types("scan", "acme-lab/atlas-7b").says(2)
    for place in (cache.hub / "r.json", cache.hub / ATLAS / "r.html"):
        someone.types("scan", "--report", str(place)).says(2, "lies in what is verified")


def test_every_kind_of_report_is_about_all_of_it(someone: Someone, cache: HubCache) -> None:
    mixed(cache)
    (cache.hub / ATLAS / "snapshots" / NINE).symlink_to("nowhere")
    (cache.hub / "<script>").mkdir()
    names = ("r.json", "r.html", "r.sarif", "r.cdx.json")
    ran = someone.types("scan", "--json", *(word for name in names for word in ("--report", name))).says(1)
    assert json.loads((someone.here / "r.json").read_text()) == ran.json
    assert schemas.errors("cli/scan", ran.json) == []
    page = (someone.here / "r.html").read_text()
    assert page.count("<section ") == 5 and "<script" not in page and "3 repos with 5 snapshots" in page
    (run,) = json.loads((someone.here / "r.sarif").read_text())["runs"]
    assert run["automationDetails"]["id"] == "modelseal/scan/"
    assert [one["ruleId"] for one in run["results"]] == ["added-program", "unavailable", "unknown"]
    used = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"] for one in run["results"]}
    assert used == set(run["originalUriBaseIds"]) and len(used) == 3
    assert run["invocations"][0]["executionSuccessful"] is False and run["invocations"][0]["exitCode"] == 1
    bom = json.loads((someone.here / "r.cdx.json").read_text())
    parts = [part for one in bom["components"] for part in (one, *one.get("components", ()))]
    assert len(bom["components"]) == 5 and len({part["bom-ref"] for part in parts}) == len(parts)
    assert [one.get("version") for one in bom["components"]] == [None, None, None, ONE, TWO]


def test_the_second_time_digests_come_from_the_cache(someone: Someone, cache: HubCache) -> None:
    snapshot = cache.snapshot("models--acme-lab--large", ONE, LARGE)
    changed = max(path.stat().st_ctime for path in (snapshot, *(cache.hub / "models--acme-lab--large/blobs").iterdir()))
    until("the files are two seconds old", lambda: time.time() > changed + 2.05)
    first, second, third = (
        someone.types("scan", "--json", *words).says(0).json["snapshots"][0]["cache"]["files"]
        for words in ((), (), ("--recheck",))
    )
    assert (first, second, third) == (0, 1, 0)


def test_the_library_scans_too(someone: Someone, cache: HubCache, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed(cache)
    for name, value in someone.env.items():
        monkeypatch.setenv(name, value)
    found = modelseal.scan()
    assert not found and found.exit_code == 1
    assert [(one.word, one.repo, one.revision) for one in found.found][:2] == [
        ("failed", "hf://datasets/acme-lab/bora", ONE),
        ("unknown", "hf://nobody/tiny", ONE),
    ]
    assert modelseal.scan([cache.hub], fail_on=["log-misbehaved"])
    with pytest.raises(Usage, match="no verdict to fail on"):
        modelseal.scan(fail_on=["x"])
    monkeypatch.setenv("MODELSEAL_HOME", str(someone.here))
    with pytest.raises(Unavailable, match="no registry is trusted"):
        modelseal.scan()


def test_a_real_registry_answers_and_its_mirror_folder_too(person: Person) -> None:
    person.owns("scan-lab")
    person.model()
    words = ("--repo", "scan-lab/atlas-7b", "--revision", COMMIT, "--no-hub", "--key", "ci.key")
    person.run("publish", "./atlas-7b", *words).says(0, "VERIFIED")
    cache = HubCache(person.home / ".cache/huggingface/hub")
    cache.snapshot("models--scan-lab--atlas-7b", COMMIT, MODEL)
    cache.snapshot("models--scan-lab--other", COMMIT, MODEL)
    person.run("scan").says(0, "1 unknown, 1 verified", "UNKNOWN", "scan-lab/other")
    assert person.registry is not None
    person.run("scan", "--offline", "--registry", person.registry.public).says(0, "1 unknown, 1 verified")
    revoke = ("revoke", f"scan-lab/atlas-7b@{COMMIT}", "--reason", "malicious", "--key", "ana.key", "--yes")
    person.run(*revoke).says(0)
    person.run("scan").says(1, "FAILED", "REVOKED (malicious)")
