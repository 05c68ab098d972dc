"""A claim, an approval and a rotation with everything real but the Hub: processes, https under a private authority."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal.formats import findings
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.records import Identity
from modelseal_registry import keyfiles
from modelseal_registry.cli import main
from modelseal_registry.config import Place
from modelseal_registry.store import open_store
from tests.support import make, servers
from tests.support.client import Ran, inside
from tests.support.domain import Names, Site
from tests.support.hub import Hub
from tests.support.person import MODEL, Person
from tests.support.servers import environment, make_registry, operate, until
from tests.support.tls import Tls

SPACE = "spaces/acme-lab/README"


class Town:
    """A registry, a Hub, an owner with a domain, and a publisher who owns hf://acme-lab there."""

    def __init__(self, folder: Path, hub: Hub, site: Site, names: Names) -> None:
        self.hub, self.site, self.names = hub, site, names
        self.registry = make_registry(
            folder / "reg",
            hub=hub.url,
            nameserver=names.address,
            unsafe_private_addresses=[f"acme.example=127.0.0.1:{site.port}"],
        )
        self.registry.start()
        self.ana = Person(folder, self.registry)
        for name in ("ana", "ben", "ci"):
            self.ana.key(name)

    def claims(self, *words: str | Path, code: int = 0) -> Ran:
        """What an operator types beside the running server."""
        typed = ("--dir", str(self.registry.folder), "claims", *map(str, words))
        return inside(self.ana.here, environment(), *typed, main=main).says(code)

    def look_again(self, name: str) -> None:
        """Have the looker look at a claim now, and wait until it has."""
        namespace, _, digest = name.partition("@")
        store = open_store(self.registry.folder / "log.sqlite")
        with store.write() as tx:
            (stored,) = tx.find_claims(f"hf://{namespace}", digest)
            before = {kind: look.time for kind, look in tx.findings.looks(stored.digest).items()}

        def looked() -> bool:
            with store.write() as tx:
                seen = tx.findings.looks(stored.digest)
                if seen and all(one.time > before.get(kind, 0) for kind, one in seen.items()):
                    return True
                tx.set_due(stored.digest, 0)  # each time: a look that was under way says itself when it is due again
                return False

        until(f"{name} is looked at", looked)
        store.close()

    def publish(self) -> bytes:
        """Put the claim file that `claim` wrote where it belongs."""
        data = (self.ana.here / "acme-lab.claim.json").read_bytes()
        self.hub.commit(SPACE, {findings.FILE: data})
        self.site.files[findings.WELL_KNOWN] = data
        return data

    def identity(self, index: int) -> Identity:
        for leaf in json.loads(self.registry.get("evidence/acme-lab/x"))["leaves"]:
            if leaf["index"] == index:
                record = Leaf.parse(leaf["leaf"]).record
                assert isinstance(record, Identity)
                return record
        raise AssertionError(index)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    tls = Tls(folder, "acme.example")
    with pytest.MonkeyPatch.context() as patch, Hub() as hub, Site(tls) as site, Names() as names:
        patch.setenv("SSL_CERT_FILE", str(tls.file))
        hub.owner("acme-lab")
        hub.commit(SPACE, {"README.md": b"# Acme Lab"})
        found = Town(folder, hub, site, names)
        yield found
        found.registry.stop()


def claimed(town: Town, title: str) -> str:
    """Claim hf://acme-lab as Ana, once more; return what `claims` calls it."""
    town.ana.ns_toml("acme-lab", ["ana"], ["ci"], title=title)
    town.ana.run("claim", "ns.toml", "--key", "ana.key").says(10, "PENDING acme-lab")
    (digest,) = findings.parse_claim_file((town.ana.here / "acme-lab.claim.json").read_bytes())
    return f"acme-lab@{digest.hex()[:12]}"


def test_a_claim_an_approval_a_mirror_a_rotation_and_a_changed_claim(town: Town, tmp_path: Path) -> None:
    # the claim says what is missing, and so does the refusal
    name = claimed(town, "Acme Lab")
    digest = town.claims("show", name, "-q").out.strip()
    status, answer = town.registry.post(_again(town, digest))
    assert status == 202
    assert answer["waits_for"].startswith("modelseal.json on main of the Space spaces/acme-lab/README (")
    assert (
        "; https://acme.example/.well-known/modelseal.json or a TXT record at _modelseal.acme.example ("
        in (answer["waits_for"])
    )
    assert answer["waits_for"].endswith("; approval by the operators")
    refused = town.claims("approve", name, code=1).err
    assert f"{name}: evidence is missing: modelseal.json on main" in refused
    assert "the Space acme-lab/README has no modelseal.json on main" in refused
    assert "--without-evidence REASON" in refused

    # what a pull request says is not the owner's word
    data = (town.ana.here / "acme-lab.claim.json").read_bytes()
    town.hub.commit(SPACE, {findings.FILE: data}, ref=town.hub.pull_request(SPACE))
    town.site.files[findings.WELL_KNOWN] = data
    assert "has no modelseal.json on main" in town.claims("approve", name, code=1).err

    # published, looked at, approved
    town.publish()
    town.look_again(name)
    (listed,) = town.claims("list", "--json").json["claims"]
    assert (listed["state"], listed["hub"]["state"], listed["domain"]["state"]) == ("ready", "found", "found")
    row = town.claims("list").out.splitlines()[1].split()
    assert (row[0], row[3:]) == ("acme-lab", ["found", "acme.example", "1", "of", "1", "none", "ready", name])
    done = town.claims("approve", name, "--json").json
    identity = town.identity(done["leaf"])
    assert (identity.basis, len(identity.evidence)) == ("web", 2)
    for one in identity.evidence:
        finding = findings.Finding.parse(town.registry.get(f"blob/{one.hex()}"))
        assert finding.claims() == (bytes.fromhex(digest),) and finding.body == data
        assert time.time() - finding.time < 600

    # consumers read no warning
    model = town.ana.model("atlas-7b", MODEL)
    commit = make.revision(7)
    words = ("--repo", "acme-lab/atlas-7b", "--revision", commit, "--no-hub", "--key", "ci.key")
    assert "owner not checked" not in town.ana.run("publish", model, *words).says(0, "VERIFIED").out

    # a mirror has it all, and without a finding it has not
    mirror = tmp_path / "mirror"
    operate(mirror, "mirror", "init", "--from", town.registry.invitation)
    blob = town.registry.public / "blob" / identity.evidence[0].hex()
    held = blob.read_bytes()
    for broken in (None, held[:-1], held.replace(b'"v":1', b'"v":2')):
        blob.unlink() if broken is None else blob.write_bytes(broken)
        lost = _sync(mirror, town.registry.public)
        assert lost.code == 6 and f"blob/{identity.evidence[0].hex()}" in lost.err, lost
        blob.write_bytes(held)
    operate(mirror, "mirror", "sync")
    assert {path.name for path in (mirror / "public/blob").iterdir()} == {one.hex() for one in identity.evidence}
    operate(mirror, "mirror", "check")

    # a rotation needs no evidence, the text that changes does
    town.ana.ns_toml("acme-lab", ["ana", "ben"], ["ci"], title="Acme Works")
    town.ana.run("claim", "ns.toml", "--key", "ana.key").says(10, "controller added", "title: Acme Lab -> Acme Works")
    (second,) = town.claims("list", "-q").out.split()
    assert "it names another claim" in town.claims("approve", second, code=1).err
    town.publish()
    draft = tmp_path / "acme-lab.record"
    shown = town.claims("show", second, "--save", draft).out
    assert f"wrote:    {draft}" in shown and "a change" in shown
    assert Submission.parse(draft.read_bytes()).signatures == ()
    key = Place(town.registry.folder).keys / keyfiles.OPERATOR
    signed = town.ana.run("record", "sign", draft, "--key", key, "--submit").says(0, "LOGGED")
    index = int(signed.out.split("leaf ")[1].split()[0].rstrip(","))
    assert (town.identity(index).basis, town.identity(index).claim.title) == ("web", "Acme Works")
    assert town.claims("list", "-q").out == ""

    # gone after approval: shown, and nothing else happens by itself
    town.hub.commit(SPACE, {findings.FILE: None})
    town.look_again(second)
    found = town.claims("list").out
    assert "gone" in found and "LOOK: the Hub file is gone, in force" in found and "1 look" in found
    again = town.claims("approve", second, "--without-evidence", "they closed the Space", "--yes").out
    assert again.startswith("APPROVED acme-lab as Acme Works (owner not checked)")
    assert town.claims("list", "-q").out == ""
    operate(town.registry.folder, "check")


def _sync(mirror: Path, source: Path) -> servers.Ran:
    """Sync *mirror* from the folder *source*, and back to where it was."""
    path = mirror / "mirror.toml"
    text = path.read_text()
    lines = (f'source = "{source}"' if line.startswith("source = ") else line for line in text.split("\n"))
    path.write_text("\n".join(lines))
    try:
        return operate(mirror, "mirror", "sync", fine=None)
    finally:
        path.write_text(text)


def _again(town: Town, digest: str) -> bytes:
    store = open_store(town.registry.folder / "log.sqlite")
    with store.read() as tx:
        stored = tx.claim(bytes.fromhex(digest))
    store.close()
    assert stored is not None
    return stored.submission


def test_the_domain_may_speak_by_dns(town: Town) -> None:
    owner = make.key("dora")
    text = make.claim(
        "hf://dora", [owner], [(owner, "hf://dora/*")], origin=town.registry.origin, domain="dora.example", title="Dora"
    )
    digest = make.digest(text)
    assert town.registry.post(make.submission(text, [owner]))[0] == 202
    town.hub.owner("dora", "users")
    town.hub.commit("spaces/dora/README", {findings.FILE: findings.encode_claim_file((bytes.fromhex(digest),))})
    town.names.put("dora.example", "A", "127.0.0.1")  # which is nobody's public address
    refused = town.claims("approve", f"dora@{digest}", code=1).err
    assert "dora.example has the address 127.0.0.1, which is not public" in refused
    town.names.put("_modelseal.dora.example", "TXT", f'"claim=sha256:{digest}"')
    done = town.claims("approve", f"dora@{digest}").out
    assert done.startswith("APPROVED dora as Dora (dora.example)") and done.count("evidence: blob/") == 2


def test_whom_it_resembles_stands_beside_it_and_wants_a_yes(town: Town, tmp_path: Path) -> None:
    for namespace, title in (("hf://openai", "OpenAI"), ("hf://0penai", "Research")):
        owner = make.key(namespace)
        text = make.claim(namespace, [owner], [], origin=town.registry.origin, domain=None, title=title)
        assert town.registry.post(make.submission(text, [owner]))[0] == 202
        name = f"{namespace[5:]}@{make.digest(text)[:12]}"
        if namespace == "hf://openai":
            town.claims("approve", name, "--without-evidence", "a test")
    shown = town.claims("show", name).out
    assert shown.startswith("LOOK 0penai: a first claim\n  look:     its name 0penai reads as openai\n")
    assert "  title:    Research                          OpenAI\n" in shown
    refused = town.claims("approve", name, "--without-evidence", "a test", code=2).err
    assert "warning: 0penai" in refused and "--resembles openai" in refused and "--yes" in refused
    draft = tmp_path / "0penai.record"
    pending = town.claims(
        "approve", name, "--without-evidence", "a test", "--resembles", "openai", "--save", draft, code=10
    ).out
    assert pending.startswith("PENDING 0penai: signed by 0 of 1 operators; nothing was sent")
    identity = Submission.parse(draft.read_bytes()).record
    assert isinstance(identity, Identity) and identity.resembles == ("hf://openai",)
    assert town.claims("approve", name, "--without-evidence", "a test", "--yes", "--json").json["exit"] == 0


def test_two_operators_must_agree_and_the_first_leaves_a_draft(town: Town) -> None:
    for name in ("una", "vic"):
        town.ana.key(name)
    listed = "".join(f'[[operators]]\nkey = "{name}.pub"\n' for name in ("una", "vic"))
    (town.ana.here / "operators.toml").write_text("threshold = 2\n" + listed)
    trial = Place(town.registry.folder).keys / keyfiles.OPERATOR
    words = ("operators", "operators.toml", "--key", trial, "--key", "una.key", "--key", "vic.key")
    operate(town.registry.folder, *words, here=town.ana.here)
    owner = make.key("eve")
    text = make.claim("hf://eve", [owner], [], origin=town.registry.origin, domain=None, title="Eve")
    assert town.registry.post(make.submission(text, [owner]))[0] == 202
    name = f"eve@{make.digest(text)}"
    approve = ("approve", name, "--without-evidence", "a test")
    assert "is not a key of the operators" in town.claims(*approve, code=1).err
    pending = town.claims(*approve, "--key", "una.key", code=10).out
    assert pending == (
        "PENDING eve: signed by 1 of 2 operators; nothing was sent\n"
        "  draft:    eve.record; the next person: modelseal record sign eve.record --key OPERATOR.key\n"
    )
    town.ana.run("record", "sign", "eve.record", "--key", "vic.key", "--submit").says(0, "LOGGED")
    assert town.claims("show", name).out.startswith("APPROVED eve: in force\n")


def test_the_table_of_confusables_is_printed_and_stands_in_the_readme(town: Town) -> None:
    from modelseal.lookalike import CONFUSABLES

    rows = town.claims("confusables", "--json").json["confusables"]
    assert [(tuple(row["characters"]), row["read_as"]) for row in rows] == [row[:2] for row in CONFUSABLES]
    assert len(town.claims("confusables").out.splitlines()) == len(CONFUSABLES)
    readme = (Path(__file__).parents[2] / "registry/README.md").read_text()
    table = readme[readme.index("| characters | read as |") :].split("\n\n")[0].splitlines()[2:]
    assert len(table) == len(CONFUSABLES)
    for row, (characters, to, note) in zip(table, CONFUSABLES, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        shown = " ".join("`" + ("space" if one == " " else one) + "`" for one in characters)
        assert cells == [shown, f"`{to}`" if to else "nothing", note]


def test_the_process_that_looks_gets_no_secrets_and_imports_no_keys() -> None:
    import subprocess
    import sys

    code = (
        "import sys, modelseal_registry.fetch.__main__, modelseal_registry.fetch.hub, modelseal_registry.fetch.run\n"
        "print([name for name in sys.modules if name.startswith('modelseal')])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert "modelseal_registry.fetch.run" in done.stdout
    for name in ("keys", "keyfiles", "signing", "store", "log", "sequencer", "trustroot"):
        assert f"modelseal.{name}'" not in done.stdout and f"modelseal_registry.{name}'" not in done.stdout
