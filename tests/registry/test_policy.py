"""policy: what clients know beforehand is drafted, signed by operators whose keys are elsewhere, and published."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal import keys
from modelseal.formats import strict
from modelseal.formats.leaves import Submission
from modelseal.formats.note import Note
from modelseal.keys import SigningKey
from modelseal_registry import beside, cli, config, keyfiles, policy, policyedit, trustdraft, trustroot
from modelseal_registry.config import Place
from modelseal_registry.policyview import View
from tests.support import make
from tests.support.client import Ran, typed
from tests.support.make import Private
from tests.support.person import Person
from tests.support.servers import running
from tests.support.witness import Witness

ORIGIN = "registry.example"
OPERATORS = {name: make.key(name) for name in ("ana", "ben", "cleo")}
DORA = make.key("dora")
A, B, C, D = (Witness.named(name) for name in "abcd")


class Registry:
    """A folder with a registry of 2 of 3 operators, and their keys in another."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, Place(folder / "reg")
        for name, private in {**OPERATORS, "dora": DORA}.items():
            if not (folder / f"{name}.key").exists():
                keys.write_pair(folder / name, SigningKey(private.secret, private.public), None)

    def run(self, *words: str | Path) -> Ran:
        return typed("--dir", str(self.place.dir), *map(str, words), main=cli.main)

    def policy(self, *words: str | Path) -> Ran:
        return self.run("policy", *words)

    def init(self, *words: str) -> Ran:
        operators = [word for name in OPERATORS for word in ("--operator", str(self.folder / f"{name}.pub"))]
        return self.run("init", "--origin", ORIGIN, *operators, *words)

    def sign(self, *names: str, file: Path | None = None) -> None:
        for name in names:
            self.policy("sign", *([file] if file else []), "--key", self.folder / f"{name}.key").says(0, "SIGNED")

    def change(self, *words: str | Path) -> Ran:
        """Draft, sign and publish."""
        self.policy(*words).says(0, "DRAFTED")
        self.sign("ana", "ben")
        return self.policy("publish", "--ahead").says(0, "PUBLISHED")

    @property
    def draft(self) -> Path:
        return self.place.draft

    def published(self) -> View:
        return policy.show(self.place, int(time.time()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    registry = Registry(tmp_path_factory.mktemp("made"))
    registry.init().says(0)
    return registry


@pytest.fixture(scope="module")
def public(made: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("public") / "here"
    shutil.copytree(made.folder, folder)
    registry = Registry(folder)
    registry.sign("ana", "ben")
    registry.policy("publish").says(0)
    return folder


@pytest.fixture
def unsigned(made: Registry, tmp_path: Path) -> Registry:
    """As `init --operator` leaves it."""
    return Registry(Path(shutil.copytree(made.folder, tmp_path / "here")))


@pytest.fixture
def registry(public: Path, tmp_path: Path) -> Iterator[Registry]:
    """With its first trust root published."""
    yield Registry(Path(shutil.copytree(public, tmp_path / "here")))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.stat().st_size}


# init --operator


def test_init_with_operators_waits_for_them_and_keeps_none_of_their_keys(unsigned: Registry) -> None:
    assert {path.name for path in unsigned.place.keys.iterdir()} == {
        keyfiles.LOG, keyfiles.COSIGNER, keyfiles.ONLINE
    }  # fmt: skip
    assert not unsigned.place.public.exists() and not unsigned.place.trust.exists()
    shown = unsigned.policy("show").says(0, "UNSIGNED: nothing is published yet", "by 0 of 2 operators")
    for private in OPERATORS.values():
        assert f"+ operator: {private.public.fingerprint}" in shown.out
    assert '+ registry.json: holders "2 of 3 operators"' in shown.out


def test_until_they_have_signed_nobody_is_served_and_the_line_to_type_is_said(unsigned: Registry) -> None:
    for words in (["serve"], ["status"], ["check"]):
        done = unsigned.run(*words).says(10, "PENDING", "its operators have not signed the trust root")
        assert f"modelseal-registry --dir {unsigned.place.dir} policy sign --key FILE" in done.out
        assert f"modelseal-registry --dir {unsigned.place.dir} policy publish" in done.out


def test_they_sign_a_copy_elsewhere_and_publish_prints_the_invitation(unsigned: Registry, tmp_path: Path) -> None:
    there = tmp_path / "there.draft"
    shutil.copy(unsigned.draft, there)
    unsigned.sign("ana")
    unsigned.policy("publish").says(10, "PENDING: signed by 1 of 2 operators; nothing was published")
    assert not unsigned.place.trust.exists()
    typed("policy", "show", str(there), main=cli.main).says(0, "DRAFT", "as this file says", "by 0 of 2")
    key = str(unsigned.folder / "cleo.key")
    done = typed("policy", "sign", str(there), "--key", key, main=cli.main).says(0, "SIGNED", "signed by 1 of 2")
    assert "+ operators: 2 of 3 sign" in done.out
    assert {path.name for path in tmp_path.iterdir()} == {"here", "there.draft"}, "no lock is left on that machine"

    invitation = unsigned.policy("publish", there, "-q").says(0).out.strip()
    assert invitation.startswith(f"https://{ORIGIN}#sha256:")
    assert not unsigned.draft.exists()
    assert (unsigned.place.public / "trust/timestamp.json").is_file()
    assert unsigned.run("status", "--json").json["trust"] == invitation
    unsigned.run("check").says(0, "CHECKED 2 leaves")


def test_the_first_trust_root_can_be_edited_before_it_is_signed(unsigned: Registry) -> None:
    unsigned.sign("ana")
    done = unsigned.policy("set", "--holder", "Ana, Acme", "--holder", "Ben, Acme")
    done.says(0, '+ registry.json: holders "Ana, Acme"', "by 0 of 2", "the earlier draft's signatures are gone")
    unsigned.sign("ana", "ben")
    unsigned.policy("publish").says(0)
    published = unsigned.published().published
    assert published and published.trust.holders == ("Ana, Acme", "Ben, Acme")
    assert (published.root, published.targets) == (1, 1)


def test_init_says_who_the_holders_are_and_how_many_must_sign(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    made = registry.init("--threshold", "3", "--holder", "three people in Oslo", "--json").says(0).json
    assert (made["trust"], made["threshold"], len(made["operators"])) == (None, 3, 3)
    assert made["draft"] == str(registry.draft)
    registry.policy("show").says(0, "+ operators: 3 of 3 sign", 'holders "three people in Oslo"')


WRONG_INIT: dict[str, tuple[list[str], str]] = {
    "one operator twice": (["--operator", "ana.pub", "--operator", "ana.pub"], "one --operator twice"),
    "a threshold of none": (["--threshold", "1"], "no --operator was given"),
    "more than there are": (["--operator", "ana.pub", "--threshold", "2"], "of 1 operators it is 1 to 1"),
    "zero": (["--operator", "ana.pub", "--threshold", "0"], "of 1 operators it is 1 to 1"),
    "a private key": (["--operator", "ana.key"], "begins with -----BEGIN PUBLIC KEY-----"),
    "no file": (["--operator", "nobody.pub"], "nobody.pub"),
}


@pytest.mark.parametrize("case", WRONG_INIT)
def test_wrong_operators_are_a_usage_error_and_nothing_is_made(case: str, tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    words, said = WRONG_INIT[case]
    words = [str(tmp_path / word) if word.endswith((".pub", ".key")) else word for word in words]
    registry.run("init", "--origin", ORIGIN, *words).says(2, said)
    assert not registry.place.dir.exists()


# witnesses and quorum


def test_witnesses_are_added_signed_and_published_and_the_diff_is_what_clients_see(registry: Registry) -> None:
    done = registry.policy("witness", "add", "a", A.vkey, "--url", "https://a.example/log")
    done.says(0, "DRAFTED", f"+ policy: witness a {A.vkey} https://a.example/log", "- policy: quorum none", "f = 0")
    registry.policy("witness", "add", "b", B.vkey).says(0, "+ policy: group mirrors 2 a b", "2 of 2 mirrors", "f = 1")
    registry.policy("witness", "add", "c", C.vkey).says(0, "+ policy: group mirrors 2 a b c", "f = 0")
    registry.policy("witness", "add", "d", D.vkey).says(
        0, "+ policy: group mirrors 3 a b c d", "f = 1: the registry and 1 mirror may lie together"
    )
    registry.policy("witness", "remove", "b").says(0, "+ policy: group mirrors 3 a c d", "f = 2")
    before = registry.published().changes
    registry.policy("quorum", "2").says(0, "+ policy: group mirrors 2 a c d", "f = 0")
    assert registry.published().changes != before
    registry.sign("ana", "cleo")
    done = registry.policy("publish", "--ahead", "--json").says(0).json
    assert done["changes"] == [
        f"+ policy: witness a {A.vkey} https://a.example/log",
        f"+ policy: witness c {C.vkey}",
        f"+ policy: witness d {D.vkey}",
        "+ policy: group mirrors 2 a c d",
        "- policy: quorum none",
        "+ policy: quorum mirrors",
    ]
    assert [one["name"] for one in done["published"]["witnesses"]] == ["a", "c", "d"]
    assert (done["published"]["quorum"], done["published"]["targets"], done["draft"]) == (2, 2, None)
    registry.policy("show").says(0, "2 of 3 mirrors must agree", f"witness:  a {A.vkey} https://a.example/log")


REFUSED_WITNESSES: dict[str, tuple[list[str], int, str]] = {
    "the registry's own cosigner": (["x", "OWN"], 1, "that is the registry's own cosigner"),
    "its key under another name": (["x", "OWN TWIN"], 1, "that is the registry's own cosigner"),
    "the log's key": (["x", "LOG TWIN"], 1, "that is the log"),
    "a witness by name of the log": (["x", "LOG NAME"], 1, "that is the log"),
    "the same key twice": (["x", A.vkey], 1, "a.example is a witness already, as a; nobody counts twice"),
    "the same key under another name": (["x", Witness("twin.example", A.secret).vkey], 1, "nobody counts twice"),
    "another key of the same name": (["x", Witness("a.example", B.secret).vkey], 1, "nobody counts twice"),
    "a name that is taken": (["a", B.vkey], 1, "a is a witness already"),
    "the own cosigner's name": (["own", B.vkey], 2, "'own' is used in the file already"),
    "the group's name": (["mirrors", B.vkey], 2, "'mirrors' is used"),
    "none": (["none", B.vkey], 2, "'none' is used"),
    "a name with a space": (["a b", B.vkey], 2, "NAME"),
    "no vkey": (["x", "nonsense"], 2, "VKEY"),
    "a vkey with another id": (["x", B.vkey.replace("+", "+0", 1)[:-1]], 2, "VKEY"),
    "a log's key": (["x", "LOG"], 2, "not the key of a cosigner"),
    "no address": (["x", B.vkey, "--url", "mirror"], 2, "--url"),
}


@pytest.mark.parametrize("case", REFUSED_WITNESSES)
def test_who_is_no_independent_witness_is_refused_and_the_draft_stays(case: str, registry: Registry) -> None:
    registry.policy("witness", "add", "a", A.vkey).says(0)
    before = registry.draft.read_bytes()
    published = registry.published().published
    assert published
    log, own = published.trust.policy.log, published.trust.policy.own
    names = {
        "OWN": own.encode(), "LOG": log.encode(), "LOG NAME": Witness(log.name, B.secret).vkey,
        "OWN TWIN": type(own)("x.example", own.kind, own.public).encode(),
        "LOG TWIN": type(own)("x.example", own.kind, log.public).encode(),
    }  # fmt: skip
    words, status, said = REFUSED_WITNESSES[case]
    registry.policy("witness", "add", *(names.get(word, word) for word in words)).says(status, said)
    assert registry.draft.read_bytes() == before


def test_a_quorum_that_is_not_more_than_half_is_refused(registry: Registry) -> None:
    registry.policy("quorum", "1").says(1, "there is no independent witness, and so no quorum")
    for name, one in zip("abcd", (A, B, C, D), strict=True):
        registry.policy("witness", "add", name, one.vkey).says(0)
    before = registry.draft.read_bytes()
    for k in ("1", "2", "5", "400"):
        registry.policy("quorum", k).says(1, f"a quorum of {k} of 4 witnesses is refused: it is 3 to 4")
    for k in ("0", "-1", "x", "1.5"):
        registry.policy("quorum", k).says(2)
    assert registry.draft.read_bytes() == before
    registry.policy("quorum", "4").says(0, "f = 3")


def test_without_witnesses_it_is_the_registrys_word_again(registry: Registry) -> None:
    registry.change("witness", "add", "a", A.vkey)
    registry.policy("witness", "remove", "nobody").says(1, "nobody is no witness", "witnesses: a")
    registry.policy("witness", "remove", "a").says(0, "+ policy: quorum none", "the registry's word only")


def test_a_quorum_that_has_not_cosigned_is_published_only_by_somebody_who_says_so(registry: Registry) -> None:
    registry.policy("witness", "add", "a", A.vkey).says(0, "0 of 1 mirrors have cosigned what is published")
    registry.sign("ana", "ben")
    before = contents(registry.place.trust)
    registry.policy("publish").says(1, "0 of 1 mirrors have cosigned", "--ahead")
    assert contents(registry.place.trust) == before
    checkpoint = registry.place.public / "checkpoint"
    checkpoint.write_text(A.cosign(checkpoint.read_text(), int(time.time())))
    assert len(Note.parse(checkpoint.read_text()).signatures) == 3
    registry.policy("publish").says(0, "PUBLISHED")


# drafts


def test_a_stranger_cannot_sign_and_a_password_or_no_key_is_asked_for(registry: Registry) -> None:
    registry.policy("set", "--holder", "x").says(0)
    before = registry.draft.read_bytes()
    registry.policy("sign", "--key", registry.folder / "dora.key").says(1, "is no operator's key in this draft")
    registry.policy("sign").says(2, "a --key is wanted")
    typed("policy", "sign", main=cli.main).says(2, "which draft?")
    typed("policy", "show", main=cli.main).says(2, "which draft?")
    assert registry.draft.read_bytes() == before


def test_without_a_draft_there_is_nothing_to_sign_or_publish(registry: Registry) -> None:
    registry.policy("sign", "--key", registry.folder / "ana.key").says(2, "draft")
    registry.policy("publish").says(1, "there is no draft to publish")
    registry.policy("set").says(2, "nothing to set")


@pytest.mark.parametrize("data", [b"", b"{}", b'{"v":1}', b"\x00", b"-----BEGIN PRIVATE KEY-----"])
def test_a_file_that_is_no_draft_is_refused(data: bytes, registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "x.draft").write_bytes(data)
    for words in (["show", "x.draft"], ["sign", "x.draft", "--key", str(registry.folder / "ana.key")]):
        typed("policy", *(str(tmp_path / word) if word == "x.draft" else word for word in words), main=cli.main).says(1)
    assert (tmp_path / "x.draft").read_bytes() == data


def test_a_copy_that_says_other_things_brings_no_signature(registry: Registry, tmp_path: Path) -> None:
    """Whoever carries the file can neither change what is published nor have other things signed unseen."""
    registry.policy("set", "--holder", "x").says(0)
    copy = tmp_path / "copy"
    shutil.copy(registry.draft, copy)
    value = json.loads(copy.read_text())
    value["targets"]["policy"] += "# more\n"
    copy.write_text(strict.encode(value))
    typed("policy", "sign", str(copy), "--key", str(registry.folder / "ana.key"), main=cli.main).says(
        1, "says more, or other things"
    )
    registry.policy("witness", "add", "a", A.vkey).says(0)
    shutil.copy(registry.draft, copy)
    registry.sign("ana", "ben", file=copy)
    registry.policy("witness", "remove", "a").says(0)
    registry.policy("publish", copy).says(1, "is another one than here")


def test_a_file_that_lies_about_the_past_cannot_hide_what_is_signed(registry: Registry, tmp_path: Path) -> None:
    """Who has the host and no operator's key makes a past of their own, in which mallory was a witness all along."""
    mallory = make.key("mallory")
    published = trustroot.saved(registry.place.trust)
    told = policyedit.Told.of({name: text.encode() for name, text in published.targets.items()})
    evil = policyedit.add_witness("c", Witness.named("mallory").vkey, None)(told).contents()
    past = trustdraft.Roles(trustdraft.ordered([mallory.public, OPERATORS["ana"].public]), 1, mallory.public)
    draft = trustdraft.sign(trustdraft.first(past, evil, int(time.time())), SigningKey(mallory.secret, mallory.public))
    trustroot.publish(tmp_path / "past", draft, [mallory.secret], int(time.time()))
    forged = tmp_path / "forged.draft"
    forged.write_bytes(trustdraft.following(trustroot.saved(tmp_path / "past"), evil, int(time.time())).encode())
    done = typed("policy", "sign", str(forged), "--key", str(registry.folder / "ana.key"), main=cli.main)
    done.says(0, "nothing but versions and dates", f"same:     policy: witness c {Witness.named('mallory').vkey}")
    registry.policy("set", "--holder", "x").says(0)
    registry.policy("publish", forged).says(1, "is another one than here")


def test_an_edit_begins_at_the_draft_and_the_next_after_publishing_at_what_holds(registry: Registry) -> None:
    registry.policy("set", "--holder", "first").says(0)
    done = registry.policy("set", "--address", "https://m.example", "--address", f"https://{ORIGIN}")
    done.says(0, '+ registry.json: holders "first"', '+ registry.json: addresses "https://m.example"')
    registry.sign("ben", "cleo")
    registry.policy("publish").says(0)
    old = registry.published().published
    assert old and old.trust.addresses == ("https://m.example", f"https://{ORIGIN}")
    done = registry.policy("set", "--holder", "second")
    done.says(0, '- registry.json: holders "first"', "targets 3")
    assert "m.example" not in "".join(line for line in done.out.splitlines() if "change:" in line)


@pytest.mark.parametrize("words", [["--address", "nowhere"], ["--holder", "x" * 129], ["--address", "ftp://x"]])
def test_what_no_client_would_read_is_refused(words: list[str], registry: Registry) -> None:
    registry.policy("set", *words).says(1, "registry.json")
    assert not registry.draft.exists()


# operators and time


def test_when_the_log_has_other_operators_the_root_follows_and_never_differs(registry: Registry) -> None:
    at = log_operators(registry, ["ana", "ben", "dora"], by=["ana", "ben"])
    assert at == 2
    registry.policy("show").says(0, "the log has other operators (2 of 3) than the trust root")
    registry.policy("set", "--holder", "x").says(1, "other operators", "policy renew")
    registry.policy("renew").says(2, f"only the fingerprint of {DORA.public.fingerprint}", "--operator FILE.pub")
    registry.policy("renew", "--operator", registry.folder / "cleo.pub").says(1, "is no operator by the log")
    done = registry.policy("renew", "--operator", registry.folder / "dora.pub")
    done.says(0, "root 2, targets 2", f"+ operator: {DORA.public.fingerprint}", "by 0 of 2 operators")
    assert f"- operator: {OPERATORS['cleo'].public.fingerprint}" in done.out
    registry.sign("ana", "dora")
    registry.policy("publish").says(10, "signed by 2 of 2 operators, and by 1 of 2 of those before")
    registry.sign("cleo")
    done = registry.policy("publish").says(0, "root 2, targets 2")
    shown = registry.policy("show", "--json").json["published"]
    assert (shown["root"], set(shown["operators"])) == (
        2, {one.public.fingerprint for one in (OPERATORS["ana"], OPERATORS["ben"], DORA)}
    )  # fmt: skip
    registry.policy("set", "--holder", "x").says(0)
    registry.policy("sign", "--key", registry.folder / "cleo.key").says(1, "is no operator's key")


def test_a_key_that_signed_in_the_log_need_not_be_given_again(registry: Registry) -> None:
    log_operators(registry, ["ana", "ben", "dora"], by=["ana", "ben", "dora"])
    registry.policy("renew").says(0, f"+ operator: {DORA.public.fingerprint}")


def test_a_draft_of_before_is_not_published_when_the_log_has_other_operators_since(registry: Registry) -> None:
    registry.policy("set", "--holder", "x").says(0)
    registry.sign("ana", "cleo")
    log_operators(registry, ["ana", "ben"], by=["ana", "ben"])
    before = contents(registry.place.trust)
    registry.policy("publish").says(1, "the log has other operators (2 of 2) than the trust root")
    assert contents(registry.place.trust) == before


def test_sixty_days_before_it_ends_people_are_asked_to_sign_again(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 304 * trustdraft.DAY)
    assert "it ends" not in registry.policy("show").says(0).out
    monkeypatch.setattr(time, "time", lambda: now + 306 * trustdraft.DAY)
    registry.policy("show").says(0, "it ends in 58 days: modelseal-registry policy renew")
    done = registry.run("status")
    assert "policy renew" in done.out
    registry.policy("renew").says(0, "root 2, targets 2", "nothing but versions and dates", "by 0 of 2 operators")
    registry.run("status").says(6, "the trust root has a draft: modelseal-registry policy show")
    registry.sign("ana", "ben")
    registry.policy("publish").says(0)
    assert "it ends" not in registry.policy("show").says(0).out
    found = registry.published().published
    assert found and found.ends() == pytest.approx(now + (306 + 365) * trustdraft.DAY, abs=60)


def test_the_online_key_is_replaced_by_a_new_root(registry: Registry) -> None:
    old = keyfiles.load(registry.place.keys / keyfiles.ONLINE).public
    done = registry.policy("renew", "--new-online-key").says(0, f"- online key: {old.fingerprint}")
    again = registry.policy("renew", "--new-online-key")
    made = next(line for line in done.out.splitlines() if "+ online" in line)
    assert made in again.out, "one key, not one each time"
    registry.sign("ana", "ben")
    registry.policy("publish").says(0, "root 2")
    new = keyfiles.load(registry.place.keys / keyfiles.ONLINE).public
    assert new != old and trustroot.roles(registry.place.trust).online == new
    assert not (registry.place.keys / keyfiles.NEXT_ONLINE).exists()
    registry.change("set", "--holder", "signed by the new key")


def test_what_registry_toml_says_is_told_to_clients_by_a_renewal(registry: Registry) -> None:
    toml = registry.place.registry_toml
    toml.write_text(toml.read_text().replace(f'url = "https://{ORIGIN}"', 'url = "https://new.example"'))
    registry.run("status").says(2, "url is https://new.example, the signed trust root says", "policy renew")
    registry.policy("renew").says(0, '+ registry.json: url "https://new.example"', "+ registry.json: addresses")
    registry.sign("ana", "ben")
    registry.policy("publish").says(0, "https://new.example#sha256:")
    registry.run("status").says(0, "https://new.example#sha256:")


def test_another_log_s_keys_are_not_published(registry: Registry) -> None:
    registry.policy("set", "--holder", "x").says(0)
    registry.sign("ana", "ben")
    path = registry.place.keys / keyfiles.COSIGNER
    path.unlink()
    keyfiles.create(path)
    registry.policy("publish").says(1, "the draft names another cosigner than this registry has")


def test_a_registry_for_trying_out_signs_with_the_key_it_has(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.run("init", "--origin", ORIGIN).says(0)
    registry.policy("set", "--holder", "me").says(0)
    registry.policy("sign").says(0, "by 1 of 1 operators")
    registry.policy("publish").says(0, "targets 2")


def log_operators(registry: Registry, names: list[str], by: list[str]) -> int:
    """Have the log admit new operators, 2 of whom must sign."""
    people: dict[str, Private] = {**OPERATORS, "dora": DORA}
    settings = config.read(registry.place)
    with beside.database(settings) as store:
        with store.read() as tx:
            first = tx.leaf(0)
        assert first
        prev = make.digest(json.loads(first)["record"])
        text = make.operators([people[name] for name in names], 2, seq=2, prev=prev, origin=ORIGIN)
        return beside.submit(store, settings, Submission.parse(make.submission(text, [people[name] for name in by])))


# beside a running server


def test_published_beside_a_running_server_it_is_what_clients_get_at_once(tmp_path: Path) -> None:
    with running(tmp_path / "here" / "reg") as server:
        registry = Registry(tmp_path / "here")
        fay = Person(tmp_path / "fay")
        fay.types("trust", "add", server.invitation, "--yes").says(0)
        old = keyfiles.load(registry.place.keys / keyfiles.ONLINE).public
        registry.policy("set", "--holder", "me alone").says(0)
        registry.policy("renew", "--new-online-key").says(0, '+ registry.json: holders "me alone"')
        registry.policy("sign").says(0)
        invitation = registry.policy("publish", "-q").says(0).out.strip()
        assert server.get("trust/2.root.json")
        [local] = (fay.home / "trust").glob("*/local.json")
        local.write_text(strict.encode({**json.loads(local.read_text()), "refreshed": 1}))
        fay.types("show", "nobody/nothing").says(1, "UNKNOWN")
        fay.types("trust", "status").says(0, "root:     2", "held by:  me alone")
        someone = Person(tmp_path / "someone")
        someone.types("trust", "add", invitation, "--yes").says(0, "held by:  me alone")

        # the server signs with the new key from then on, and nobody had to tell it
        assert keyfiles.load(registry.place.keys / keyfiles.ONLINE).public != old
        owner, signer = make.key("owner"), make.key("signer")
        server.approve("hf://acme-lab", owner, [(signer, "hf://acme-lab/*")])
        registry.policy("set", "--holder", "me again").says(0)
        registry.policy("sign").says(0)
        registry.policy("publish").says(0, "targets 3")
        assert server.get("trust/3.targets.json")
        server.stop()
        registry.run("check").says(0)


def test_a_holder_prints_nothing_that_turns_a_line_around(registry: Registry) -> None:
    drafted = registry.policy("set", "--holder", "Ana \u202emeca")
    shown = registry.policy("show", "--json").says(0)
    assert "\u202e" not in drafted.says(0).out + shown.out
    assert shown.json["draft"]["holders"] == ["Ana \\u202emeca"]
