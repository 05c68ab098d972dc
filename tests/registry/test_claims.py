"""The operator's commands, as typed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelseal.formats.leaves import Leaf
from modelseal.formats.records import Identity
from modelseal_registry.cli import add_commands
from modelseal_registry.cli import registry as cli
from tests.support import make
from tests.support.servers import RegistryProcess, make_registry, operate, running

ANA, BEN, CI = make.key("ana"), make.key("ben"), make.key("ci", "ed25519")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    with running(tmp_path_factory.mktemp("claims") / "reg") as found:
        yield found


def claim(registry: RegistryProcess, name: str, *by: make.Private) -> str:
    """Send the first claim of hf://NAME by Ana and Ben, signed *by*; return what `claims` calls it."""
    namespace = f"hf://{name}"
    text = make.claim(namespace, [ANA, BEN], [(CI, f"{namespace}/*")], threshold=2, origin=registry.origin)
    status, answer = registry.post(make.submission(text, by))
    assert status == 202, answer
    return f"{name}@{make.digest(text)[:12]}"


def identity(registry: RegistryProcess, index: int) -> Identity:
    """The identity at leaf *index*, out of the evidence."""
    for repo in ("ready/x", "looks-like/x"):
        for leaf in json.loads(registry.get(f"evidence/{repo}"))["leaves"]:
            if leaf["index"] == index:
                record = Leaf.parse(leaf["leaf"]).record
                assert isinstance(record, Identity)
                return record
    raise AssertionError(f"leaf {index} is in no evidence")


def test_a_claim_waits_for_its_controllers_and_then_for_the_operators(registry: RegistryProcess) -> None:
    name = claim(registry, "ready", ANA)
    listed = operate(registry.folder, "claims", "list", "--json").json["claims"]
    assert [(one["name"], one["signed"], one["state"]) for one in listed] == [(name, 1, "waiting")]
    refused = operate(registry.folder, "claims", "approve", name, "--without-evidence", "a test", fine=(1,))
    assert "signed by 1 of 2 controllers" in refused.err

    assert claim(registry, "ready", BEN) == name  # the same text: its signatures are added
    shown = operate(registry.folder, "claims", "list")
    assert name in shown.out and "2 of 2" in shown.out and "1 claims: 0 look, 1 ready, 0 waiting" in shown.out
    assert f"approve {name}" in operate(registry.folder, "claims", "show", f"hf://{name}").out

    done = operate(registry.folder, "claims", "approve", name, "--without-evidence", "a test")
    assert done.out.startswith("APPROVED ready as Acme Lab (owner not checked)\n")
    index = int(done.out.split("leaf ")[1].split()[0])
    assert (identity(registry, index).turn, identity(registry, index).basis) == (1, "operators-word")
    registry.publish(CI, "hf://ready/atlas")

    again = operate(registry.folder, "claims", "approve", name, "--without-evidence", "a test", "--json", fine=(1,))
    assert again.json["exit"] == 1 and "approved already" in again.json["error"]
    assert operate(registry.folder, "claims", "list", "-q").out == ""
    assert "reason:   a test" in operate(registry.folder, "claims", "show", name).out


def test_what_it_resembles_stands_in_the_log(registry: RegistryProcess) -> None:
    name = claim(registry, "looks-like", ANA, BEN)
    words = ("--resembles", "acme-lab", "--resembles", "hf://Other", "--without-evidence", "a test", "--yes", "-q")
    index = int(operate(registry.folder, "claims", "approve", name, *words).out)
    assert identity(registry, index).resembles == ("hf://Other", "hf://acme-lab")


def test_a_refused_claim_is_closed_and_its_owner_is_told(registry: RegistryProcess) -> None:
    name = claim(registry, "not-owned", ANA, BEN)
    done = operate(registry.folder, "claims", "refuse", name, "--reason", "not-the-owner")
    assert done.out == f"REFUSED {name}: not-the-owner\n"
    operate(registry.folder, "claims", "approve", name, "--without-evidence", "a test", fine=(1,))
    text = make.claim("hf://not-owned", [ANA, BEN], [(CI, "hf://not-owned/*")], threshold=2, origin=registry.origin)
    status, answer = registry.post(make.submission(text, [ANA]))
    assert status == 403 and "not-the-owner" in answer["detail"]


def test_a_key_that_is_no_operators_admits_nobody(registry: RegistryProcess, tmp_path: Path) -> None:
    from modelseal import keys

    private, _ = keys.write_pair(tmp_path / "stranger", keys.generate("ed25519"), None)
    name = claim(registry, "stranger", ANA, BEN)
    words = ("--without-evidence", "a test", "--key", private)
    done = operate(registry.folder, "claims", "approve", name, *words, fine=(1,))
    assert "operators" in done.err or "role" in done.err


def test_without_a_server_the_log_is_written_at_once(tmp_path: Path) -> None:
    with running(tmp_path / "reg") as registry:
        name = claim(registry, "ready", ANA, BEN)
        registry.stop()
        index = int(operate(registry.folder, "claims", "approve", name, "--without-evidence", "a test", "-q").out)
        assert operate(registry.folder, "check", "--json").json["size"] == index + 2
        registry.start()
        registry.publish(CI, "hf://ready/atlas")


WRONG: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no digest": (("claims", "show", "acme"), 2, "does not name a claim"),
    "a short digest": (("claims", "show", "acme@0123456789a"), 2, "at least 12 hex digits"),
    "no namespace": (("claims", "show", "datasets@0123456789ab"), 2, "does not name a claim"),
    "no such claim": (("claims", "show", "acme@0123456789ab"), 1, "there is no claim acme@0123456789ab"),
    "a line in a name": (("claims", "show", "a\nAPPROVED x@0123456789ab"), 2, "\\u000a"),
    "nothing to approve": (("claims", "approve", "acme@0123456789ab"), 1, "there is no claim acme@0123456789ab"),
    "a folder that is not there": (("claims", "show", "acme@0123456789ab", "--save", "/no/x"), 2, "no such folder"),
    "no reason": (("claims", "refuse", "acme@0123456789ab"), 2, "--reason"),
    "an unknown state": (("claims", "list", "--state", "done"), 2, "done"),
    "a later command": (("backup", "-"), 2, "No such command"),
    "no origin": (("init",), 2, "--origin"),
    "an address that is none": (("serve", "--listen", "8750"), 2, "is not HOST:PORT"),
    "a mirror's command": (("mirror", "status"), 2, "mirror.toml"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_command_line_is_named(registry: RegistryProcess, case: str) -> None:
    words, code, said = WRONG[case]
    done = operate(registry.folder, *words, "--json", fine=(code,))
    assert "\nAPPROVED" not in done.err + done.out
    assert done.json["exit"] == code
    assert said in f"{done.json['error']} {done.json['hint']}"


def test_without_a_folder_the_option_is_named() -> None:
    done = operate(None, "status", fine=(2,))
    assert "--dir" in done.err and "MODELSEAL_REGISTRY_DIR" in done.err


HELP = (
    (), ("init",), ("serve",), ("status",), ("check",), ("claims",), ("claims", "list"), ("claims", "show"),
    ("claims", "approve"), ("claims", "refuse"), ("claims", "confusables"), ("mirror",), ("mirror", "init"),
    ("mirror", "sync"), ("mirror", "serve"), ("mirror", "status"), ("mirror", "check"),
)  # fmt: skip


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_every_command_has_help_with_an_example_and_its_exit_codes(words: tuple[str, ...]) -> None:
    add_commands()
    done = CliRunner().invoke(cli, [*words, "-h"], prog_name="modelseal-registry")
    assert done.exit_code == 0
    if words not in (("claims",), ("mirror",)):
        assert re.search(r"Examples?:\n    modelseal-registry ", done.output)
        assert "Exit status" in done.output


def test_status_of_a_registry_that_nobody_serves(tmp_path: Path) -> None:
    registry = make_registry(tmp_path / "reg")
    done = operate(registry.folder, "status", "--json")
    assert done.json["served"] is False
    assert done.json["trust"] == registry.invitation
    assert (done.json["size"], done.json["pending"], done.json["claims"]) == (2, 0, 0)


def test_check_names_the_first_file_that_is_wrong(tmp_path: Path) -> None:
    registry = make_registry(tmp_path / "reg")
    operate(registry.folder, "check")
    tile = registry.public / "tile/0/000.p/2"
    tile.write_bytes(tile.read_bytes()[:-1] + b"x")
    done = operate(registry.folder, "check", fine=(1,))
    assert "tile/0/000.p/2" in done.err


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib.util

    import modelseal_registry

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as e:
        modelseal_registry.main()
    assert e.value.code == 1
    assert "pip install 'modelseal[registry]'" in capsys.readouterr().err
