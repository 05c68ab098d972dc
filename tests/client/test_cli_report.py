"""--report: files beside what the terminal says, which change nothing of how a command ends."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from modelseal.cli import reporting
from modelseal.errors import Error
from modelseal.verdict import Verdict
from tests.support import oms, outcomes
from tests.support.client import Address, Ran, Someone, sealed_files
from tests.support.make import key
from tests.support.outcomes import HOSTILE
from tests.support.person import Person
from tests.support.world import World

REPO = "acme-lab/atlas-7b"
MODEL = {"config.json": b"{}", "model.safetensors": b"weights", "sub/tokenizer.json": b"[]"}
NAMES = ("r.json", "r.html", "r.sarif", "r.cdx.json")
ASKED = ("--report", "r.json", "--report", "r.html", "--report", "r.sarif", "--report", "r.cdx.json")


@pytest.fixture(scope="module")
def world() -> World:
    import time

    world = World(now=int(time.time()))
    ana, ci = key("ana"), key("ci")
    world.claim("hf://acme-lab", [ana], [(ci, "hf://acme-lab/*")])
    world.publish(f"hf://{REPO}", 1, ci, sealed_files(MODEL))
    return world


@pytest.fixture
def someone(tmp_path: Path, world: World) -> Someone:
    with Address(world.files()) as address:
        someone = Someone(tmp_path, world, address)
        someone.folder("atlas-7b", MODEL)
        (someone.here / "good.evidence").write_bytes(world.evidence(f"hf://{REPO}"))
        return someone


def verify(someone: Someone, *words: str) -> Ran:
    return someone.run("verify", "./atlas-7b", "--repo", REPO, "--evidence", "good.evidence", "--offline", *words)


def without_age(printed: str) -> list[str]:
    """The lines but the one that says how many seconds ago."""
    return [line for line in printed.splitlines() if not line.startswith("  log:")]


def left(someone: Someone) -> set[str]:
    return {path.name for path in someone.here.iterdir()} - {"atlas-7b", "good.evidence"}


def test_every_kind_is_written_and_says_what_the_terminal_says(someone: Someone) -> None:
    plain = verify(someone).says(0, "VERIFIED")
    asked = verify(someone, *ASKED).says(0, "VERIFIED", "wrote:", *NAMES)
    assert asked.out.splitlines()[0] == plain.out.splitlines()[0]
    assert left(someone) == set(NAMES)
    assert plain.out.splitlines()[0] in " ".join((someone.here / "r.cdx.json").read_text().split("\n"))
    assert b"sealed by Acme Lab (acme.example)" in (someone.here / "r.html").read_bytes()
    assert json.loads((someone.here / "r.sarif").read_text())["runs"][0]["results"] == []


def test_the_json_report_is_what_json_prints_and_the_same_again(someone: Someone) -> None:
    printed = verify(someone, "--recheck", "--json", *ASKED).says(0)
    first = {name: (someone.here / name).read_bytes() for name in NAMES}
    found = json.loads(first["r.json"])
    assert found == {name: value for name, value in printed.json.items() if name != "wrote"}
    assert [found["untrusted"]["files"][row["file"]] for row in found["each"]] == sorted(MODEL)
    assert {row["status"] for row in found["each"]} == {"verified"}
    verify(someone, "--recheck", "-q", *ASKED).says(0)
    assert {name: (someone.here / name).read_bytes() for name in NAMES} == first


def test_a_bad_folder_ends_as_without_reports_and_every_report_names_what_is_wrong(someone: Someone) -> None:
    folder = someone.here / "atlas-7b"
    (folder / "loader.py").write_bytes(b"import os")
    (folder / "config.json").write_bytes(b"[]")
    plain, asked = verify(someone).says(1, "FAILED"), verify(someone, *ASKED).says(1, "FAILED")
    assert without_age(plain.out) == without_age(asked.out)
    for name in NAMES:
        report = (someone.here / name).read_text()
        assert "loader.py" in report and ("FAILED" in report or '"failed"' in report)


def test_what_is_unknown_or_unavailable_is_reported(someone: Someone, world: World) -> None:
    (someone.here / "bad.evidence").write_bytes(b"{}")
    words = ("verify", "./atlas-7b", "--repo", REPO, "--evidence", "bad.evidence", "--offline", *ASKED)
    someone.run(*words).says(6, "UNAVAILABLE")
    assert json.loads((someone.here / "r.sarif").read_text())["runs"][0]["results"][0]["ruleId"] == "unavailable"
    (someone.here / "other.evidence").write_bytes(world.evidence("hf://acme-lab/other"))
    words = ("verify", "./atlas-7b", "--repo", "acme-lab/other", "--evidence", "other.evidence", "--offline", *ASKED)
    someone.run(*words).says(5, "UNKNOWN")
    assert json.loads((someone.here / "r.json").read_text())["verdict"] == "unknown"


def test_an_end_without_a_verdict_is_reported_and_no_older_report_stays(stranger: Person) -> None:
    stranger.model()
    for name in NAMES:
        (stranger.here / name).write_text("VERIFIED, yesterday")
    asked = stranger.run("verify", "./atlas-7b", "--repo", REPO, *ASKED).says(6, "no registry is trusted")
    assert asked.out == ""
    for name in NAMES:
        report = (stranger.here / name).read_text()
        assert "yesterday" not in report and "no registry is trusted" in report, name
    found = json.loads((stranger.here / "r.json").read_text())
    assert (found["verdict"], found["exit"], found["use"]) == ("unavailable", 6, "retry")


def test_a_hostile_name_does_no_more_in_a_report_than_on_a_terminal(someone: Someone) -> None:
    for trick in ("an escape sequence", "right to left", "quotes", "placeholders", "a link as code scanning writes it"):
        (someone.here / "atlas-7b" / HOSTILE[trick].replace("/", "_")).write_bytes(b"")
    os.mkfifo(someone.here / "atlas-7b/</title><script>alert(1)<".replace("/", "_"))
    verify(someone, *ASKED).says(1, "FAILED")
    for name in NAMES:
        report = (someone.here / name).read_text()
        assert "\x1b" not in report and "\u202e" not in report and "<script" not in report.removesuffix("<script>")


# what is refused, before anything is read or asked


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("r.txt", ("no such kind of report", ".cdx.json, .html, .json, .sarif")),
        ("r", ("no such kind of report",)),
        ("json", ("no such kind of report",)),
        ("none/r.json", ("none: no such folder",)),
        ("atlas-7b/r.json", ("lies in what is verified", "write the report beside it")),
        ("atlas-7b/sub/r.json", ("lies in what is verified",)),
        ("other/../atlas-7b/r.json", ("lies in what is verified",)),
        ("way/r.json", ("lies in what is verified",)),
        ("folder.json", ("not a regular file",)),
        ("pipe.json", ("not a regular file",)),
        ("link.json", ("not a regular file",)),
        ("/proc/r.json", ("cannot be written",)),
        ("n" * 300 + ".json", ("cannot be written",)),
    ],
)
def test_a_report_that_cannot_be_is_said_first(name: str, words: tuple[str, ...], stranger: Person) -> None:
    stranger.model(contents=MODEL)
    (stranger.here / "other").mkdir()
    (stranger.here / "folder.json").mkdir()
    os.mkfifo(stranger.here / "pipe.json")
    (stranger.here / "link.json").symlink_to("nowhere")
    (stranger.here / "way").symlink_to("atlas-7b")
    before = stranger.left()
    # Nobody is trusted here: 6 would mean that the work had begun.
    refused = stranger.types("verify", "./atlas-7b", "--repo", REPO, "--report", "good.html", "--report", name)
    refused.says(2, *words)
    assert stranger.left() == before


def test_a_report_replaces_nothing_that_is_read_and_lies_in_nothing_that_is_handed_over(stranger: Person) -> None:
    stranger.model()
    (stranger.here / "e.json").write_text("evidence")
    os.link(stranger.here / "e.json", stranger.here / "same.json")
    words = ("verify", "./atlas-7b", "--repo", REPO, "--evidence", "e.json", "--offline")
    for name in ("e.json", "same.json"):
        stranger.types(*words, "--report", name).says(2, "would replace a file that is read")
    stranger.types(*words, "--copy-to", "new", "--report", "new/r.json").says(2, "lies in what is verified")
    signature = ("verify", "./atlas-7b", "--signature", "e.json", "--key", "same.json")
    stranger.types(*signature, "--report", "e.json").says(2, "would replace a file that is read")
    assert (stranger.here / "e.json").read_text() == "evidence"


def test_a_report_that_cannot_be_written_in_the_end_is_an_error_only_where_all_was_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "away").mkdir()
    reports = reporting.check((tmp_path / "away/r.json",), tmp_path / "model")
    (tmp_path / "away").rmdir()
    found = dict(outcomes.outcomes())
    good, bad = found["verified"], found["failed"]
    assert isinstance(good, Verdict) and isinstance(bad, Verdict)
    with pytest.raises(Error, match="cannot be written"):
        reports.write(good)
    reports.write(bad)
    assert "r.json: cannot be written" in capsys.readouterr().err


def test_one_file_is_not_two_reports(stranger: Person) -> None:
    stranger.model()
    stranger.types("verify", "./atlas-7b", "--repo", REPO, "--report", "r.json", "--report", "./r.json").says(
        2, "twice"
    )


def test_a_wrong_use_leaves_the_report_of_an_earlier_run(stranger: Person) -> None:
    stranger.model()
    (stranger.here / "r.json").write_text("older")
    stranger.types("verify", "./atlas-7b", "--repo", "a", "--report", "r.json").says(2, "a is not a repo")
    stranger.types("verify", "./none", "--repo", REPO, "--report", "r.json").says(2)
    assert (stranger.here / "r.json").read_text() == "older"


def test_a_signature_by_another_tool_is_reported_too(stranger: Person) -> None:
    stranger.model(contents=MODEL)
    ana = oms.key("P-384")
    (stranger.here / "ana.pub").write_bytes(oms.public_pem(ana))
    (stranger.here / "a.sig").write_bytes(oms.sign(ana, MODEL))
    words = ("verify", "./atlas-7b", "--signature", "a.sig", "--key", "ana.pub", *ASKED)
    stranger.run(*words).says(0, "SIGNATURE VALID", "wrote:", *NAMES)
    assert b"SIGNATURE VALID" in (stranger.here / "r.html").read_bytes()
    assert json.loads((stranger.here / "r.sarif").read_text())["runs"][0]["results"] == []
    (stranger.here / "atlas-7b/config.json").write_bytes(b"[]")
    printed = stranger.run(*words, "--json").says(1).json
    assert printed == json.loads((stranger.here / "r.json").read_text())
    assert [row["status"] for row in printed["each"]] == ["differs", "verified", "verified"]
    stranger.types(*words[:6], "--report", "atlas-7b/r.json").says(2, "lies in what is verified")
