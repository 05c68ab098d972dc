"""claim, record and revoke: what owners do, alone and several together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from modelseal.formats import findings, records
from modelseal.formats.leaves import Submission
from tests.support import make
from tests.support.person import COMMIT, Person
from tests.support.servers import operate


def approve(person: Person, namespace: str) -> None:
    """Do what operators do with the claim that waits for *namespace*."""
    assert person.registry is not None
    folder = person.registry.folder
    waiting = operate(folder, "claims", "list", "--json").json["claims"]
    [name] = [one["name"] for one in waiting if one["namespace"] == f"hf://{namespace}"]
    operate(folder, "claims", "approve", name, "--without-evidence", "a test", "--yes")


def test_a_first_claim_waits_for_the_operators_and_then_stands(person: Person) -> None:
    person.key("ana"), person.key("ci")
    person.ns_toml("first", ["ana"], ["ci"])
    person.run("claim", "ns.toml").says(10, "PENDING first: no claim of it is approved", "claim ns.toml --key FILE")
    assert not [name for name in person.left() if name.endswith((".record", ".json"))]
    done = person.run("claim", "ns.toml", "--key", "ana.key")
    done.says(10, "PENDING first: sent to", "waits for approval by the operators")
    done.says(
        10, "Hub:      if it is not there yet, do: hf upload first/README first.claim.json modelseal.json --type space"
    )
    done.says(
        10, "domain:   if it is not there yet, put the same file at https://acme.example/.well-known/modelseal.json"
    )
    done.says(10, "or DNS:   one TXT record at _modelseal.acme.example: claim=sha256:")
    assert json.loads((person.here / "first.claim.json").read_text())["v"] == 1
    person.run("claim", "ns.toml", "--key", "ana.key").says(10, "waits for approval")
    approve(person, "first")
    done = person.run("claim", "ns.toml").says(0, "CLAIMED first", "on the operators' word, not checked")
    assert done.out.count("controller: SHA256:") == 1
    person.run("claim", "ns.toml", "--key", "ana.key").says(0, "CLAIMED first")


def test_below_the_threshold_nothing_is_sent_and_a_draft_goes_round(person: Person) -> None:
    for name in ("ana", "ben", "ci"):
        person.key(name)
    person.ns_toml("round", ["ana", "ben"], ["ci"], threshold=2)
    done = person.run("claim", "ns.toml", "--key", "ana.key")
    done.says(10, "PENDING round: signed by 1 of 2 controllers; nothing was sent")
    done.says(10, "draft:    round.record; the next person: modelseal record sign round.record --key FILE --submit")
    done.says(10, "Hub:      not looked at; do: hf upload round/README round.claim.json modelseal.json --type space")
    person.run("claim", "ns.toml").says(10, "signed by 1 of 2 controllers", "draft:    round.record")

    shown = person.run("record", "show", "round.record").says(0, "RECORD claim of round", "title: Acme Lab")
    shown.says(0, "waits for: signed by 1 of 2 controllers", "first claim of this namespace", "(controller)")
    before = (person.here / "round.record").read_bytes()
    person.run("record", "submit", "round.record").says(10, "nothing was sent", "signed by 1 of 2 controllers")
    person.run("record", "sign", "round.record", "--key", "ci.key").says(1, "is not a controller of hf://round")
    assert (person.here / "round.record").read_bytes() == before
    person.run("record", "sign", "round.record", "--key", "ana.key", "--submit").says(10, "nothing was sent")

    signed = person.run("record", "sign", "round.record", "--key", "ben.key").says(0, "SIGNED claim of round")
    signed.says(0, "signed by 2 of 2 controllers", "modelseal record submit round.record")
    person.run("claim", "ns.toml").says(10, "signed by enough controllers", "modelseal record submit round.record")
    person.run("record", "submit", "round.record").says(10, "waits for approval by the operators; it was sent")
    approve(person, "round")
    person.run("record", "show", "round.record").says(0, "it is logged already")
    person.run("record", "submit", "round.record").says(0, "LOGGED claim of round")
    person.run("claim", "ns.toml").says(0, "CLAIMED round")


def test_an_edited_file_changes_keys_at_once_and_the_text_by_the_next_claim(person: Person) -> None:
    person.owns("edited")
    person.key("ben")
    person.ns_toml("edited", ["ana", "ben"], ["ci"], title="Acme Works")
    dry = person.run("claim", "ns.toml", "--key", "ana.key", "--dry-run").says(0, "DRY RUN edited", "controller added")
    assert "then:     claim again for title: Acme Lab -> Acme Works" in dry.out
    before = person.left()
    assert not [name for name in before if name.endswith(".record")]
    done = person.run("claim", "ns.toml", "--key", "ana.key").says(10, "PENDING edited: sent to", "waits for")
    done.says(10, "logged:   leaf ", "controller added: SHA256:", "title: Acme Lab -> Acme Works")
    again = person.run("claim", "ns.toml", "--key", "ben.key").says(10, "title: Acme Lab -> Acme Works", "waits for")
    assert "controller added" not in again.out
    person.ns_toml("edited", ["ana"], ["ci"])
    person.run("claim", "ns.toml", "--key", "ana.key", "--key", "ben.key").says(
        0, "LOGGED edited: leaf", "controller dropped: SHA256:"
    )
    person.run("claim", "ns.toml").says(0, "CLAIMED edited")


def test_a_draft_of_an_earlier_step_gives_way_and_another_one_does_not(person: Person) -> None:
    for name in ("ana", "ben", "ci"):
        person.key(name)
    person.ns_toml("steps", ["ana", "ben"], ["ci"], threshold=2)
    person.run("claim", "ns.toml", "--key", "ana.key").says(10)
    person.ns_toml("steps", ["ana", "ben"], ["ci"], threshold=2, title="Another")
    first = (person.here / "steps.record").read_bytes()
    person.run("claim", "ns.toml", "--key", "ana.key").says(1, "steps.record holds another record", "submit it, or")
    assert (person.here / "steps.record").read_bytes() == first

    person.run("record", "sign", "steps.record", "--key", "ben.key", "--submit").says(10)
    approve(person, "steps")
    person.run("claim", "ns.toml", "--key", "ana.key").says(10, "signed by 1 of 2", "title: Acme Lab -> Another")
    record = Submission.parse((person.here / "steps.record").read_bytes()).record
    assert isinstance(record, records.Claim)
    assert record.seq == 2


BAD_TOML = {
    "no TOML": ("namespace = ", "not TOML"),
    "unknown field": (
        'namespace = "hf://a"\ntitle = "A"\ncolour = "red"\n[[controllers]]\nkey = "ana.pub"', "unknown field 'colour'"
    ),
    "unknown field of a key": (
        'namespace = "hf://a"\ntitle = "A"\n[[controllers]]\nkey = "ana.pub"\nrole = "x"', "unknown field 'role'"
    ),
    "no controllers": ('namespace = "hf://a"\ntitle = "A"', "controllers is missing"),
    "an owner of the Hub": ('namespace = "hf://datasets"\ntitle = "A"\n[[controllers]]\nkey = "ana.pub"', "namespace"),
    "a title with a line": ('namespace = "hf://a"\ntitle = "A\\nB"\n[[controllers]]\nkey = "ana.pub"', "title"),
    "no such key": ('namespace = "hf://a"\ntitle = "A"\n[[controllers]]\nkey = "none.pub"', "none.pub: no such file"),
    "a private key": ('namespace = "hf://a"\ntitle = "A"\n[[controllers]]\nkey = "ana.key"', "not a public key in PEM"),
    "threshold": (
        'namespace = "hf://a"\ntitle = "A"\nthreshold = 2\n[[controllers]]\nkey = "ana.pub"', "threshold 2 of 1 keys"
    ),
    "a scope outside": (
        'namespace = "hf://a"\ntitle = "A"\n[[controllers]]\nkey = "ana.pub"\n'
        '[[signers]]\nkey = "ana.pub"\nscope = ["hf://b/*"]',
        "the scope hf://b/* is outside hf://a",
    ),
    "the same key twice": (
        'namespace = "hf://a"\ntitle = "A"\n[[controllers]]\nkey = "ana.pub"\n[[controllers]]\nkey = "ana.pub"',
        "ns.toml: controllers: a key occurs twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TOML)
def test_a_wrong_ns_toml_is_named_and_nothing_is_written(case: str, stranger: Person) -> None:
    text, words = BAD_TOML[case]
    stranger.key("ana")
    (stranger.here / "ns.toml").write_text(text)
    before = stranger.left()
    stranger.types("claim", "ns.toml", "--key", "ana.key").says(2, words)
    assert stranger.left() == before


def published(person: Person, namespace: str, threshold: int = 1) -> str:
    """Have a release in *namespace*; return what to revoke."""
    person.owns(namespace)
    if threshold == 2:
        person.key("ben")
        person.ns_toml(namespace, ["ana", "ben"], ["ci"], threshold=1)
        person.run("claim", "ns.toml", "--key", "ana.key").says(0)
        person.ns_toml(namespace, ["ana", "ben"], ["ci"], threshold=2)
        person.run("claim", "ns.toml", "--key", "ana.key", "--key", "ben.key").says(0)
    person.model()
    repo = f"{namespace}/atlas-7b@{COMMIT}"
    person.run("publish", "./atlas-7b", "--repo", repo, "--no-hub", "--key", "ci.key").says(0)
    return repo


def test_revoke_shows_what_it_voids_and_wants_a_yes(person: Person) -> None:
    repo = published(person, "asked")
    before = person.left()
    dry = person.run("revoke", repo, "--reason", "malicious", "--dry-run").says(0, "DRY RUN", f"voids:    {repo}")
    assert "every other repo" not in dry.out
    wide = person.run("revoke", repo, "--reason", "malicious", "--dry-run", "--everywhere")
    wide.says(0, "the same files in every other repo of asked, and sealed again at any time")
    person.run("revoke", repo, "--reason", "malicious", "--key", "ana.key").says(2, "wants a yes", "--yes")
    found = person.run("revoke", repo, "--reason", "malicious", "--key", "ana.key", "--json").says(2).json
    assert found["verdict"] == "usage"
    person.run("verify", "./atlas-7b", "--repo", "asked/atlas-7b").says(0, "VERIFIED")
    assert person.left() == before


def test_a_revoked_release_fails_and_is_revoked_once(person: Person) -> None:
    repo = published(person, "voided")
    words = ("revoke", repo, "--reason", "malicious", "--yes")
    person.run(*words, "--key", "ci.key").says(0, f"REVOKED (malicious) {repo}: leaf")
    person.run("verify", "./atlas-7b", "--repo", "voided/atlas-7b").says(1, "FAILED REVOKED (malicious)")
    person.run("show", "voided/atlas-7b").says(1, "REVOKED (malicious) voided/atlas-7b")
    person.run(*words, "--key", "ana.key").says(1, "is revoked already (malicious)")


def test_superseded_voids_nothing_and_says_so(person: Person) -> None:
    repo = published(person, "newer")
    words = ("revoke", repo, "--reason", "superseded", "--yes", "--key", "ana.key", "--json")
    found = person.run(*words).says(0).json
    assert (found["verdict"], found["voids"]) == ("revoked", [])
    person.run("verify", "./atlas-7b", "--repo", "newer/atlas-7b").says(0, "VERIFIED")


def test_a_revocation_below_the_threshold_goes_round_too(person: Person) -> None:
    repo = published(person, "pair", threshold=2)
    done = person.run("revoke", repo, "--reason", "compromised", "--key", "ana.key", "--yes")
    done.says(
        10, f"PENDING {repo}: signed by 1 of 2 controllers; nothing was sent", "record sign atlas-7b-9c1f0d2233ab"
    )
    draft = "atlas-7b-9c1f0d2233ab.record"
    person.run("verify", "./atlas-7b", "--repo", "pair/atlas-7b").says(0, "VERIFIED")
    person.run("record", "show", draft).says(0, "revocation in pair, reason compromised", "signed by 1 of 2")
    found = person.run("record", "sign", draft, "--key", "ben.key", "--submit", "--json").says(0).json
    assert (found["verdict"], len(found["signatures"])) == ("logged", 2)
    person.run("verify", "./atlas-7b", "--repo", "pair/atlas-7b").says(1, "REVOKED (compromised)")


def test_who_may_not_revoke_is_told_so(person: Person) -> None:
    repo = published(person, "guarded")
    person.key("eve")
    words = ("revoke", repo, "--reason", "malicious", "--yes", "--key")
    person.run(*words, "eve.key").says(1, "does not count here")
    person.run(*words, "ci.key", "--everywhere").says(1, "does not count here")
    unsealed = f"guarded/other@{COMMIT}"
    person.run("revoke", unsealed, *words[2:], "ana.key").says(1, "is not sealed, so there is nothing to revoke")
    assert not [name for name in person.left() if name.endswith(".record")]


def test_a_record_is_signed_without_a_trust_root(stranger: Person) -> None:
    ana = stranger.key("ana")
    text = make.claim("hf://acme-lab", [ana], [(ana, "hf://acme-lab/*")])
    (stranger.here / "x.record").write_bytes(Submission(text, records.parse_any(text), (), None).encode())
    stranger.run("record", "show", "x.record").says(0, "RECORD claim of acme-lab", "signed by: nobody", "not asked (no")
    done = stranger.run("record", "sign", "x.record", "--key", "ana.key").says(0, "SIGNED", "(controller)", "not asked")
    assert "change:" not in done.out
    again = stranger.run("record", "sign", "x.record", "--key", "ana.key", "--offline").says(0, "not asked (offline)")
    assert len(re.findall("signed by:", again.out)) == 1
    stranger.run("record", "submit", "x.record").says(6, "nothing was sent")
    stranger.run("record", "sign", "x.record", "--key", "ana.key", "--submit", "--offline").says(2, "--offline forbids")


def test_a_record_for_another_log_is_refused(person: Person) -> None:
    ana = person.key("ana")
    text = make.claim("hf://acme-lab", [ana], [(ana, "hf://acme-lab/*")], origin="other.example")
    (person.here / "x.record").write_bytes(Submission(text, records.parse_any(text), (), None).encode())
    for words in (["show"], ["submit"], ["sign", "--key", "ana.key"]):
        person.run("record", words[0], "x.record", *words[1:]).says(1, "the record is for other.example")


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda text: b"",
    "cut": lambda text: text[:-2],
    "no canonical JSON": lambda text: text.replace(b'":"', b'": "', 1),
    "another type": lambda text: text.replace(rb"\"type\":\"claim\"", rb"\"type\":\"watchlist\""),
    "a seal beside a claim": lambda text: text.replace(b'"seal":null', b'"seal":"x"'),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_record_file_is_named(case: str, stranger: Person) -> None:
    ana = stranger.key("ana")
    whole = make.submission(make.claim("hf://a", [ana]), [ana])
    data = DAMAGED[case](whole)
    assert data != whole
    (stranger.here / "x.record").write_bytes(data)
    for words in (["show"], ["submit"], ["sign", "--key", "ana.key"]):
        stranger.types("record", words[0], "x.record", *words[1:]).says(2, "x.record: ", "record file is written by")
    assert (stranger.here / "x.record").read_bytes() == data


def test_a_signature_that_does_not_verify_refuses_the_whole_record(stranger: Person) -> None:
    ana, ben = stranger.key("ana"), stranger.key("ben")
    one, two = make.claim("hf://a", [ana, ben]), make.claim("hf://b", [ana, ben])
    first, second = Submission.parse(make.submission(one, [ana])), Submission.parse(make.submission(two, [ana]))
    forged = Submission(first.text, first.record, second.signatures, None).encode()
    (stranger.here / "x.record").write_bytes(forged)
    for words in (["show"], ["sign", "--key", "ben.key"]):
        stranger.run("record", words[0], "x.record", *words[1:]).says(1, "does not verify")
    assert (stranger.here / "x.record").read_bytes() == forged


def test_what_the_log_makes_itself_is_shown_and_never_submitted(person: Person) -> None:
    text = make.text("roots", covers=3, records="ab" * 32, files="cd" * 32, names=None)
    (person.here / "x.record").write_bytes(Submission(text, records.parse_any(text), (), None).encode())
    person.run("record", "show", "x.record").says(0, "record of type roots", "the log makes such records itself")
    person.run("record", "submit", "x.record").says(2, "is never submitted")


def test_the_claim_file_keeps_what_it_names_and_nothing_else_is_overwritten(person: Person) -> None:
    person.key("ana"), person.key("ci")
    person.ns_toml("kept", ["ana"], ["ci"])
    file = person.here / "kept.claim.json"
    file.write_text("my notes")
    person.types("claim", "ns.toml", "--key", "ana.key").says(1, "kept.claim.json is no claim file and is not overwrit")
    assert file.read_text() == "my notes"
    others = tuple(bytes([number]) * 32 for number in range(16))
    file.write_bytes(findings.encode_claim_file(others[:2]))
    done = person.types("claim", "ns.toml", "--key", "ana.key").says(10, "kept.claim.json still names 2 earlier claims")
    named = findings.parse_claim_file(file.read_bytes())
    assert set(named) > set(others[:2]) and len(named) == 3
    person.types("claim", "ns.toml", "--key", "ana.key").says(10, "still names 2 earlier claims")
    assert findings.parse_claim_file(file.read_bytes()) == named
    file.write_bytes(findings.encode_claim_file(others))
    done = person.types("claim", "ns.toml", "--key", "ana.key").says(10)
    assert "earlier" not in done.out and len(findings.parse_claim_file(file.read_bytes())) == 1, "no more than 16 fit"


def test_the_files_of_a_claim_lie_beside_ns_toml(person: Person, tmp_path: Path) -> None:
    person.key("ana"), person.key("ci")
    path = person.ns_toml("beside", ["ana"], ["ci"])
    person.run("claim", path, "--key", "ana.key").says(10)
    assert (person.here / "beside.claim.json").exists()
