"""The real commands behind a real proxy, and over HTTPS with a private authority."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support import make
from tests.support.client import Address, Someone, sealed_files
from tests.support.person import COMMIT, Person
from tests.support.proxy import proxy
from tests.support.servers import RegistryProcess
from tests.support.tls import Tls
from tests.support.trust import Repository
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
CONTENTS = {"config.json": b"{}", "model.safetensors": b"weights" * 1000}
VERIFY = ("verify", "./atlas", "--repo", "acme-lab/atlas")


@dataclass
class Scene:
    """Somebody who trusts nobody yet, and a registry at `registry.test`, which only a proxy finds."""

    someone: Someone
    address: Address
    folder: Path
    tls: Tls | None
    invitation: str

    @property
    def behind(self) -> str:
        return f"127.0.0.1:{self.address.port}"


def scene(folder: Path, address: Address, tls: Tls | None) -> Scene:
    world = World(now=int(time.time()))
    world.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    world.publish("hf://acme-lab/atlas", 1, CI, sealed_files(CONTENTS))
    address.serve(world.files())
    someone = Someone(folder, world, address)
    someone.folder("atlas", CONTENTS)
    someone.types("trust", "remove", address.url).says(0)
    url = "https://registry.test" if tls else "http://registry.test"
    made = Repository(folder / "named", replace(world.trust, url=url, addresses=(url,)))
    address.files.update(made.files())
    return Scene(someone, address, folder, tls, f"{url}#sha256:{hashlib.sha256(made.first).hexdigest()}")


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Scene]:
    with Address() as address:
        yield scene(tmp_path, address, None)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Scene]:
    tls = Tls(tmp_path, "registry.test")
    with Address(tls=tls.server) as address:
        yield scene(tmp_path, address, tls)


def test_trust_root_and_evidence_come_through_the_proxy(plain: Scene) -> None:
    with proxy(plain.behind, plain.folder / "proxy.log", "ana:secret") as found:
        env = {"HTTP_PROXY": found.url}
        plain.someone.run("trust", "add", plain.invitation, "--yes", env=env).says(0, "TRUSTED registry.test")
        assert "GET http://registry.test/trust/1.root.json HTTP/1.1" in found.asked()
        before = len(found.asked())
        plain.someone.run(*VERIFY, env=env).says(0, "VERIFIED")
        first, *_ = found.asked()[before:]
        assert first == "GET http://registry.test/evidence/acme-lab/atlas HTTP/1.1"
        plain.someone.run(*VERIFY, env={**env, "NO_PROXY": "registry.test"}).says(6, "host name not found")
        wrong = {"HTTP_PROXY": found.url.replace("secret", "guess")}
        plain.someone.types(*VERIFY, env=wrong).says(6, "UNAVAILABLE acme-lab/atlas", "status 407")
    plain.someone.types(*VERIFY, env=env).says(6, "through the proxy 127.0.0.1:", "cannot connect")


def test_the_proxy_variables_in_lower_case_and_a_wrong_one(plain: Scene) -> None:
    with proxy(plain.behind, plain.folder / "proxy.log") as found:
        plain.someone.types("trust", "add", plain.invitation, "--yes", env={"http_proxy": found.url}).says(0)
    plain.someone.types(*VERIFY, env={"HTTP_PROXY": "socks5://127.0.0.1:1080"}).says(2, "HTTP_PROXY is not of the form")


def test_a_submission_goes_through_the_proxy(person: Person, registry: RegistryProcess, tmp_path: Path) -> None:
    person.owns("proxied")
    person.model()
    with proxy(f"127.0.0.1:{registry.port}", tmp_path / "proxy.log") as found:
        words = (
            "--repo",
            f"proxied/atlas-7b@{COMMIT}",
            "--no-hub",
            "--key",
            "ci.key",
            "--registry",
            "http://registry.test",
        )
        person.run("publish", "./atlas-7b", *words, env={"HTTP_PROXY": found.url}).says(0, "VERIFIED")
        assert "POST http://registry.test/records HTTP/1.1" in found.asked()


def test_https_goes_through_a_tunnel_and_believes_the_named_authorities(secure: Scene) -> None:
    assert secure.tls is not None
    with proxy(secure.behind, secure.folder / "proxy.log") as found:
        env = {"HTTPS_PROXY": found.url}
        file, folder = {"SSL_CERT_FILE": str(secure.tls.file)}, {"SSL_CERT_DIR": str(secure.tls.folder)}
        add = ("trust", "add", secure.invitation, "--yes")
        secure.someone.types(*add, env=env).says(6, "no TLS", "SSL_CERT_FILE=FILE.pem")
        secure.someone.types(*add, env={**env, **file}).says(0, "TRUSTED registry.test")
        assert set(found.asked()) == {"CONNECT registry.test:443 HTTP/1.0"} or "HTTP/1.1" in found.asked()[0]
        secure.someone.types(*VERIFY, env={**env, **file}).says(0, "VERIFIED")
        secure.someone.types(*VERIFY, env={**env, **folder}).says(0, "VERIFIED")
        secure.someone.types(*VERIFY, env=env).says(6, "UNAVAILABLE acme-lab/atlas", "certificate verify failed")
        gone = {"SSL_CERT_FILE": str(secure.folder / "gone.pem")}
        secure.someone.types(*VERIFY, env={**env, **gone}).says(6, "no TLS", "gone.pem, which is not there")


def test_https_without_a_proxy_and_with_a_certificate_of_another_time_or_name(secure: Scene, tmp_path: Path) -> None:
    assert secure.tls is not None
    env = {"SSL_CERT_FILE": str(secure.tls.file)}
    secure.someone.types(
        "trust", "add", secure.invitation.replace("registry.test", secure.behind), "--yes", env=env
    ).says(0)
    here = ("--registry", secure.address.url)
    secure.someone.types(*VERIFY, *here, env=env).says(0, "VERIFIED")
    secure.someone.types(*VERIFY, "--registry", f"https://localhost:{secure.address.port}", env=env).says(6, "no TLS")
    for name, begins in {"later": timedelta(days=3), "earlier": -timedelta(days=20)}.items():
        (tmp_path / name).mkdir()
        tls = Tls(tmp_path / name, begins=datetime.now(UTC) + begins)
        with Address(tls=tls.server) as other:
            ran = secure.someone.types(*VERIFY, "--registry", other.url, env={"SSL_CERT_FILE": str(tls.file)})
            ran.says(6, "no TLS", "is the clock of this machine right?")


def test_a_cold_verify_of_ten_files_asks_once_beyond_the_trust_root(
    person: Person, registry: RegistryProcess, tmp_path: Path
) -> None:
    person.owns("counted")
    model = person.model("ten", {f"file-{number}.json": b"{}" * number for number in range(1, 11)})
    person.types("publish", "./ten", "--repo", f"counted/ten@{COMMIT}", "--no-hub", "--key", "ci.key").says(0)
    person.types("trust", "save", "x.trust").says(0)
    cold = Person(tmp_path / "cold")
    with proxy(f"127.0.0.1:{registry.port}", tmp_path / "proxy.log") as found:
        env = {"HTTP_PROXY": found.url, "MODELSEAL_TRUST": str(person.here / "x.trust")}
        verify = ("verify", str(model), "--repo", "counted/ten", "--registry", "http://registry.test")
        cold.run(*verify, env=env).says(0, "10 of 10 equal the seal")
        once = "GET http://registry.test/evidence/counted/ten HTTP/1.1"
        trust = [line for line in found.asked() if line != once]
        assert found.asked().count(once) == 1
        # is there a newer root, timestamp; the rest has not changed since it was saved
        assert [line.split()[1].rpartition("/")[2] for line in trust] == ["2.root.json", "timestamp.json"]
        cold.run(*verify, env=env).says(0)
        assert found.asked() == [*trust, once, once]
