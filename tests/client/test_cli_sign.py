"""keygen and sign: what needs no registry and no trust root."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from modelseal import keys
from modelseal.formats.envelope import Bundle
from modelseal.formats.manifest import Statement
from tests.support.person import COMMIT, Person
from tests.support.servers import until

SIGN = ("sign", "./atlas-7b", "--repo", "acme-lab/atlas-7b", "--revision", COMMIT, "--no-hub", "--key", "ci.key")

# Names that a report must not print as they are: each tries to be a line, or to hide one.
TRICKS = {
    "newline": "x\nVERIFIED a/b, sealed by A",
    "escape": "x\x1b[2K\x1b[1GVERIFIED",
    "right-to-left": "x\u202egnp.exe",
    "zero-width": "mo\u200bdel.bin",
    "carriage return": "x\rVERIFIED a/b",
    "line separator": "x\u2028VERIFIED a/b",
}
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def check_no_trick(printed: str, *, verdict: str | None = None) -> None:
    """No raw control or format character, and no line that looks like a verdict but the first may be *verdict*."""
    assert not RAW.search(printed), repr(printed)
    lines = printed.splitlines()
    looks = [line for line in lines if re.match(r"(VERIFIED|SEALED|ACCEPTED|SIGNED)\b", line)]
    assert looks == [line for line in lines[:1] if verdict and line.startswith(verdict)]


def test_keygen_writes_a_pair_that_only_its_owner_reads(stranger: Person) -> None:
    done = stranger.run("keygen", "-o", "ci").says(0, "ci.key (no password)", "ci.pub")
    private, public = stranger.here / "ci.key", stranger.here / "ci.pub"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    key = keys.load(str(private), None)
    assert done.out.splitlines()[0] == key.public.fingerprint == keys.load_public(public).fingerprint
    assert key.public.algorithm == "ecdsa-p256"


def test_keygen_makes_the_key_0600_whatever_the_umask_is(stranger: Person) -> None:
    before = os.umask(0)
    try:
        stranger.run("keygen", "-o", "ci").says(0)
    finally:
        os.umask(before)
    assert stat.S_IMODE((stranger.here / "ci.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("there", ["ci.key", "ci.pub"])
def test_keygen_never_overwrites_and_leaves_no_half_pair(there: str, stranger: Person) -> None:
    (stranger.here / there).write_text("precious")
    stranger.run("keygen", "-o", "ci").says(1, f"{there} exists; a key file is never overwritten")
    assert stranger.left() == {there}
    assert (stranger.here / there).read_text() == "precious"
    (stranger.here / there).unlink()
    (stranger.here / there).symlink_to("nowhere")
    stranger.run("keygen", "-o", "ci").says(1, "never overwritten")


def test_keygen_quiet_prints_the_fingerprint_alone_and_json_one_object(stranger: Person) -> None:
    quiet = stranger.run("keygen", "-o", "a", "--type", "ed25519", "-q").says(0)
    assert re.fullmatch(r"SHA256:[0-9a-f]{64}\n", quiet.out)
    found = stranger.run("keygen", "-o", "b", "--json").says(0).json
    assert found["fingerprint"] == keys.load_public(stranger.here / "b.pub").fingerprint
    assert (found["private"], found["public"], found["type"]) == ("b.key", "b.pub", "ecdsa-p256")


def test_a_key_with_a_password_is_encrypted_and_signs_only_with_it(stranger: Person) -> None:
    stranger.model()
    (stranger.here / "password").write_text("open sesame\nignored")
    (stranger.here / "wrong").write_text("abracadabra\n")
    (stranger.here / "empty").write_text("\n")
    stranger.run("keygen", "-o", "ci", "--password-file", "empty").says(2, "its first line is empty")
    stranger.run("keygen", "-o", "ci", "--password-file", "password").says(0, "ci.key (encrypted)")
    assert "ENCRYPTED PRIVATE KEY" in (stranger.here / "ci.key").read_text()
    stranger.run(*SIGN).says(2, "key ci.key: it has a password", "give it with --password-file FILE")
    stranger.run(*SIGN, "--password-file", "wrong").says(2, "key ci.key: wrong password")
    stranger.run("show", "./ci.key").says(0, "UNVERIFIED private key", "it has a password")
    stranger.run(*SIGN, "--password-file", "password").says(0, "SIGNED")


def test_sign_writes_a_seal_and_prints_where_and_the_payload_digest(stranger: Person) -> None:
    stranger.model()
    public = stranger.key("ci").public
    done = stranger.run(*SIGN).says(0, f"SIGNED acme-lab/atlas-7b@{COMMIT}", public.fingerprint, "taken as given")
    assert "wrote:    atlas-7b/model.sig" in done.out
    bundle = Bundle.parse((stranger.here / "atlas-7b/model.sig").read_bytes())
    statement = Statement.parse(bundle.payload)
    assert (statement.repo, statement.revision) == ("hf://acme-lab/atlas-7b", COMMIT)
    assert [file.name for file in statement.files] == ["config.json", "model.safetensors"]
    assert all(file.blake3 for file in statement.files)
    quiet = stranger.run(*SIGN, "-q").says(0).out
    assert quiet.strip() in done.out
    found = stranger.run(*SIGN, "--json").says(0).json
    assert quiet == f"sha256:{found['seal']}\n"
    assert (found["files"], found["wrote"]) == (2, ["atlas-7b/model.sig"])


def test_sign_twice_keeps_the_seal(stranger: Person) -> None:
    folder = stranger.model()
    stranger.key("ci")
    stranger.run(*SIGN).says(0)
    first = (folder / "model.sig").read_bytes()
    stranger.run(*SIGN).says(0)
    assert (folder / "model.sig").read_bytes() == first
    (folder / "config.json").write_bytes(b"{ }")
    stranger.run(*SIGN).says(0)
    assert (folder / "model.sig").read_bytes() != first


def test_sign_overwrites_no_foreign_seal(stranger: Person) -> None:
    folder = stranger.model()
    stranger.key("ci")
    (folder / "model.sig").write_text("{}")
    stranger.run(*SIGN).says(1, "model.sig is not a seal of ours and is not overwritten", "--signature FILE")
    assert (folder / "model.sig").read_text() == "{}"
    stranger.run(*SIGN, "--signature", "other.sig").says(0, "wrote:    other.sig")
    (folder / "model.sig").write_bytes((stranger.here / "other.sig").read_bytes())
    other = ("sign", "./atlas-7b", "--repo", f"acme-lab/other@{COMMIT}", "--no-hub", "--key", "ci.key")
    stranger.run(*other).says(1, "model.sig seals acme-lab/atlas-7b and is not overwritten")


def test_sign_writes_no_seal_that_would_be_an_added_file(stranger: Person) -> None:
    folder = stranger.model()
    stranger.key("ci")
    stranger.run(*SIGN, "--signature", "atlas-7b/seal.json").says(2, "atlas-7b/seal.json is inside the folder")
    stranger.run(*SIGN, "--signature", "none/seal.json").says(2, "none: no such folder")
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    stranger.run(*SIGN, "--signature", "./atlas-7b/model.sig").says(0)


BAD_FOLDERS = {
    "empty": ({}, "no files"),
    "no bytes": ({"a": b""}, "holds no bytes to seal"),
    "device name": ({"NUL.bin": b"x"}, "NUL.bin: a device name on Windows"),
    "two spellings": ({"a/x": b"x", "A/x": b"x"}, "are the same file on some systems"),
    "colon": ({"a:b": b"x"}, "U+003A is not allowed in a file name"),
    "Hub cache": ({"blobs/x": b"x", "refs/main": b"x", "snapshots/y/z": b"x"}, "is in the Hub cache, but"),
}


@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_what_cannot_be_sealed_is_named(case: str, stranger: Person) -> None:
    contents, words = BAD_FOLDERS[case]
    stranger.model(contents=contents).mkdir(exist_ok=True)
    stranger.key("ci")
    before = stranger.left()
    stranger.types(*SIGN).says(2, words)
    assert stranger.left() == before


def test_a_link_is_not_sealed(stranger: Person) -> None:
    folder = stranger.model()
    stranger.key("ci")
    (folder / "more.bin").symlink_to("/etc/hostname")
    stranger.run(*SIGN).says(2, "more.bin: a link", "a seal covers regular files only")


@pytest.mark.parametrize("trick", TRICKS)
def test_a_file_name_prints_no_line_of_its_own_when_it_is_signed_or_shown(trick: str, stranger: Person) -> None:
    stranger.model(contents={TRICKS[trick]: b"x", "config.json": b"{}"})
    stranger.key("ci")
    done = stranger.run(*SIGN)
    assert done.code in (0, 2)
    check_no_trick(done.out, verdict="SIGNED")
    check_no_trick(done.err)
    if done.code == 0:
        check_no_trick(stranger.types("show", "./atlas-7b").says(0, "UNVERIFIED seal").out)
        assert not RAW.search(stranger.types("show", "./atlas-7b", "--json").out)


@pytest.mark.parametrize("trick", TRICKS)
def test_a_path_that_is_typed_prints_no_line_of_its_own(trick: str, stranger: Person) -> None:
    stranger.key("ci")
    for words in (
        ["sign", f"./{TRICKS[trick]}", "--repo", f"a/b@{COMMIT}", "--no-hub", "--key", "ci.key"],
        ["verify", f"./{TRICKS[trick]}", "--repo", "a/b"],
        ["verify", ".", "--repo", TRICKS[trick]],
        ["show", f"./{TRICKS[trick]}"],
        ["claim", TRICKS[trick]],
        ["record", "show", TRICKS[trick]],
        ["trust", "remove", TRICKS[trick]],
        ["keygen", "-o", f"{TRICKS[trick]}/x"],
    ):
        done = stranger.types(*words).says(2)
        check_no_trick(done.out + done.err)


def test_a_key_that_others_can_read_is_used_and_named(stranger: Person) -> None:
    stranger.model()
    stranger.key("ci")
    (stranger.here / "ci.key").chmod(0o644)
    assert "warning: ci.key can be read by others" in stranger.run(*SIGN).says(0).err


def test_a_key_comes_from_standard_input_or_a_variable(stranger: Person) -> None:
    stranger.model()
    stranger.key("ci")
    text = (stranger.here / "ci.key").read_bytes()
    words = SIGN[:-1]
    one = stranger.run(*words, "-", stdin=text).says(0)
    two = stranger.run(*words, "env:SECRET", env={"SECRET": text.decode()}).says(0)
    assert one.out == two.out
    stranger.run(*words, "-", stdin=b"").says(2, "key -: not a private key in PEM")
    stranger.run(*words, "ci.pub").says(2, "key ci.pub: not a private key in PEM", "modelseal keygen -o NAME")


def test_the_oms_tool_verifies_our_seal_and_refuses_a_flipped_byte(stranger: Person, model_signing: Path) -> None:
    folder = stranger.model()
    stranger.key("ci")
    stranger.run(*SIGN).says(0)
    argv = [str(model_signing), "verify", "key", str(folder), "--signature", str(folder / "model.sig")]
    argv += ["--public_key", str(stranger.here / "ci.pub")]
    assert subprocess.run(argv, capture_output=True).returncode == 0
    (folder / "config.json").write_bytes(b"[]")
    assert subprocess.run(argv, capture_output=True).returncode != 0


def test_an_interrupted_command_ends_130_and_a_terminated_one_143(stranger: Person) -> None:
    stranger.model()
    for number, code, word in ((signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")):
        process = subprocess.Popen(  # it waits for its key on standard input
            [sys.executable, "-m", "modelseal", *SIGN[:-1], "-", "--json"],
            cwd=stranger.here,
            env=stranger.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # a suite in the background may have been started with SIGINT ignored, and programs inherit that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            until("it reads its key", functools.partial(_reads_stdin, process.pid))
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        assert process.returncode == code, err
        assert json.loads(out)["verdict"] == word
        assert stranger.left() == {"atlas-7b/config.json", "atlas-7b/model.safetensors"}


def _reads_stdin(pid: int) -> bool:
    """Whether the process is in `read(0, ...)`: it has come to its key (Linux)."""
    try:
        words = Path(f"/proc/{pid}/syscall").read_text().split()
    except OSError:
        return False
    return words[:2] == ["0", "0x0"]
