"""What operators do beyond claims, as typed: on the registry's host, elsewhere, and by several of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal import keys
from modelseal.keys import SigningKey
from modelseal_registry.cli import main
from tests.support import make
from tests.support.client import Ran, inside
from tests.support.person import Person
from tests.support.servers import RegistryProcess, environment, operate, running

ANA, BEN, CI = make.key("ana"), make.key("ben"), make.key("ci")
OPERATORS = "threshold = 2\n" + "".join(f'[[operators]]\nkey = "{name}.pub"\n' for name in ("una", "vic"))
KEYS = '[[controllers]]\nkey = "new.pub"\n[[signers]]\nkey = "new.pub"\nscope = ["hf://%s/*"]\n'


def write_key(folder: Path, name: str) -> make.Private:
    private = make.key(name)
    keys.write_pair(folder / name, SigningKey(private.secret, private.public), None)
    return private


class Desk:
    """Where an operator types: the registry's commands, run beside the operators' files."""

    def __init__(self, here: Path, registry: RegistryProcess) -> None:
        self.here, self.registry = here, registry

    def types(self, *words: str, code: int = 0) -> Ran:
        words = ("--dir", str(self.registry.folder), *words)
        return inside(self.here, environment(), *words, main=main).says(code)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A registry as `init` leaves it: the one key for trying out decides."""
    with running(tmp_path_factory.mktemp("alone") / "reg") as registry:
        here = tmp_path_factory.mktemp("desk")
        write_key(here, "new"), write_key(here, "stranger")
        for name in ("acme-lab", "lost", "closed"):
            registry.approve(f"hf://{name}", ANA, [(CI, f"hf://{name}/*")], title=name)
        yield Desk(here, registry)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A registry of two operators, una and vic, who must agree."""
    with running(tmp_path_factory.mktemp("two") / "reg") as registry:
        here = tmp_path_factory.mktemp("desk")
        write_key(here, "una"), write_key(here, "vic"), write_key(here, "new")
        for name in ("acme-lab", "raced"):
            registry.approve(f"hf://{name}", ANA, [(CI, f"hf://{name}/*")], title=name)
        (here / "operators.toml").write_text(OPERATORS)
        trial = registry.folder / "keys/operator-for-trying-out.key"
        words = ("operators", "operators.toml", "--key", str(trial), "--key", "una.key", "--key", "vic.key")
        done = operate(registry.folder, *words, here=here)
        assert "OPERATORS" in done.out and "change:   threshold: 1 -> 2" in done.out
        yield Desk(here, registry)


def test_a_namespace_is_suspended_and_the_suspension_lifted(alone: Desk, tmp_path: Path) -> None:
    person = Person(tmp_path, alone.registry)
    alone.registry.publish(CI, "hf://acme-lab/atlas")
    done = alone.types("suspend", "acme-lab", "--reason", "malicious")
    assert done.out.startswith("SUSPENDED acme-lab: leaf ") and "until:    20" in done.out
    person.types("show", "hf://acme-lab").says(
        0, "suspended: 20", "(malicious)", "registry: operators version 1, 1 of 1"
    )
    assert person.types("show", "hf://acme-lab", "--json").json["suspended"]["reason"] == "malicious"
    person.types("show", "acme-lab/atlas").says(1, "SUSPENDED (malicious) acme-lab/atlas")
    status, answer = alone.registry.post(alone.registry.sealed(CI, "hf://acme-lab/atlas", 2))
    assert status == 403 and "suspended until" in answer["detail"]
    assert alone.types("lift", "hf://acme-lab").out.startswith("LIFTED acme-lab: leaf ")
    person.types("show", "acme-lab/atlas").says(0, "SEALED")
    assert "neither suspended nor to be recovered" in alone.types("lift", "acme-lab", code=1).err


def test_new_keys_come_in_force_later_and_can_be_withdrawn(alone: Desk, tmp_path: Path) -> None:
    person = Person(tmp_path, alone.registry)
    (alone.here / "KEYS.toml").write_text(KEYS % "lost")
    assert "wants a yes" in alone.types("recover", "lost", "KEYS.toml", code=2).err
    done = alone.types("recover", "lost", "KEYS.toml", "--yes")
    assert done.out.startswith("RECOVERING lost: leaf ") and "in force: 20" in done.out
    assert "modelseal-registry lift lost" in done.out and "change:   controller dropped: SHA256:" in done.out
    shown = person.types("show", "hf://lost").says(0, "recovery: ", "controller added: SHA256:")
    assert shown.out.count("recovery:") >= 3
    person.types("object", "hf://lost").says(
        10, "by the operators, to recover it", "next:     modelseal object hf://lost"
    )
    alone.types("lift", "lost")
    person.types("object", "hf://lost").says(0, "CLEAN lost")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (KEYS % "other", "the scope hf://other/* is outside hf://lost"),
        ('namespace = "hf://other"\n' + KEYS % "lost", "it is for hf://other, not for hf://lost"),
        ("x = 1", "controllers is missing"),
        ('[[controllers]]\nkey = "none.pub"\n', "none.pub"),
        ("[[", "not TOML"),
    ],
)
def test_keys_that_do_not_fit_are_refused_before_anything_is_signed(alone: Desk, text: str, words: str) -> None:
    (alone.here / "bad.toml").write_text(text)
    assert words in alone.types("recover", "lost", "bad.toml", "--yes", code=2).err
    assert not list(alone.here.glob("*.record"))


def test_a_retired_namespace_takes_nothing_new(alone: Desk, tmp_path: Path) -> None:
    person = Person(tmp_path, alone.registry)
    alone.registry.publish(CI, "hf://closed/atlas")
    words = ("retire", "closed", "--reason", "withdrawn")
    assert "wants a yes" in alone.types(*words, code=2).err
    assert alone.types(*words, "--yes").out.startswith("RETIRED closed: leaf ")
    person.types("show", "hf://closed").says(0, "retired:  20", "(withdrawn)")
    person.types("show", "closed/atlas").says(0, "SEALED", "retired on 20")
    status, answer = alone.registry.post(alone.registry.sealed(CI, "hf://closed/atlas", 2))
    assert status == 403 and "is retired (withdrawn)" in answer["detail"]
    assert "is retired" in alone.types(*words, "--yes", code=1).err


def test_the_watch_list_is_what_the_file_says(alone: Desk) -> None:
    names = alone.here / "names.txt"
    names.write_text("# imitated elsewhere\nopenai\nhf://Mistral-AI   # in this spelling\n")
    done = alone.types("watchlist", "names.txt")
    assert done.out.startswith(f"WATCHED {alone.registry.origin}: leaf ")
    assert "added: openai" in done.out and "added: Mistral-AI" in done.out
    assert alone.types("watchlist", "names.txt").out.startswith("UNCHANGED")
    names.write_text("openai\n" + "".join(f"name-{number}\n" for number in range(300)))
    done = alone.types("watchlist", "names.txt", "--json")
    assert done.json["later"] == 44 and "removed: Mistral-AI" in done.json["says"]
    assert alone.types("watchlist", "names.txt", "--json").json["later"] == 0
    assert "operators: version 1, 1 of 1; 301 names on the watch-list" in alone.types("status").out
    names.write_text("openai\nOpenAI\n")
    assert "line 2: OpenAI stands there twice" in alone.types("watchlist", "names.txt", code=2).err
    names.write_text("open ai\n")
    assert "line 1: open ai is not a namespace" in alone.types("watchlist", "names.txt", code=2).err
    assert alone.types("check").out.startswith("CHECKED")


def test_bad_words_are_usage_errors(alone: Desk) -> None:
    assert "is not a reason" in alone.types("suspend", "acme-lab", "--reason", "spite", code=2).err
    assert "is not a namespace" in alone.types("lift", "acme lab", code=2).err
    assert "is not an approved namespace" in alone.types("lift", "nobody", code=1).err
    both = ("lift", "acme-lab", "--key", "stranger.key", "--save", "x.record")
    alone.types("suspend", "lost", "--reason", "compromised")
    assert "give one of them" in alone.types(*("lift", "lost"), *both[2:], code=2).err
    refused = alone.types("lift", "lost", "--key", "stranger.key", "--json", code=1)
    assert "does not count here" in refused.json["error"]
    alone.types("lift", "lost")
    (alone.here / "bad.toml").write_text("threshold = 3\n" + OPERATORS.partition("\n")[2])
    assert "una.pub" in alone.types("operators", "bad.toml", code=2).err


def test_below_the_threshold_nothing_is_sent_and_a_draft_goes_round(two: Desk, tmp_path: Path) -> None:
    person = Person(tmp_path, two.registry)
    for name in ("una", "vic"):
        person.key(name)
    assert two.types("operators", "operators.toml").out.startswith("UNCHANGED")
    assert "an operator's --key is wanted" in two.types("suspend", "acme-lab", "--reason", "malicious", code=2).err
    two.types("suspend", "acme-lab", "--reason", "malicious", "--key", "una.key")  # one is enough for that
    size = two.types("status", "-q").out
    done = two.types("lift", "acme-lab", "--key", "una.key", code=10)
    assert done.out.startswith("PENDING acme-lab: signed by 1 of 2 operators; nothing was sent\n")
    assert "modelseal record sign acme-lab-lift.record --key FILE --submit" in done.out
    assert two.types("status", "-q").out == size

    draft = person.here / "acme-lab-lift.record"
    draft.write_bytes((two.here / draft.name).read_bytes())
    person.types("record", "show", draft.name).says(
        0, "RECORD lift of acme-lab, turn 3", "waits for: signed by 1 of 2 operators", "-> not suspended", "(operator)"
    )
    person.run("record", "submit", draft.name).says(10, "signed by 1 of 2 operators; nothing was sent")
    person.run("record", "sign", draft.name, "--key", "vic.key", "--submit").says(0, "LOGGED lift of acme-lab")
    person.run("record", "submit", draft.name).says(0, "LOGGED lift of acme-lab")  # once more: it is the same leaf


def test_an_old_draft_is_refused_by_its_turn(two: Desk, tmp_path: Path) -> None:
    person = Person(tmp_path, two.registry)
    person.key("vic")
    old = two.types("retire", "raced", "--reason", "withdrawn", "--key", "una.key", "--yes", code=10)
    assert "signed by 1 of 2 operators" in old.out
    two.types("suspend", "raced", "--reason", "compromised", "--key", "una.key")
    draft = person.here / "raced-retire.record"
    draft.write_bytes((two.here / draft.name).read_bytes())
    before = draft.read_bytes()
    refused = person.run("record", "sign", draft.name, "--key", "vic.key", "--submit")
    refused.says(1, "turn 2 of the operators' acts, the next is 3")
    assert draft.read_bytes() == before


def test_keys_that_are_elsewhere_sign_copies_of_one_draft(two: Desk, tmp_path: Path) -> None:
    una, vic = Person(tmp_path / "una", two.registry), Person(tmp_path / "vic", two.registry)
    una.key("una"), vic.key("vic")
    (two.here / "names.txt").write_text("openai\n")
    done = two.types("watchlist", "names.txt", "--save", "w.record", "--json", code=10)
    assert done.json["waits_for"] == "signed by 0 of 2 operators" and done.json["draft"] == "w.record"
    for person, name in ((una, "una"), (vic, "vic")):
        (person.here / "w.record").write_bytes((two.here / "w.record").read_bytes())
        person.run("record", "sign", "w.record", "--key", f"{name}.key").says(0, "signed by 1 of 2 operators")
    (una.here / "from-vic.record").write_bytes((vic.here / "w.record").read_bytes())
    una.run("record", "submit", "w.record", "from-vic.record").says(0, "LOGGED watch-list of", "version 1")
    assert two.types("watchlist", "names.txt").out.startswith("UNCHANGED")
    (una.here / "another.record").write_bytes((two.here / "raced-retire.record").read_bytes())
    una.types("record", "submit", "w.record", "another.record").says(2, "two records: ")


def test_a_mirror_takes_every_act_over(two: Desk, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    operate(mirror, "mirror", "init", "--from", two.registry.invitation)
    assert "every rule replayed" in operate(mirror, "mirror", "sync").out
    assert operate(mirror, "mirror", "check").out.startswith("CHECKED")
    assert two.types("check").out.startswith("CHECKED")
