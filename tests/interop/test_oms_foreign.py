"""Both directions with the reference tool of OpenSSF Model Signing: we read what it signs, and it reads the bundles
that our tests make in its name (so that these are what it would have written). With keys and with certificates.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import oms
from tests.support.person import Person

WAIT_S = 60.0
FILES = {
    "config.json": b"{}",
    "a/x": b"1",
    "a-b": b"2",
    "a.txt": b"3",
    "empty.txt": b"",
    "mod\u00e8le.bin": b"composed",
    "sub/.git/HEAD": b"only the root's is passed over",
}
ROOT = oms.Authority()
BETWEEN = oms.Authority("Example Intermediate", ROOT)


class Tool:
    """The reference tool 1.1.1, its options spelled with underscores, in a folder with keys and a model."""

    def __init__(self, program: Path, person: Person) -> None:
        self._program, self.person = program, person

    def run(self, *words: str) -> bool:
        argv = [str(self._program), *words]
        done = subprocess.run(argv, cwd=self.person.here, capture_output=True, text=True, timeout=WAIT_S)
        return done.returncode == 0

    def signs(self, kind: str, *more: str, model: str = "model", at: str = "theirs.sig") -> bool:
        return self.run("sign", "key", model, "--private_key", f"{kind}.key", "--signature", at, *more)

    def certifies(self, kind: str, *more: str) -> bool:
        how = ("--private_key", f"{kind}.key", "--signing_certificate", f"{kind}.crt", *CHAIN)
        return self.run("sign", "certificate", "model", *how, "--signature", "theirs.sig", *more)

    def accepts(self, kind: str, signature: bytes) -> bool:
        (self.person.here / "ours.sig").write_bytes(signature)
        return self.run("verify", "key", "model", "--signature", "ours.sig", "--public_key", f"{kind}.pub")

    def accepts_certificate(self, signature: bytes) -> bool:
        (self.person.here / "ours.sig").write_bytes(signature)
        return self.run("verify", "certificate", "model", "--signature", "ours.sig", *TRUSTED)


CHAIN = ("--certificate_chain", "between.pem", "--certificate_chain", "root.pem")
TRUSTED = ("--certificate_chain", "root.pem")


@pytest.fixture(scope="module")
def tool(model_signing: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    person = Person(tmp_path_factory.mktemp("foreign"))
    for kind in oms.CURVES:
        secret = oms.key(kind)
        (person.here / f"{kind}.key").write_bytes(oms.private_pem(secret))
        (person.here / f"{kind}.pub").write_bytes(oms.public_pem(secret))
        (person.here / f"{kind}.crt").write_bytes(oms.pem(BETWEEN.issue(secret, extended=[oms.CODE])))
    (person.here / "between.pem").write_bytes(BETWEEN.pem)
    (person.here / "root.pem").write_bytes(ROOT.pem)
    person.model("model", FILES)
    person.model("model", {".gitattributes": b"x", ".github/a.yml": b"y"})
    yield Tool(model_signing, person)


@pytest.mark.parametrize("kind", oms.CURVES)
def test_we_accept_what_it_signs_with_a_key(tool: Tool, kind: str) -> None:
    assert tool.signs(kind)
    verify = ("verify", "./model", "--signature", "theirs.sig", "--key")
    tool.person.types(*verify, f"{kind}.pub").says(0, "SIGNATURE VALID", "7 of 7 equal", "2 not compared")
    others = [other for other in oms.CURVES if other != kind]
    for other in others:
        tool.person.types(*verify, f"{other}.pub").says(1, "FAILED ./model: it is by another key")


@pytest.mark.parametrize("kind", oms.CURVES)
def test_we_accept_what_it_signs_with_a_certificate(tool: Tool, kind: str) -> None:
    assert tool.certifies(kind)
    verify = ("verify", "./model", "--signature", "theirs.sig", "--certificate-chain")
    tool.person.types(*verify, "root.pem").says(0, "SIGNATURE VALID ./model, signed by CN=Ana", "7 of 7 equal")
    (tool.person.here / "other.pem").write_bytes(oms.Authority("Another", kind="P-256").pem)
    tool.person.types(*verify, "other.pem").says(1, "does not lead to one that you gave")


def test_we_accept_what_it_signs_of_git_and_refuse_what_it_left_out(tool: Tool) -> None:
    assert tool.signs("P-384", "--no-ignore-git-paths", at="all.sig")
    tool.person.types("verify", "./model", "--signature", "all.sig", "--key", "P-384.pub").says(0, "9 of 9 equal")
    assert tool.signs("P-384", "--ignore-paths", "model/sub", at="less.sig")
    less = tool.person.types("verify", "./model", "--signature", "less.sig", "--key", "P-384.pub")
    less.says(1, "FAILED", "added:    sub/.git/HEAD", "the signer asks to ignore sub/.git/HEAD")


def test_we_accept_what_it_signs_of_a_single_file(tool: Tool) -> None:
    assert tool.signs("P-384", model="model/config.json", at="one.sig")
    verify = ("verify", "./model/config.json", "--signature", "one.sig", "--key", "P-384.pub")
    tool.person.types(*verify).says(0, "SIGNATURE VALID", "1 of 1 equal")


@pytest.mark.parametrize("release", ["1.0.1", "1.1.1", "go"])
def test_it_accepts_what_our_tests_sign(tool: Tool, release: str) -> None:
    ana = oms.key("P-384")
    assert tool.accepts("P-384", oms.sign(ana, FILES, release))
    assert not tool.accepts("P-256", oms.sign(ana, FILES, release))
    chain = [BETWEEN.issue(ana), BETWEEN.certificate]
    assert tool.accepts_certificate(oms.sign(ana, FILES, release, chain=chain))


def test_it_accepts_what_our_tests_sign_as_0_2_0_did(tool: Tool) -> None:
    ana = oms.key("P-384")
    assert tool.accepts_certificate(oms.sign(ana, FILES, "0.2.0", chain=[BETWEEN.issue(ana), BETWEEN.certificate]))
