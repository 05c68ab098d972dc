"""Signatures that name no repo, and the lists that other tools check."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from modelseal.formats.envelope import Bundle
from tests.support.person import COMMIT, Person

FILES = {"config.json": b"{}", "sub dir/modèle.bin": b"weights", "README.md": b"# atlas"}
PLAIN = ("sign", "./atlas-7b", "--plain", "--key", "ci.key")


@pytest.fixture
def signer(stranger: Person) -> Person:
    stranger.model(contents=FILES)
    stranger.key("ci")
    stranger.key("ed", "ed25519")
    return stranger


def test_a_plain_signature_names_files_and_no_repo(signer: Person) -> None:
    done = signer.run(*PLAIN).says(0, "SIGNED atlas-7b, naming no repo, by key SHA256:", "wrote:    atlas-7b/model.sig")
    payload = Bundle.parse((signer.here / "atlas-7b/model.sig").read_bytes()).payload
    assert f"sha256:{hashlib.sha256(payload).hexdigest()}" in done.out
    says = json.loads(payload)
    digests = {one["name"]: one["digest"] for one in says["predicate"]["resources"]}
    assert digests == {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    assert says["subject"][0].keys() == {"name", "digest"}
    assert b"modelseal" not in payload and COMMIT.encode() not in payload
    found = signer.run(*PLAIN, "--json").says(0).json
    assert (found["repo"], found["files"], found["wrote"]) == (None, 3, ["atlas-7b/model.sig"])
    assert signer.run(*PLAIN, "-q").says(0).out == f"sha256:{found['payload']}\n"


@pytest.mark.parametrize("key", ["ci.key", "ed.key"])
def test_a_plain_signature_gives_way_only_to_one_by_the_same_key(key: str, signer: Person) -> None:
    signer.run(*PLAIN).says(0)
    (signer.here / "atlas-7b/config.json").write_text("[]")
    words = ("sign", "./atlas-7b", "--plain", "--key", key)
    if key == "ci.key":
        signer.run(*words).says(0)
    else:
        signer.run(*words).says(1, "model.sig is not a plain signature by this key and is not overwritten")
        signer.run(*words, "--signature", "ed.sig").says(0, "model_signing reads no Ed25519 signatures")


def test_a_seal_is_not_lost_to_a_plain_signature_nor_the_other_way_round(signer: Person) -> None:
    seal = ("sign", "./atlas-7b", "--repo", f"acme-lab/atlas-7b@{COMMIT}", "--no-hub", "--key", "ci.key")
    signer.run(*seal).says(0)
    signer.run(*PLAIN).says(1, "not overwritten")
    (signer.here / "atlas-7b/model.sig").unlink()
    signer.run(*PLAIN).says(0)
    signer.run(*seal).says(1, "not overwritten")


BAD = {
    "a repo": ([*PLAIN, "--repo", "a/b"], "--plain names no repo"),
    "a commit": ([*PLAIN, "--revision", COMMIT], "--plain names no repo"),
    "blake3": ([*PLAIN, "--hash", "both"], "a plain signature has sha256 only"),
    "no key": ([*PLAIN[:3]], "exactly one --key is wanted"),
    "inside": ([*PLAIN, "--signature", "atlas-7b/x.sig"], "is inside the folder"),
    "a seal of blake3 alone": (
        ["sign", "./atlas-7b", "--repo", f"a/b@{COMMIT}", "--no-hub", "--key", "ci.key", "--hash", "blake3"],
        "a seal always has sha256",
    ),
    "a list of a namespace": (["show", "hf://acme-lab", "--as", "sha256sum"], "--as is for the files of one"),
    "a list and evidence": (["show", "a/b", "--as", "sglang", "--save", "x"], "--as is for the files of one"),
    "a list of nothing": (["show", "./none.sig", "--as", "sha256sum"], "none.sig: no such file"),
    "a list of a key": (["show", "./ci.pub", "--as", "sha256sum"], "ci.pub"),
    "another list": (["show", "./x", "--as", "md5sum"], "'md5sum' is not one of"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case: str, signer: Person) -> None:
    words, says = BAD[case]
    before = signer.left()
    done = signer.types(*words)
    assert done.code in (1, 2)
    done.says(done.code, says)
    assert signer.left() == before


def test_a_seal_without_blake3_can_be_asked_for(signer: Person) -> None:
    words = ("sign", "./atlas-7b", "--repo", f"acme-lab/atlas-7b@{COMMIT}", "--no-hub", "--key", "ci.key")
    signer.run(*words, "--hash", "sha256", "--jobs", "1").says(0)
    resources = json.loads(Bundle.parse((signer.here / "atlas-7b/model.sig").read_bytes()).payload)["predicate"]
    assert all("blake3" not in one for one in resources["resources"])


@pytest.mark.parametrize(
    "how", [("--plain",), ("--repo", f"acme-lab/atlas-7b@{COMMIT}", "--no-hub")], ids=["plain", "seal"]
)
def test_show_as_prints_lists_that_say_on_stderr_that_they_are_unverified(how: tuple[str, ...], signer: Person) -> None:
    signer.run("sign", "./atlas-7b", *how, "--key", "ci.key").says(0)
    done = signer.run("show", "./atlas-7b", "--as", "sha256sum").says(0)
    assert "UNVERIFIED" in done.err and "UNVERIFIED" not in done.out
    (signer.here / "SUMS").write_text(done.out)
    check = ["sha256sum", "--check", "--strict", "--quiet", "../SUMS"]
    assert subprocess.run(check, cwd=signer.here / "atlas-7b").returncode == 0
    listed = json.loads(signer.run("show", "./atlas-7b/model.sig", "--as", "sglang").says(0).out)
    assert listed["files"].keys() == FILES.keys()
    for name, one in listed["files"].items():
        assert one["sha256"] == hashlib.sha256(FILES[name]).hexdigest()
        assert one["size"] == (-1 if how == ("--plain",) else len(FILES[name]))
    found = signer.run("show", "./atlas-7b", "--as", "sha256sum", "--json").says(0).json
    assert (found["verdict"], found["use"], found["untrusted"]["list"]) == ("unverified", "no", done.out)
    assert signer.run("show", "./atlas-7b", "--as", "sha256sum", "-q").err == ""


def test_show_as_of_a_repo_is_what_the_log_proves(person: Person) -> None:
    person.owns("lists")
    person.model(contents=FILES)
    asked = ("show", "lists/atlas-7b", "--as", "sha256sum")
    person.run(*asked).says(1, "there is no valid release to list")
    person.run(
        "publish", "./atlas-7b", "--repo", f"lists/atlas-7b@{COMMIT}", "--no-hub", "--key", "ci.key", "--jobs", "1"
    ).says(0)
    done = person.run(*asked).says(0)
    assert done.err == ""
    assert done.out == person.run("show", "./atlas-7b", "--as", "sha256sum", "-q").out
    person.run("show", f"lists/atlas-7b@{'0' * 40}", "--as", "sha256sum").says(1)
    # The logged seal has blake3; a check that leaves it out would not see a contradictory one.
    again = (
        "publish",
        "./atlas-7b",
        "--repo",
        f"lists/atlas-7b@{COMMIT}",
        "--no-hub",
        "--key",
        "ci.key",
        "--hash",
        "sha256",
    )
    person.run(*again).says(2, "the logged seal has blake3 digests, which must be compared too")


def test_a_list_with_names_that_mislead_is_not_shown_on_a_terminal(signer: Person) -> None:
    signer.model("odd", {"x\u202egnp.exe": b"x"})
    signer.run("sign", "./odd", "--plain", "--key", "ci.key").says(0)
    assert "\u202e" in signer.run("show", "./odd", "--as", "sha256sum").says(0).out
    leader, follower = pty.openpty()
    words = [sys.executable, "-m", "modelseal", "show", "./odd", "--as", "sha256sum"]
    done = subprocess.run(words, cwd=signer.here, env=signer.env, stdout=follower, stderr=subprocess.PIPE)
    os.close(follower)
    os.close(leader)
    assert done.returncode == 2
    assert b"names in this list that a terminal must not show" in done.stderr


def test_model_signing_accepts_a_plain_signature_and_refuses_a_changed_file(
    signer: Person, model_signing: Path
) -> None:
    signer.run(*PLAIN).says(0)
    words = ["verify", "key", "./atlas-7b", "--signature", "atlas-7b/model.sig", "--public_key", "ci.pub"]

    def accepts() -> bool:
        done = subprocess.run([str(model_signing), *words], cwd=signer.here, capture_output=True, timeout=60)
        return done.returncode == 0

    assert accepts()
    (signer.here / "atlas-7b/config.json").write_text("[]")
    assert not accepts()
