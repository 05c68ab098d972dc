"""Vectors of policies and registry.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelseal.formats import strict
from modelseal.formats.note import COSIGNATURE, Verifier
from modelseal.formats.trust import encode_registry
from tests.support import make
from tests.support.vectors import Vector, vector
from tests.vectors import small

LOG, OWN = small.SIGNER.log, small.SIGNER.own
WITNESSES = tuple(
    Verifier(f"mirror-{name}.example", COSIGNATURE, make.key(f"mirror {name}", "ed25519").public.spki[12:])
    for name in "abcd"
)


def policy_text(*, quorum: int = 2, of: int = 3) -> str:
    lines = [f"log {LOG.encode()}", f"witness own {OWN.encode()}"]
    lines += [f"witness {name} {WITNESSES['abcd'.index(name)].encode()}" for name in "abcd"[:of]]
    lines += [f"group mirrors {quorum} {' '.join('abcd'[:of])}", "quorum mirrors"]
    return "\n".join(lines) + "\n"


def twin(key: Verifier, name: str) -> str:
    """A witness line with the same raw key under another name, and so with another key id."""
    return f"witness {name} {Verifier('twin.example', COSIGNATURE, key.public).encode()}\n"


def make_policies() -> Iterator[Vector]:
    def case(
        phrase: str, expect: str, text: str | bytes, quorum: str = "", liars: int = 0, own: Verifier = OWN
    ) -> Vector:
        headers = [("own", own.encode())]
        if quorum:
            headers += [("quorum", quorum), ("liars", str(liars))]
        return vector("policies", phrase, expect, text, headers)

    log, own = f"log {LOG.encode()}\n", f"witness own {OWN.encode()}\n"
    a, b = (f"witness {n} {WITNESSES[i].encode()}\n" for i, n in enumerate("ab"))
    none = log + own + "quorum none\n"
    yield case("nobody else", "ok", none, "0 of 0")
    yield case("2 of 3", "ok", policy_text(), "2 of 3")
    yield case("3 of 3", "ok", policy_text(quorum=3), "3 of 3", 2)
    yield case("3 of 4", "ok", policy_text(quorum=3, of=4), "3 of 4", 1)
    yield case("1 of 1", "ok", log + own + a + "group g 1 a\nquorum g\n", "1 of 1")
    yield case("all", "ok", log + own + a + b + "group g all a b\nquorum g\n", "2 of 2", 1)
    yield case("any of one", "ok", log + own + a + "group g any a\nquorum g\n", "1 of 1")
    with_urls = log.replace("\n", " https://registry.example\n") + own.replace("\n", " https://registry.example\n")
    yield case("addresses behind the keys", "ok", with_urls + "quorum none\n", "0 of 0")
    yield case("comments and empty lines", "ok", "# a comment\n\n  \n" + none, "0 of 0")
    yield case("carriage returns", "ok", none.replace("\n", "\r\n"), "0 of 0")
    yield case("tabs and several spaces", "ok", none.replace(" ", " \t "), "0 of 0")
    yield case("no line feed at the end", "ok", none[:-1], "0 of 0")
    yield case("the quorum line first", "ok", "quorum none\n" + log + own, "0 of 0")
    cases = {
        "nothing": "",
        "no log": own + "quorum none\n",
        "two logs": log + log + own + "quorum none\n",
        "no quorum": log + own,
        "two quorums": none + "quorum none\n",
        "the own cosigner is missing": log + "quorum none\n",
        "the own cosigner is in the group": log + own + a + "group g 2 a own\nquorum g\n",
        "half of the witnesses": log + own + a + b + "group g 1 a b\nquorum g\n",
        "any of two": log + own + a + b + "group g any a b\nquorum g\n",
        "more than there are": log + own + a + "group g 2 a\nquorum g\n",
        "threshold 0": log + own + a + "group g 0 a\nquorum g\n",
        "a threshold with a plus sign": log + own + a + "group g +1 a\nquorum g\n",
        "a threshold with a leading zero": log + own + a + "group g 01 a\nquorum g\n",
        "a threshold in digits that are not ASCII": log + own + a + "group g \u0661 a\nquorum g\n",
        "a threshold of 5,000 digits": log + own + a + "group g " + "1" * 5000 + " a\nquorum g\n",
        "a witness outside the group": log + own + a + b + "group g 1 a\nquorum g\n",
        "a witness that is not defined": log + own + a + "group g 2 a b\nquorum g\n",
        "a witness twice in the group": log + own + a + b + "group g 2 a a\nquorum g\n",
        "an empty group": log + own + a + "group g 1\nquorum g\n",
        "a group before its witness": log + own + "group g 1 a\n" + a + "quorum g\n",
        "a quorum before its group": log + own + a + "quorum g\ngroup g 1 a\n",
        "two groups": log + own + a + b + "group g 1 a\ngroup h 2 g b\nquorum h\n",
        "a quorum that is a witness": log + own + a + "quorum a\n",
        "a quorum that is not defined": log + own + "quorum g\n",
        "quorum none with a witness": log + own + a + "quorum none\n",
        "quorum none with a group": log + own + a + "group g 1 a\nquorum none\n",
        "a name twice": log + own + a + a.replace("witness a", "witness own") + "quorum none\n",
        "a group called none": log + own + a + "group none 1 a\nquorum none\n",
        "one key under two names": log + own + a + a.replace("witness a", "witness b") + "group g 2 a b\nquorum g\n",
        "one key as two cosigners": log + own + a + twin(WITNESSES[0], "b") + "group g 2 a b\nquorum g\n",
        "the own cosigner's key as a witness": log + own + twin(OWN, "b") + "group g 1 b\nquorum g\n",
        "a log key that is a cosigner's": f"log {WITNESSES[0].encode()}\n" + own + "quorum none\n",
        "a witness with a log's key": log + own + f"witness a {LOG.encode()}\ngroup g 1 a\nquorum g\n",
        "an unknown line": none + "timestamp x\n",
        "words that are missing": none + "witness a\n",
        "words too many": none.replace("quorum none", "quorum none none"),
        "a vkey with another id": none.replace("+6bf723c3+", "+6bf723c4+"),
        "a line separator as space": none.replace("quorum none", "quorum\u2028none"),
        "larger than 64 KiB": none + "#" * 65_536,
    }  # fmt: skip
    for phrase, text in cases.items():
        yield case(phrase, "malformed", text)
    stranger = WITNESSES[3]
    yield case("another own cosigner", "malformed", none, own=stranger)
    yield case("bytes that are not UTF-8", "malformed", none.encode() + b"\xff")


def make_registries() -> Iterator[Vector]:
    trust = small.log().trust
    policy = f"log {LOG.encode()}\nwitness own {OWN.encode()}\nquorum none\n"
    good = encode_registry(trust).decode()
    value = strict.loads(good, "")
    headers = [("policy", line) for line in policy.removesuffix("\n").split("\n")]

    def case(phrase: str, expect: str, text: str) -> Vector:
        return vector("registry", phrase, expect, text, headers)

    def changed(**fields: Any) -> str:
        return strict.encode({**value, **fields})

    yield case("the registry of FORMAT.md", "ok", good)
    yield case("a field that nobody knows yet", "ok", changed(later={"a": [1, 2]}))
    yield case("an empty list of addresses", "malformed", changed(addresses=[]))
    yield case("16 addresses", "ok", changed(addresses=[f"https://m{n}.example" for n in range(16)]))
    yield case("an address with port and path", "ok", changed(url="http://127.0.0.1:8080/a/b_c~d"))
    yield case("an address of IPv6", "ok", changed(url="http://[::1]:8080"))
    yield case("an empty list of holders", "ok", changed(holders=[]))
    yield case("a holder in any letters", "ok", changed(holders=["Zo\u00eb \u041f."]))
    for name in value:
        if name != "v":
            left = {key: member for key, member in value.items() if key != name}
            yield case(f"{name} is missing", "malformed", strict.encode(left))
    for phrase, text in {
        "version 2": changed(v=2),
    }.items():
        yield case(phrase, "unsupported", text)
    for phrase, text in {
        "a line feed at the end": good + "\n",
        "with spaces": good.replace('":', '": '),
        "max_age 0": changed(max_age=0),
        "max_age as text": changed(max_age="86400"),
        "leaf0 in upper case": changed(leaf0="AB" * 32),
        "leaf0 of 31 bytes": changed(leaf0="ab" * 31),
        "an own witness that is not in the policy": changed(own_witness=WITNESSES[0].encode()),
        "an own witness that is a log key": changed(own_witness=LOG.encode()),
        "an address with a user": changed(url="https://user@registry.example"),
        "an address with a query": changed(url="https://registry.example/?a=b"),
        "an address with a fragment": changed(url="https://registry.example/#sha256:00"),
        "an address of a file": changed(url="file:///etc/passwd"),
        "an address with a line feed": changed(url="https://registry.example\n"),
        "an address with a percent sign": changed(url="https://registry.example/%2e%2e"),
        "an address of 257 characters": changed(url="https://" + "a" * 249),
        "17 addresses": changed(addresses=[f"https://m{n}.example" for n in range(17)]),
        "an address that is a number": changed(addresses=[1]),
        "17 holders": changed(holders=["a"] * 17),
        "a holder of 129 characters": changed(holders=["a" * 129]),
        "an origin in upper case": changed(origin="Registry.example"),
        "a list": "[]",
        "larger than 64 KiB": changed(later="a" * 65_536),
    }.items():
        yield case(phrase, "malformed", text)


def make_vectors() -> Iterator[Vector]:
    yield from make_policies()
    yield from make_registries()
