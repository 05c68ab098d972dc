"""How evidence is looked for: what counts, what does not, and that nobody is led anywhere."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from modelseal.errors import Error, Malformed, NotFound, Refused, Unavailable
from modelseal.formats import findings
from modelseal_registry.fetch import addresses, domain, hub, run
from modelseal_registry.fetch.addresses import Exceptions, is_public
from modelseal_registry.fetch.ask import FOUND, MISSING, UNAVAILABLE, Question, Seen, encode_answer, parse_answer
from modelseal_registry.fetch.resolver import Resolver
from tests.support.domain import Names, Site, answer, claim_file
from tests.support.hub import Answer, Hub
from tests.support.tls import Tls

CLAIM = "3f" * 32
FILE = claim_file(CLAIM)
HERE = Exceptions.parse(("127.0.0.1",))
S = 5.0


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls(tmp_path_factory.mktemp("tls"), "acme.example")


@pytest.fixture
def site(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.file))
    with Site(tls) as found:
        found.publish(CLAIM)
        yield found


@pytest.fixture
def names() -> Iterator[Names]:
    with Names() as found:
        found.put("acme.example", "A", "127.0.0.1")
        yield found


def look(site: Site, names: Names, exceptions: Exceptions = HERE, name: str = "acme.example") -> Seen:
    return domain.look_https(name, Resolver(names.address, S), exceptions, S, site.port)


# the domain


def test_the_well_known_file_is_found_in_the_name_of_the_domain(site: Site, names: Names) -> None:
    seen = look(site, names)
    assert (seen.state, seen.body, seen.status) == (FOUND, FILE, 200)
    assert seen.url == "https://acme.example/.well-known/modelseal.json"
    assert site.asked == [("acme.example", findings.WELL_KNOWN)]
    assert sorted(names.asked) == [("acme.example", "A"), ("acme.example", "AAAA")]


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Answer, and never come to an end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


BAD_ANSWERS = {
    "nothing there": (lambda h: answer(h, 404), NotFound, "is not there"),
    "gone": (lambda h: answer(h, 410), NotFound, "is not there"),
    "a redirect to another host": (
        lambda h: answer(h, 302, Location="https://evil.example/x"), Refused, "redirects to https://evil.example/x",
    ),
    "a redirect to itself": (lambda h: answer(h, 301, Location=findings.WELL_KNOWN), Refused, "redirects to /.well-kn"),
    "a redirect into this network": (
        lambda h: answer(h, 307, Location="http://169.254.169.254/latest"), Refused, "redirects are not followed",
    ),
    "a redirect with a body": (lambda h: answer(h, 302, FILE, Location="/y"), Refused, "redirects to /y"),
    "forbidden": (lambda h: answer(h, 403), Refused, "status 403"),
    "a fault": (lambda h: answer(h, 500), Unavailable, "status 500"),
    "too many": (lambda h: answer(h, 429), Unavailable, "status 429"),
    "65,537 bytes": (lambda h: answer(h, 200, b"x" * 65_537), Refused, "larger than 65536 bytes"),
    "endless chunks": (
        lambda h: (answer_chunks(h, b"x" * 70_000)), Refused, "larger than 65536 bytes",
    ),
    "compressed": (lambda h: answer(h, 200, FILE, Content_Encoding="gzip"), Refused, "content encoding"),
    "no HTTP": (lambda h: h.wfile.write(b"SSH-2.0-OpenSSH\r\n"), Unavailable, "badstatusline"),
}  # fmt: skip


def answer_chunks(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    handler.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_what_is_no_file_at_the_fixed_path_does_not_count(site: Site, names: Names, name: str) -> None:
    site.hook, kind, words = BAD_ANSWERS[name]
    with pytest.raises(kind, match=words):
        look(site, names)
    assert len(site.asked) == 1  # nobody was followed


def test_exactly_64_kib_are_taken(site: Site, names: Names) -> None:
    site.files[findings.WELL_KNOWN] = b"x" * 65_536
    assert len(look(site, names).body) == 65_536


def test_a_certificate_of_another_name_or_of_nobody_is_refused(
    site: Site, names: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.put("other.example", "A", "127.0.0.1")
    with pytest.raises(Unavailable, match="certificate does not verify"):
        look(site, names, name="other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(Tls(tmp_path).file))
    with pytest.raises(Unavailable, match="certificate does not verify"):
        look(site, names)
    assert site.asked == []


# addresses

PRIVATE = (
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%1", "fc00::1",
    "fd00::1", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1", "2002:7f00:1::1", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "::7f00:1",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(Refused, match="not public"):
        addresses.check("acme.example", [address], Exceptions())


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"]
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_a_private_address_is_never_asked(site: Site, names: Names) -> None:
    with pytest.raises(Refused, match=r"acme.example has the address 127.0.0.1, which is not public"):
        look(site, names, Exceptions())
    assert site.asked == []


def test_one_private_address_among_public_ones_is_one_too_many(site: Site, names: Names) -> None:
    names.put("acme.example", "A", "127.0.0.1", "127.0.0.2")
    with pytest.raises(Refused, match=r"127\.0\.0\.2"):
        look(site, names)
    names.put("acme.example", "A", "127.0.0.1")
    names.put("acme.example", "AAAA", "::1")
    with pytest.raises(Refused, match="::1"):
        look(site, names)
    assert site.asked == []


def test_a_name_that_means_something_else_a_moment_later_is_of_no_use(site: Site, tls: Tls, names: Names) -> None:
    names.put("acme.example", "A", "127.0.0.1", then=("127.0.0.2",))
    with Site(tls, "127.0.0.2", site.port) as inside:
        assert look(site, names).state == FOUND
        assert (len(site.asked), inside.asked) == (1, [])
        assert names.asked.count(("acme.example", "A")) == 1
        with pytest.raises(Refused, match=r"127\.0\.0\.2"):
            look(site, names)  # by now it means the other one
        assert inside.asked == []


def test_exceptions_are_names_networks_and_fixed_addresses(site: Site, names: Names) -> None:
    for entry in ("acme.example", "127.0.0.1", "127.0.0.0/8"):
        assert look(site, names, Exceptions.parse((entry,))).state == FOUND
    for entry in ("other.example", "10.0.0.0/8", "::1"):
        with pytest.raises(Refused):
            look(site, names, Exceptions.parse((entry,)))
    names.asked.clear()
    fixed = Exceptions.parse((f"acme.example=127.0.0.1:{site.port}",))
    assert domain.look_https("acme.example", Resolver(names.address, S), fixed, S).state == FOUND
    assert names.asked == []
    assert Exceptions.parse(("a.b=::1", "a.c=[::1]:8443", "a.d=10.0.0.1")).fixed == (
        ("a.b", "::1", 443), ("a.c", "::1", 8443), ("a.d", "10.0.0.1", 443),
    )  # fmt: skip


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "localhost",
        "Acme.example",
        "10.0.0.1/8",
        "1.2.3",
        "*.example",
        "a.b=c.d",
        "a.b=10.0.0.1:0",
        "a.b=",
        "::/129",
    ],
)
def test_an_exception_that_means_nothing_is_refused(entry: str) -> None:
    with pytest.raises(Malformed):
        addresses.check_entry(entry, "unsafe_private_addresses")


# DNS


def test_txt_records_are_found_whole_and_sorted(names: Names) -> None:
    names.put("_modelseal.acme.example", "TXT", f'"claim=sha256:" "{CLAIM}"', '"an old friend"')
    seen = domain.look_dns("acme.example", Resolver(names.address, S))
    assert seen.body == b"an old friend\nclaim=sha256:" + CLAIM.encode() + b"\n"
    assert seen.url == "dns:_modelseal.acme.example?type=TXT"


def test_a_name_without_records_and_a_server_that_is_silent(names: Names) -> None:
    with pytest.raises(NotFound, match=r"no name _modelseal\.acme\.example"):
        domain.look_dns("acme.example", Resolver(names.address, S))
    names.put("_modelseal.acme.example", "A", "127.0.0.1")
    with pytest.raises(NotFound, match="has no TXT record"):
        domain.look_dns("acme.example", Resolver(names.address, S))
    with pytest.raises(Unavailable, match="no answer from DNS"):
        Resolver("127.0.0.1:9", 0.1).addresses("acme.example")


# the Hub


@pytest.fixture(scope="module", autouse=True)
def as_before() -> Iterator[None]:
    """Whoever looks has a process of its own, and sets huggingface_hub up for good there; here others come after."""
    from huggingface_hub import constants, set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_DISABLE_XET", constants.HF_HUB_DISABLE_XET)
        yield
    set_client_factory(default_client_factory)


@pytest.fixture
def double() -> Iterator[Hub]:
    with Hub() as found:
        found.owner("acme-lab")
        found.commit("spaces/acme-lab/README", {"README.md": b"# Acme", "modelseal.json": FILE})
        yield found


def see(double: Hub, folder: Path, namespace: str = "hf://acme-lab") -> Seen:
    return hub.look(double.url, namespace, folder)


def test_main_of_the_space_is_resolved_here(double: Hub, tmp_path: Path) -> None:
    seen = see(double, tmp_path)
    commit = double.repos["spaces/acme-lab/README"].refs["main"]
    assert (seen.state, seen.body, seen.commit) == (FOUND, FILE, commit)
    assert seen.owner_id == double.owners["acme-lab"][1]
    assert seen.url == f"{double.url}/spaces/acme-lab/README/resolve/{commit}/modelseal.json"
    double.owner("ana", "users")
    double.commit("spaces/ana/README", {"modelseal.json": FILE})
    assert see(double, tmp_path, "hf://ana").owner_id == double.owners["ana"][1]


def test_a_claim_through_a_pull_request_does_not_count(double: Hub, tmp_path: Path) -> None:
    double.commit("spaces/acme-lab/README", {"modelseal.json": None})
    double.commit("spaces/acme-lab/README", {"modelseal.json": FILE}, ref=double.pull_request("spaces/acme-lab/README"))
    with pytest.raises(NotFound, match=r"has no modelseal\.json on main"):
        see(double, tmp_path)


def test_a_claim_through_a_contributors_repo_does_not_count(double: Hub, tmp_path: Path) -> None:
    double.owner("openai")
    for repo in ("spaces/acme-lab/openai", "models/openai/README", "datasets/openai/README", "spaces/openai/readme2"):
        double.commit(repo, {"modelseal.json": FILE})
    with pytest.raises(NotFound, match="there is no public Space openai/README"):
        see(double, tmp_path, "hf://openai")


def test_a_renamed_space_or_owner_is_not_the_one_that_was_asked_for(double: Hub, tmp_path: Path) -> None:
    double.owner("evil")
    double.rename("spaces/acme-lab/README", "spaces/evil/README")
    with pytest.raises(Refused, match=r"the Hub calls the Space evil/README, not acme-lab/README"):
        see(double, tmp_path)
    with pytest.raises(Refused, match="the Hub calls the owner acme-lab, not ACME-lab"):
        see(double, tmp_path, "hf://ACME-lab")
    with pytest.raises(NotFound, match="the Hub knows no owner nobody"):
        see(double, tmp_path, "hf://nobody")


def test_a_private_space_and_a_space_without_the_file_are_missing(double: Hub, tmp_path: Path) -> None:
    double.repos["spaces/acme-lab/README"].private = True
    with pytest.raises(NotFound, match="no public Space"):
        see(double, tmp_path)


def at_file(double: Hub, special: Answer) -> None:
    double.hook = lambda method, path: special if "/resolve/" in path else None


def test_a_redirect_off_the_hub_is_not_followed(double: Hub, tmp_path: Path) -> None:
    with Hub() as other:
        other.owner("acme-lab")
        other.commit("spaces/acme-lab/README", {"modelseal.json": FILE})
        commit = double.repos["spaces/acme-lab/README"].refs["main"]
        headers = {
            "Location": f"{other.url}/spaces/acme-lab/README/resolve/main/modelseal.json", "X-Repo-Commit": commit,
            "ETag": '"x"', "X-Linked-Size": "85", "X-Linked-Etag": '"x"',
        }  # fmt: skip
        at_file(double, Answer(302, b"", headers))
        with pytest.raises(Refused, match="the Hub sends us to 127"):
            see(double, tmp_path)
        double.hook = lambda method, path: Answer(307, b"", {"Location": other.url + path}) if "/api/" in path else None
        with pytest.raises(Refused, match="that is not followed"):
            see(double, tmp_path)
        assert other.asked == []


def test_a_redirect_within_the_hub_is_followed(double: Hub, tmp_path: Path) -> None:
    """The Hub serves small files from a cache under another path of its own."""
    commit = double.repos["spaces/acme-lab/README"].refs["main"]
    headers = {"X-Repo-Commit": commit, "ETag": '"x"'}

    def hook(method: str, path: str) -> Answer | None:
        if path.startswith("/spaces/"):
            return Answer(307, b"", {**headers, "Location": "/api/resolve-cache/x"})
        return Answer(200, FILE, headers) if path == "/api/resolve-cache/x" else None

    double.hook = hook
    assert see(double, tmp_path).body == FILE


@pytest.mark.parametrize("size", [65_536, 65_537])
def test_the_limit_of_64_kib_holds_on_the_hub(double: Hub, tmp_path: Path, size: int) -> None:
    double.commit("spaces/acme-lab/README", {"modelseal.json": b"x" * size})
    if size > 65_536:
        with pytest.raises(Refused, match="larger than 65536 bytes"):
            see(double, tmp_path)
    else:
        assert len(see(double, tmp_path).body) == size


def test_an_answer_without_end_or_length_is_cut_off(double: Hub, tmp_path: Path) -> None:
    big = b'{"_id": "' + b"x" * hub.MAX_REPLY + b'"}'
    double.hook = lambda method, path: Answer(200, big) if path.startswith("/api/org") else None
    with pytest.raises(Refused, match=f"larger than {hub.MAX_REPLY} bytes"):
        see(double, tmp_path)


def test_a_hub_that_does_not_answer_is_no_proof_of_anything(tmp_path: Path, double: Hub) -> None:
    double.hook = lambda method, path: Answer(403, b"{}") if path.startswith("/api/") else None
    with pytest.raises(Unavailable, match="status 403"):
        see(double, tmp_path)
    with pytest.raises(Unavailable, match="no answer"):
        hub.look("http://127.0.0.1:9", "hf://acme-lab", tmp_path)


# all together


def question(**changed: str | None) -> Question:
    fields = {"namespace": "hf://acme-lab", "domain": None, "hub": "", "nameserver": "127.0.0.1:9", **changed}
    return Question(**fields, unsafe_private_addresses=("127.0.0.1",))  # type: ignore[arg-type]


def test_whoever_drips_has_not_answered_and_keeps_nobody_waiting(site: Site, names: Names, tmp_path: Path) -> None:
    site.hook = drip
    names.put("_modelseal.acme.example", "TXT", f'"claim=sha256:{CLAIM}"')
    asked = Question(
        "hf://acme-lab", "acme.example", "", names.address, (f"acme.example=127.0.0.1:{site.port}",)
    )  # fmt: skip
    began = time.monotonic()
    seen = run.look(asked, tmp_path, 0.6)
    assert time.monotonic() - began < 3
    assert (seen["https"].state, seen["https"].says) == (UNAVAILABLE, "no answer within 0.6 s")
    assert seen["dns"].state == FOUND


def test_what_goes_wrong_is_told_for_each_place(tmp_path: Path) -> None:
    seen = run.look(question(domain="acme.example", hub="http://127.0.0.1:9"), tmp_path, 1.5)
    assert {kind: one.state for kind, one in seen.items()} == dict.fromkeys(("hub", "https", "dns"), UNAVAILABLE)
    assert run.look(question(), tmp_path) == {}  # nothing was asked for


def test_question_and_answer_are_read_back() -> None:
    asked = question(domain="acme.example")
    assert Question.parse(asked.encode()) == asked
    seen = {"hub": Seen(FOUND, "", "http://x", b"\x00", 200, "f" * 40, "64f0"), "dns": Seen(MISSING, "no", "dns:x")}
    assert parse_answer(encode_answer(seen)) == seen
    for bad in (
        b"",
        b"{}",
        encode_answer(seen).replace(b'"hub"', b'"ftp"'),
        encode_answer(seen).replace(b"found", b"other"),
    ):
        with pytest.raises(Error):
            parse_answer(bad)
