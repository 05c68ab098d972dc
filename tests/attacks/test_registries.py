"""Two registries: each decides about its own names, and nobody else does when it is silent or denied."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modelseal import root
from tests.support import make
from tests.support.client import Address, Answer, Ran, Someone, sealed_files, status
from tests.support.trust import Files, Repository
from tests.support.world import OPS, World

ANA, MALLORY, CI = make.key("ana"), make.key("mallory"), make.key("ci", "ed25519")
CONTENTS = {"config.json": b"{}", "model.safetensors": b"weights" * 1000}
VERIFY = ("verify", "./atlas", "--repo", "corp-lab/atlas")
EVIDENCE = "evidence/corp-lab/atlas"


def admit(world: World, namespace: str, owner: make.Private, title: str) -> None:
    origin = world.signer.origin
    text = make.claim(f"hf://{namespace}", [owner], [(CI, f"hf://{namespace}/*")], title=title, origin=origin)
    world.log(make.identity(text, [owner], origin=origin), [OPS])


class Two:
    """Somebody who trusts `registry.example` for every name, and `seals.corp.example` for `corp-*`.

    In the public one somebody else has taken corp-lab and sealed the same files: who asks there is fooled.
    """

    def __init__(self, folder: Path, public: Address, corp: Address) -> None:
        self.public, self.corp = public, corp
        now = int(time.time())
        false, self.true = World(now=now), World(name="seals.corp.example", now=now)
        admit(false, "corp-lab", MALLORY, "Not Corp")
        admit(false, "openai", ANA, "OpenAI")
        admit(self.true, "corp-lab", ANA, "Corp Lab")
        for world, repos in ((false, ("corp-lab/atlas", "openai/atlas")), (self.true, ("corp-lab/atlas",))):
            for repo in repos:
                world.publish(f"hf://{repo}", 1, CI, sealed_files(CONTENTS))
        public.serve(false.files())
        corp.serve(self.true.files())
        self.someone = Someone(folder, false, public)
        self.someone.folder("atlas", CONTENTS)
        says = replace(self.true.trust, url=corp.url, addresses=(corp.url,))
        made = Repository(folder / "corp-tuf", says)
        corp.files.update(made.files())
        self.invitation = f"{corp.url}#sha256:{hashlib.sha256(made.first).hexdigest()}"
        self.reader, self.fingerprint = Files(dict(made.files()), corp.url), hashlib.sha256(made.first).digest()

    def trust(self, *only: str) -> None:
        root.add(self.reader, self.fingerprint, self.someone.home, int(time.time()), only=only, env={})
        self.public.asked.clear()
        self.corp.asked.clear()

    @property
    def host(self) -> str:
        return self.corp.url.removeprefix("http://")


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with Address() as public, Address() as corp:
        yield Two(tmp_path, public, corp)


def test_a_second_registry_decides_about_its_names_and_its_host_stands_on_the_first_line(two: Two) -> None:
    someone = two.someone
    before = someone.run(*VERIFY).says(0, "sealed by Not Corp")
    assert "(registry 127" not in before.out.splitlines()[0]
    add = ("trust", "add", two.invitation, "--for", "Corp-*", "--yes")
    said = f"{two.host} will decide who the publishers of corp-* are, and nobody else"
    assert someone.types(*add, "--json").says(0).json["for"] == ["corp-*"]
    someone.types(*add).says(0, said, f"TRUSTED {two.host}: it decides who the publishers of corp-* are")
    first = someone.types(*VERIFY).says(0).out.splitlines()[0]
    assert first.startswith("VERIFIED (registry's word only) corp-lab/atlas (registry 127.0.0.1:")
    assert f"(registry {two.host}), sealed by Corp Lab" in first
    found = someone.types(*VERIFY, "--json").says(0).json
    assert (found["registry"], found["log"]["origin"]) == (two.host, "seals.corp.example")
    shown = someone.types("show", "corp-lab/atlas").says(0, f"corp-lab/atlas (registry {two.host}), by Corp Lab")
    assert shown.out.startswith("SEALED")
    someone.types("show", "hf://corp-lab").says(0, f"REGISTERED hf://corp-lab (registry {two.host}), Corp Lab")
    unknown = f"UNKNOWN corp-x/y (registry {two.host}): nobody has sealed or observed it"
    someone.types("show", "corp-x/y").says(1, unknown)
    two.public.asked.clear()
    someone.types(*VERIFY).says(0)
    assert two.public.asked == []
    other = someone.types("verify", "./atlas", "--repo", "openai/atlas", "--json").says(0).json
    assert (other["registry"], other["log"]["origin"]) == (None, "registry.example")


DENIED: dict[str, Answer] = {
    "403": status(403),
    "401": status(401),
    "404": status(404),
    "503": status(503),
    "HTML": b"<html>",
}


@pytest.mark.parametrize("case", DENIED)
def test_a_private_registry_that_is_denied_is_unavailable_and_no_other_is_asked(case: str, two: Two) -> None:
    two.trust("corp-*")
    two.corp.files = dict.fromkeys([*two.corp.files, EVIDENCE], DENIED[case])
    ran = two.someone.types(*VERIFY).says(6, f"UNAVAILABLE corp-lab/atlas (registry {two.host})")
    assert "UNKNOWN" not in ran.out and "VERIFIED" not in ran.out
    assert two.corp.asked and two.public.asked == []


def test_a_private_registry_that_is_down_is_unavailable_and_no_other_is_asked(two: Two) -> None:
    two.trust("corp-*")
    two.corp.close()
    two.someone.types(*VERIFY).says(6, f"UNAVAILABLE corp-lab/atlas (registry {two.host})", "cannot connect")
    two.someone.types("show", "hf://corp-lab").says(6)
    assert two.public.asked == []


def test_evidence_of_the_public_registry_is_nothing_about_a_private_name(two: Two) -> None:
    two.someone.types("show", "corp-lab/atlas", "--save", "public.evidence").says(0)
    two.trust("corp-*")
    evidence = ("--evidence", "public.evidence", "--offline")
    two.someone.types(*VERIFY, *evidence).says(6, "a checkpoint of registry.example, not of seals.corp.example")
    two.someone.types(*VERIFY, "--registry", two.public.url).says(6, "a checkpoint of registry.example")


def test_a_name_that_no_registry_is_for_is_unavailable(two: Two) -> None:
    two.someone.types("trust", "remove", two.public.url).says(0)
    two.trust("corp-*")
    two.someone.types(*VERIFY).says(0)
    openai = ("verify", "./atlas", "--repo", "openai/atlas")
    two.someone.types(*openai).says(6, "no registry is trusted for openai", "for corp-*", "--for openai")
    assert two.someone.types(*openai, "--json").says(6).json["use"] == "retry"


def test_two_registries_for_one_name_are_a_usage_error_that_names_both(two: Two, tmp_path: Path) -> None:
    someone = two.someone
    every = someone.types("trust", "add", two.invitation, "--yes")
    every.says(2, "decides about every name already", two.public.url, two.corp.url, "--for NAMESPACE")
    someone.types("trust", "add", two.invitation, "--for", "a/b", "--yes").says(2, "neither a namespace nor")
    someone.types("trust", "add", two.invitation, "--for", "*", "--yes").says(2, "leave --for out")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    someone.types("trust", "save", shelf / "public.trust").says(0)
    two.trust("corp-*")
    someone.types("trust", "save", shelf / "corp.trust", "--for", "corp-lab").says(0, two.corp.url, "--for 'corp-*'")
    for words in (VERIFY, ("trust", "status"), ("show", "openai/atlas")):
        ran = someone.types(*words, env={"MODELSEAL_TRUST": str(shelf)})
        ran.says(2, "corp.trust", "public.trust both decide about every name")


def test_mirrors_saving_and_removing_are_about_the_registry_that_is_meant(two: Two) -> None:
    someone = two.someone
    two.trust("corp-*")
    someone.types("trust", "mirror", "https://mirror.example").says(0, "an address of registry.example")
    someone.types("trust", "mirror", "https://mirror.corp.example", "--for", "corp-lab").says(0, "seals.corp.example")
    found = someone.types("trust", "status", "--json").says(0).json["registries"]
    assert {one["origin"]: one["addresses"][-1] for one in found} == {
        "registry.example": "https://mirror.example",
        "seals.corp.example": "https://mirror.corp.example",
    }
    someone.types("trust", "mirror", "https://mirror.corp.example", "--remove").says(0, "seals.corp.example")
    someone.types("trust", "mirror", "https://mirror.corp.example", "--remove").says(2, "was not added")
    someone.types("trust", "save", "x.trust", "--for", "a/b").says(2, "is not a namespace")
    status = someone.types("trust", "status").says(
        0, f"TRUSTED {two.corp.url}: it decides who the publishers of corp-*"
    )
    assert f"TRUSTED {two.public.url}: it decides who every publisher is" in status.out
    removed = someone.types("trust", "remove", two.corp.url).says(0, "--for 'corp-*'")
    assert two.invitation in removed.out
    someone.types(*VERIFY).says(0, "sealed by Not Corp")


def test_a_registry_whose_name_is_not_found_is_unavailable(two: Two) -> None:
    two.someone.types(*VERIFY, "--registry", "http://registry.invalid").says(6, "UNAVAILABLE", "host name not found")


def test_a_registry_that_refuses_connections_is_unavailable(two: Two) -> None:
    two.someone.types(*VERIFY, "--registry", "http://127.0.0.1:1").says(6, "UNAVAILABLE", "cannot connect")


def test_a_registry_without_tls_where_tls_is_wanted_is_unavailable(two: Two) -> None:
    url = two.public.url.replace("http:", "https:")
    two.someone.types(*VERIFY, "--registry", url).says(6, "UNAVAILABLE corp-lab/atlas", "no TLS")


def test_a_registry_that_forbids_is_unavailable_and_its_mirror_is_asked(two: Two) -> None:
    someone = two.someone
    two.public.files[EVIDENCE] = status(403)
    someone.types(*VERIFY).says(6, "UNAVAILABLE corp-lab/atlas", "status 403")
    with Address({k: v for k, v in two.public.files.items() if k != EVIDENCE and isinstance(v, bytes)}) as mirror:
        someone.types("trust", "mirror", mirror.url).says(0)
        someone.types(*VERIFY).says(0, "VERIFIED")  # one more address of the same registry is no other registry


# a clock that is wrong looks like a registry that lies


SKEWED = (
    "import sys, time; skew = int(sys.argv.pop(1)); real = time.time; time.time = lambda: real() + skew;"
    "import datetime as d; base = d.datetime;"
    "d.datetime = type('Clock', (base,), {'now': classmethod(lambda c, z=None: base.fromtimestamp(real() + skew, z))});"
    "from modelseal.cli import main; main()"
)


def at_another_time(someone: Someone, skew: int, *words: str) -> Ran:
    """Run the command on a machine whose clock is *skew* seconds ahead."""
    argv = [sys.executable, "-c", SKEWED, str(skew), *words]
    done = subprocess.run(argv, cwd=someone.here, env=someone.env, capture_output=True, text=True, timeout=60)
    return Ran(done.returncode, done.stdout, done.stderr)


CLOCKS = {
    "an hour behind": (-3600, 6, "ahead of the clock here"),
    "two days ahead": (2 * 86_400, 6, "the newest checkpoint is 2 days old"),
    "ten days ahead": (10 * 86_400, 6, "its timestamp expired on"),
    "two years ahead": (730 * 86_400, 6, "expired on"),
}


@pytest.mark.parametrize("case", CLOCKS)
def test_a_wrong_clock_is_named_as_a_likely_cause(case: str, two: Two) -> None:
    skew, code, words = CLOCKS[case]
    ran = at_another_time(two.someone, skew, *VERIFY).says(code, words, "is it right?")
    assert time.strftime("%Y-%m-%d", time.gmtime(time.time() + skew)) in ran.out + ran.err


def test_a_clock_that_is_behind_what_was_seen_is_a_warning(two: Two) -> None:
    two.someone.types(*VERIFY).says(0)
    at_another_time(two.someone, -3600, "trust", "status").says(
        1, "warning:", "the newest checkpoint seen", "is it right?"
    )
    two.someone.types("trust", "status").says(0)


def test_a_clock_years_ahead_cannot_add_a_registry_and_is_named(two: Two) -> None:
    add = ("trust", "add", two.invitation, "--for", "corp-*", "--yes")
    at_another_time(two.someone, 730 * 86_400, *add).says(1, "has no successor", "is it right?")
    at_another_time(two.someone, 10 * 86_400, *add).says(6, "is it right?")
