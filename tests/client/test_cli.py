"""What holds for every command: help, usage errors, --json, and that nothing is imported before it is needed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click
import pytest

from modelseal.cli import SHORT, modelseal
from tests.support.client import typed
from tests.support.person import COMMIT, Person

HEAVY = ("urllib3", "requests", "rich", "pydantic", "tuf", "sigstore", "huggingface_hub", "flask", "sqlalchemy")
SCHEMA = "modelseal.v1"


def every_command() -> Iterator[tuple[str, click.Command]]:
    def walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        if isinstance(command, click.Group):
            for inner, found in command.commands.items():
                yield from walk(f"{name} {inner}", found)
        else:
            yield name, command

    context = click.Context(modelseal)
    for name in modelseal.list_commands(context):
        found = modelseal.get_command(context, name)
        assert found is not None
        yield from walk(name, found)


COMMANDS = dict(every_command())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_an_example_and_its_exit_status(name: str) -> None:
    for flag in ("-h", "--help"):
        shown = typed(*name.split(), flag).says(0, "Usage: ", "Exit status:")
        assert re.search(r"^  Examples?( \(.*\))?:\n +modelseal " + name, shown.out, re.MULTILINE), shown.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_an_example_exists(name: str) -> None:
    command = COMMANDS[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    examples = (command.epilog or "").partition("Example")[2]
    assert set(re.findall(r"(?<= )--?[a-z][a-z-]*", examples)) <= known


def test_the_help_of_the_whole_lists_every_command() -> None:
    shown = typed("--help").says(0, "Exit status of get, check, verify, scan, guard and lock:", "Example:", *SHORT)
    assert all(short in shown.out for short in SHORT.values())
    assert {name.split()[0] for name in COMMANDS} == set(SHORT)


def test_without_a_command_the_help_is_shown_and_the_status_is_usage(stranger: Person) -> None:
    stranger.run().says(2, "Usage: modelseal")
    stranger.run("trust").says(2, "Usage: ")
    stranger.run("--version").says(0, "modelseal 0.1.0")


# bad input: the words after `modelseal`, and what a user must read

USAGE = {
    "no such command": (["frobnicate"], "No such command 'frobnicate'"),
    "no such option": (["verify", "--frobnicate"], "No such option '--frobnicate'"),
    "verify: nothing": (["verify"], "there is no modelseal.lock here or above"),
    "verify: no such folder": (["verify", "./none", "--repo", "a/b"], "none: no such file or folder"),
    "verify: nobody's home": (["verify", "~nobody-here/x", "--repo", "a/b"], "~ and the name of no user here"),
    "verify: no name": (["verify", "."], "modelseal verify . --repo OWNER/NAME"),
    "verify: a repo of one part": (["verify", ".", "--repo", "atlas"], "atlas is not a repo"),
    "verify: a tag": (["verify", ".", "--repo", "a/b@v1"], "a revision is a commit of 40 hex digits"),
    "verify: a repo that is not in the cache": (["verify", "acme-lab/atlas"], "acme-lab/atlas is not in the Hub cache"),
    "verify: neither a path nor a repo": (["verify", "atlas"], "atlas is neither a path nor a repo"),
    "verify: whole and in part": (["verify", ".", "--repo", "a/b", "--complete", "--partial"], "contradict each other"),
    "verify: a device": (["verify", "/dev/null", "--repo", "a/b"], "a device, neither a folder nor a file"),
    "verify: no such file": (["verify", "./none/x", "--repo", "a/b"], "none/x: no such file or folder"),
    "verify: bad duration": (["verify", ".", "--repo", "a/b", "--max-age", "1w"], "'1w' is not a duration"),
    "verify: bad time": (["verify", ".", "--repo", "a/b", "--as-of", "today"], "'today' is not a time"),
    "keygen: no name": (["keygen"], "Missing option '-o' / '--output'"),
    "keygen: empty name": (["keygen", "-o", ""], "is not a name for two files"),
    "keygen: a folder": (["keygen", "-o", "keys/"], "is not a name for two files"),
    "keygen: no such folder": (["keygen", "-o", "none/ci"], "none: no such folder"),
    "keygen: unknown type": (["keygen", "-o", "ci", "--type", "rsa"], "'rsa' is not one of"),
    "keygen: no password file": (["keygen", "-o", "ci", "--password-file", "none"], "password file none: no such file"),
    "sign: no repo": (["sign", "."], "Missing option '--repo'"),
    "sign: no commit": (["sign", ".", "--repo", "a/b", "--no-hub", "--key", "k"], "a commit is wanted: 40 hex digits"),
    "sign: two commits": (
        ["sign", ".", "--repo", f"a/b@{COMMIT}", "--revision", "0" * 40, "--no-hub", "--key", "k"],
        f"two revisions: {COMMIT} and {'0' * 40}",
    ),
    "sign: a tag": (
        ["sign", ".", "--repo", "a/b", "--revision", "v1", "--no-hub"],
        "a revision is a commit of 40 hex digits",
    ),
    "sign: no key": (["sign", ".", "--repo", f"a/b@{COMMIT}"], "exactly one --key is wanted"),
    "sign: no such key": (
        ["sign", ".", "--repo", f"a/b@{COMMIT}", "--no-hub", "--key", "none"],
        "key none: no such file",
    ),
    "sign: unset variable": (
        ["sign", ".", "--repo", f"a/b@{COMMIT}", "--no-hub", "--key", "env:NONE"],
        "variable is not set",
    ),
    "publish: no repo": (["publish", "."], "Missing option '--repo'"),
    "publish: bad wait": (["publish", ".", "--repo", f"a/b@{COMMIT}", "--no-hub", "--key", "k", "--wait", "x"], ""),
    "claim: no such file": (["claim", "none.toml"], "namespace file none.toml: no such file"),
    "revoke: no reason": (["revoke", f"a/b@{COMMIT}"], "Missing option '--reason'"),
    "revoke: unknown reason": (["revoke", f"a/b@{COMMIT}", "--reason", "bad"], "'bad' is not a reason"),
    "revoke: no commit": (["revoke", "a/b", "--reason", "malicious"], "a commit is wanted"),
    "revoke: no key": (["revoke", f"a/b@{COMMIT}", "--reason", "malicious"], "a --key is wanted"),
    "revoke: bad replacement": (
        ["revoke", f"a/b@{COMMIT}", "--reason", "malicious", "--replacement", "v2", "--dry-run"],
        "a revision is a commit of 40 hex digits",
    ),
    "record: no verb": (["record", "frobnicate"], "No such command 'frobnicate'"),
    "record show: no such file": (["record", "show", "none.record"], "record file none.record: no such file"),
    "record submit: no such file": (["record", "submit", "none.record"], "record file none.record: no such file"),
    "record sign: no key": (["record", "sign", "none.record"], "a --key is wanted"),
    "show: nothing": (["show"], "Missing argument"),
    "show: no such path": (["show", "./none"], "file none: no such file"),
    "show: no repo": (["show", "atlas"], "atlas is not a repo"),
    "show: no namespace": (["show", "hf://a..b"], "is not a namespace"),
    "show: save a path": (["show", "./x", "--save", "y"], "--save and --export want a REPO"),
    "show: save a namespace": (["show", "hf://acme", "--export", "y"], "--save and --export want a REPO"),
    "show: no such folder": (["show", "a/b", "--save", "none/y"], "none: no such folder"),
    "trust add: no fingerprint": (["trust", "add", "https://a.example"], "a fingerprint is wanted"),
    "trust add: half a fingerprint": (["trust", "add", "https://a.example#sha256:12", "--yes"], "64 hex digits"),
    "trust add: two fingerprints": (
        ["trust", "add", f"https://a.example#sha256:{'0' * 64}", "--fingerprint", "0" * 64],
        "two fingerprints",
    ),
    "trust add: another scheme": (
        ["trust", "add", "ftp://a.example", "--fingerprint", "0" * 64],
        "http:// or https://",
    ),
    "trust add: no terminal": (["trust", "add", f"https://a.example#sha256:{'0' * 64}"], "--yes"),
    "trust add: no such file": (["trust", "add", "none.trust", "--fingerprint", "0" * 64], "none.trust: no such file"),
    "trust remove: not trusted": (["trust", "remove", "https://a.example"], "https://a.example is not trusted"),
    "trust save: no such folder": (["trust", "save", "none/x"], "none: no such folder"),
}


@pytest.mark.parametrize("case", USAGE)
def test_bad_input_ends_with_clear_words_and_status_2(case: str, stranger: Person) -> None:
    words, expected = USAGE[case]
    plain = stranger.types(*words).says(2, expected)
    assert plain.out == ""
    assert all(line.startswith("modelseal: ") for line in plain.err.splitlines()), plain.err
    spoken = stranger.types(*words, "--json")
    assert spoken.code == 2
    found = one_object(spoken.out)
    assert (found["verdict"], found["exit"], found["use"]) == ("usage", 2, "no")
    assert stranger.left() == set()


def one_object(text: str) -> dict[str, Any]:
    assert text.endswith("\n")
    assert text.count("\n") == 1
    found: dict[str, Any] = json.loads(text)
    assert found["schema"] == SCHEMA
    return found


NO_TRUST = (
    ["verify", ".", "--repo", "a/b"],
    ["show", "a/b"],
    ["show", "hf://a"],
    ["trust", "status"],
    ["trust", "save", "x.trust"],
    ["trust", "mirror", "https://a.example"],
    ["publish", ".", "--repo", f"a/b@{COMMIT}", "--no-hub", "--key", "ci.key"],
    ["claim", "ns.toml", "--key", "ci.key"],
    ["revoke", f"a/b@{COMMIT}", "--reason", "malicious", "--key", "ci.key", "--yes"],
)


@pytest.mark.parametrize("words", NO_TRUST, ids=lambda words: " ".join(words[:2]))
def test_without_a_trust_root_the_line_to_type_is_said_and_what_works_without(
    words: list[str], stranger: Person
) -> None:
    stranger.key("ci")
    stranger.model(".")
    stranger.ns_toml("a", ["ci"], ["ci"])
    before = stranger.left()
    stranger.run(*words).says(6, "modelseal trust add https://HOST#sha256:HEX", "modelseal show PATH, keygen, sign")
    found = one_object(stranger.run(*words, "--json").out)
    assert (found["verdict"], found["exit"], found["use"]) == ("unavailable", 6, "retry")
    assert stranger.left() == before


def test_a_damaged_trust_root_is_an_error_and_no_traceback(person: Person) -> None:
    [local] = (person.home / "trust").glob("*/local.json")
    local.write_text(local.read_text()[:-20])
    person.run("trust", "status").says(1, "local.json")


def test_a_name_that_the_terminal_cannot_show_does_not_end_the_report(stranger: Person) -> None:
    stranger.model("m", {"模.bin": b"x"})
    stranger.key("ci")
    stranger.run("sign", "m", "--repo", f"a/b@{COMMIT}", "--no-hub", "--key", "ci.key").says(0)
    shown = stranger.run("show", "./m", env={"PYTHONIOENCODING": "latin-1"})
    shown.says(0, "\\u6a21.bin")


# start-up


def imported_by(person: Person, *words: str) -> set[str]:
    """Return the top-level packages that `modelseal WORDS...` imports; it must end well."""
    code = (
        "import sys\n"
        "from modelseal.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit as e:\n"
        "    if e.code: raise\n"
        "print('\\nMODULES', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=person.here,
        env=person.env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(done.stdout.rpartition("MODULES")[2].split())


def test_help_imports_nothing_heavy(stranger: Person) -> None:
    found = imported_by(stranger, "--help")
    assert not found & {*HEAVY, "blake3", "cryptography", "platformdirs"}
    assert not imported_by(stranger, "verify", "--help") & {*HEAVY, "blake3", "cryptography", "platformdirs"}


def test_import_modelseal_imports_nothing_of_it() -> None:
    code = "import modelseal, sys; print(*[name for name in sys.modules if name.startswith('modelseal.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == []


def test_offline_commands_import_nothing_heavy_and_blake3_only_to_hash(person: Person) -> None:
    person.owns("light")
    person.model()
    publish = ("publish", "./atlas-7b", "--repo", f"light/atlas-7b@{COMMIT}", "--no-hub", "--key", "ci.key")
    person.run(*publish).says(0, "VERIFIED")
    asked = ("--repo", "light/atlas-7b", "--evidence", "atlas-7b.evidence", "--offline")
    found = imported_by(person, "verify", "./atlas-7b", *asked)
    assert not found & set(HEAVY)
    assert "blake3" in found
    for words in (["keygen", "-o", "x"], ["show", "./ci.pub"], ["show", "./atlas-7b"], ["trust", "status"]):
        assert not imported_by(person, *words) & {*HEAVY, "blake3"}, words
