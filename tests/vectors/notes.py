"""Vectors of vkeys, notes, checkpoints and .tlog-proof."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from modelseal.formats import note, strict
from modelseal.formats.note import COSIGNATURE, ED25519, Note, Signature, Verifier, key_id
from tests.support import make
from tests.support.vectors import Vector, vector
from tests.vectors import small

LOG, OWN = small.SIGNER.log, small.SIGNER.own
ROOT = "jPzS5F0LMav9Xu6MadJPq0VngALRgB6wnd6EOc9dhpE="
TEXT = f"registry.example\n5\n{ROOT}\n"
NEUTRAL = b"\x01" + bytes(31)


def _log_line(text: str) -> Signature:
    return note.sign(text, LOG.name, small.LOG.secret)


def _own_line(text: str, time: int = small.COSIGNED) -> Signature:
    return note.cosign(text, OWN.name, small.COSIGNER.secret, time)


def _signed(text: str) -> str:
    """*text* with both lines, whatever it says."""
    return Note(text, (_log_line(text), _own_line(text))).encode()


def make_vkeys() -> Iterator[Vector]:
    def vkey(name: str, type_: int, public: bytes, id_: bytes | None = None) -> str:
        id_ = key_id(name, type_, public) if id_ is None else id_
        return f"{name}+{id_.hex()}+{strict.to_base64(bytes([type_]) + public)}"

    public = LOG.public
    for phrase, key in (("the log of FORMAT.md", LOG), ("its cosigner", OWN)):
        headers = [("name", key.name), ("type", str(key.kind)), ("key-id", key.id.hex())]
        yield vector("vkeys", phrase, "ok", key.encode(), headers)
    plus = next(
        text
        for n in range(256)
        if "+" in (text := vkey("a", ED25519, make.key(f"plus {n}", "ed25519").public.spki[12:]))[11:]
    )
    headers = [("name", "a"), ("type", "1"), ("key-id", plus[2:10])]
    yield vector("vkeys", "plus signs in the base64", "ok", plus, headers)
    good = LOG.encode()
    flipped = good.replace("+6b", "+6a")
    cases = {
        "nothing": "",
        "only a name": "registry.example",
        "no key": good.rpartition("+")[0],
        "an empty name": vkey("", ED25519, public),
        "a space in the name": vkey("a b", ED25519, public),
        "a line separator in the name": vkey("a\u2028b", ED25519, public),
        "a control character in the name": vkey("a\x7fb", ED25519, public),
        "a plus sign in the name": vkey("a+b", ED25519, public),
        "an id that is not of this key": flipped,
        "an id in upper case": good.replace("+6bf723c3+", "+6BF723C3+"),
        "an id of 7 digits": good.replace("+6bf723c3+", "+6bf723c+"),
        "an id in digits that are not ASCII": good.replace("+6bf723c3+", "+\u0666bf723c3+"),
        "type 2": vkey("a", 2, public),
        "type 0": vkey("a", 0, public),
        "31 bytes": vkey("a", ED25519, public[:-1]),
        "33 bytes": vkey("a", ED25519, public + b"\0"),
        "only a type": vkey("a", ED25519, b""),
        "base64 with padding too much": vkey("a", ED25519, public) + "====",
        "a key of small order": vkey("a", ED25519, NEUTRAL),
        "a cosigner's key of small order": vkey("a", COSIGNATURE, bytes(32)),
        "a key that is not canonical": vkey("a", ED25519, b"\xee" + b"\xff" * 30 + b"\x7f"),
        "a line feed at the end": good + "\n",
        "a space in front": " " + good,
        "the base64 of URLs": good.replace("+Ae", "-Ae"),
    }
    for phrase, text in cases.items():
        yield vector("vkeys", phrase, "malformed", text)
    spare = good[:-1] + chr(ord(good[-1]) + 1)
    yield vector("vkeys", "the last letter changed", "malformed", spare)


def make_notes() -> Iterator[Vector]:
    def case(
        phrase: str, expect: str, text: str | bytes, keys: tuple[Verifier, ...] = (LOG, OWN), time: int = 0
    ) -> Vector:
        headers = [("key", key.encode()) for key in keys]
        return vector("notes", phrase, expect, text, headers + ([("time", str(time))] if time else []))

    def whole(*lines: Signature, text: str = TEXT) -> str:
        return Note(text, lines).encode()

    log, own = _log_line(TEXT), _own_line(TEXT)
    stranger = note.sign(TEXT, "someone.example", small.private(9).secret)
    good = whole(log, own)
    t = small.COSIGNED
    yield case("signed by log and cosigner", "ok", good, time=t)
    yield case("the lines in another order", "ok", whole(own, log), time=t)
    yield case("a line of an unknown key", "ok", whole(stranger, log, own), time=t)
    grease = Signature("grease.example", b"\1\2\3\4x")
    yield case("a line of an unknown key that signs nothing", "ok", whole(log, own, grease), time=t)
    namesake = note.sign(TEXT, LOG.name, small.private(9).secret)
    yield case("an unknown key under the log's name", "ok", whole(log, own, namesake), time=t)
    borrowed = Signature("other.example", log.raw)
    yield case("the log's signature under another name", "ok", whole(log, own, borrowed), time=t)
    older = _own_line(TEXT, t - 50)
    yield case("two lines of one cosigner, of which the newest counts", "ok", whole(log, own, older), time=t)
    yield case("the log's line twice", "ok", whole(log, log, own), time=t)
    poem = "A text.\n\nWith an empty line.\n"
    signed = Note(poem, (note.sign(poem, LOG.name, small.LOG.secret),)).encode()
    yield case("a text with an empty line", "ok", signed, (LOG,))
    many = [note.sign(TEXT, f"k{n}.example", small.private(9).secret) for n in range(62)]
    yield case("64 signature lines", "ok", whole(*many, log, own), time=t)

    yield case("65 signature lines", "malformed", whole(*many, log, own, stranger))
    bad = Signature(LOG.name, log.raw[:-1] + bytes([log.raw[-1] ^ 1]))
    yield case("the log's line does not verify", "malformed", whole(bad, own))
    yield case("one line of the log verifies, one does not", "malformed", whole(log, bad, own))
    bad = Signature(OWN.name, own.raw[:-1] + bytes([own.raw[-1] ^ 1]))
    yield case("the cosigner's line does not verify", "malformed", whole(log, bad))
    later = Signature(OWN.name, own.raw[:11] + bytes([own.raw[11] ^ 1]) + own.raw[12:])
    yield case("the cosigner's time was changed", "malformed", whole(log, later))
    plain = Signature(OWN.name, own.raw[:4] + small.COSIGNER.secret.sign(TEXT.encode()))
    yield case("the cosigner signed without a time", "malformed", whole(log, plain))
    yield case("the log's line is cut to 63 bytes", "malformed", whole(Signature(LOG.name, log.raw[:-1]), own))
    yield case("the log's line has a byte too many", "malformed", whole(Signature(LOG.name, log.raw + b"\0"), own))
    yield case("the text was changed", "malformed", good.replace("\n5\n", "\n6\n", 1))
    yield case("no signatures", "malformed", TEXT + "\n")
    yield case("no empty line", "malformed", TEXT + log.encode())
    yield case("no text", "malformed", "\n" + log.encode())
    yield case("no line feed at the end", "malformed", good[:-1])
    yield case("an empty line at the end", "malformed", good + "\n")
    yield case("carriage returns", "malformed", good.replace("\n", "\r\n"))
    yield case("a tab", "malformed", _signed("a\tb\n"))
    yield case("a NUL byte", "malformed", _signed("a\0b\n"))
    yield case("a C1 control", "malformed", _signed("a\u0085b\n"))
    yield case("bytes that are not UTF-8", "malformed", good.encode() + b"\xff\n")
    yield case("a hyphen instead of the dash", "malformed", good.replace("\u2014", "-"))
    yield case("an en dash instead of the em dash", "malformed", good.replace("\u2014", "\u2013"))
    yield case("no space after the dash", "malformed", good.replace("\u2014 ", "\u2014"))
    yield case("two spaces before the base64", "malformed", good.replace("example a", "example  a"))
    yield case(
        "a space at the end of a line",
        "malformed",
        good.replace("\n\u2014 registry.example/", " \n\u2014 registry.example/"),
    )
    yield case("a plus sign in a name", "malformed", whole(log, own, Signature("a+b", log.raw)))
    yield case("a no-break space in a name", "malformed", whole(log, own, Signature("a\u00a0b", log.raw)))
    yield case("a signature of 4 bytes", "malformed", whole(log, own, Signature("a", b"\1\2\3\4")))
    yield case("base64 without padding", "malformed", good.replace("Ggs=\n", "Ggs\n"))
    yield case("base64 with spare bits", "malformed", good.replace("Ggs=\n", "Ggt=\n"))
    yield case("larger than 64 KiB", "malformed", _signed("a" * 65_536 + "\n"))


def make_checkpoints() -> Iterator[Vector]:
    def case(phrase: str, expect: str, text: str, headers: list[tuple[str, str]] | None = None) -> Vector:
        keys = [("key", LOG.encode()), ("key", OWN.encode())]
        return vector("checkpoints", phrase, expect, _signed(text), keys + (headers or []))

    root = strict.base64_text(ROOT, "").hex()
    for phrase, text in {
        "the checkpoint of FORMAT.md": TEXT,
        "size 0": f"registry.example\n0\n{ROOT}\n",
        "16 digits": f"registry.example\n9007199254740991\n{ROOT}\n",
    }.items():
        size = text.split("\n")[1]
        yield case(phrase, "ok", text, [("origin", "registry.example"), ("size", size), ("root", root)])
    cases = {
        "a plus sign": f"registry.example\n+5\n{ROOT}\n",
        "a minus sign": f"registry.example\n-5\n{ROOT}\n",
        "a leading zero": f"registry.example\n05\n{ROOT}\n",
        "two zeros": f"registry.example\n00\n{ROOT}\n",
        "a space before the size": f"registry.example\n 5\n{ROOT}\n",
        "a space after the size": f"registry.example\n5 \n{ROOT}\n",
        "an underscore": f"registry.example\n1_000\n{ROOT}\n",
        "an exponent": f"registry.example\n5e0\n{ROOT}\n",
        "hex": f"registry.example\n0x5\n{ROOT}\n",
        "digits that are not ASCII": f"registry.example\n\u0665\n{ROOT}\n",
        "a superscript digit": f"registry.example\n\u2075\n{ROOT}\n",
        "17 digits": f"registry.example\n10000000000000000\n{ROOT}\n",
        "no size": f"registry.example\n\n{ROOT}\n",
        "an extension line": f"registry.example\n5\n{ROOT}\nextra\n",
        "an empty extension line": f"registry.example\n5\n{ROOT}\n\n",
        "two lines": "registry.example\n5\n",
        "a root of 31 bytes": f"registry.example\n5\n{strict.to_base64(bytes(31))}\n",
        "a root of 33 bytes": f"registry.example\n5\n{strict.to_base64(bytes(33))}\n",
        "a root with spare bits": f"registry.example\n5\n{ROOT[:-2]}F=\n",
        "a root without padding": f"registry.example\n5\n{ROOT[:-1]}\n",
        "a root in hex": f"registry.example\n5\n{root}\n",
        "a root with a space": f"registry.example\n5\n{ROOT} \n",
        "an origin in upper case": f"Registry.example\n5\n{ROOT}\n",
        "an origin with a scheme": f"https://registry.example\n5\n{ROOT}\n",
        "no origin": f"\n5\n{ROOT}\n",
    }
    for phrase, text in cases.items():
        yield case(phrase, "malformed", text)
    crlf = Note(TEXT, (_log_line(TEXT), _own_line(TEXT))).encode().replace("\n", "\r\n")
    yield vector("checkpoints", "carriage returns", "malformed", crlf, [("key", LOG.encode())])
    signed = TEXT.replace("\n", "\r\n")
    yield case("carriage returns, signed so", "malformed", signed)


def make_proofs() -> Iterator[Vector]:
    log = small.log()
    hashes = [
        "2dc64bdfb1de0e9fa77c283595074d6de3150093629c0b42b7341eeda8a11c12",
        "99cf60777ae52d5c137fa579b0591a75e79cb2d60b178645bd5a547be3ae8b94",
        "c647e45c42cc1ec7c2bc49581aea1ae6da850abdf16a65f3ebb107e9ee31fd38",
    ]
    lines = [strict.to_base64(bytes.fromhex(one)) for one in hashes]
    leaf = hashlib.sha256(b"\0" + log.leaves[3]).hexdigest()

    def text(*, head: str = "c2sp.org/tlog-proof@v1", index: str = "index 3", proof: list[str] = lines) -> str:
        return "\n".join([head, index, *proof, "", log.note])

    def case(phrase: str, expect: str, body: str) -> Vector:
        return vector("tlog-proofs", phrase, expect, body, [("key", LOG.encode()), ("leaf-hash", leaf)])

    good = text()
    yield case("leaf 3 of 5, of FORMAT.md", "ok", good)
    yield case("an extra line", "ok", good.replace("@v1\n", "@v1\nextra YWJj\n"))
    for phrase, body in {
        "version 2": text(head="c2sp.org/tlog-proof@v2"),
        "another index": text(index="index 2"),
        "an index outside the tree": text(index="index 5"),
        "an index with a leading zero": text(index="index 03"),
        "an index with a plus sign": text(index="index +3"),
        "an index in digits that are not ASCII": text(index="index \u0663"),
        "no index": good.replace("index 3\n", ""),
        "no proof": text(proof=[]),
        "a hash too few": text(proof=lines[:-1]),
        "a hash too many": text(proof=[*lines, lines[0]]),
        "hashes in another order": text(proof=lines[::-1]),
        "a hash of 31 bytes": text(proof=[*lines[:-1], strict.to_base64(bytes(31))]),
        "a hash with spare bits": text(proof=[*lines[:-1], lines[-1][:-2] + "h="]),
        "65 hashes": text(proof=lines[:1] * 65),
        "an extra line that is not base64": good.replace("@v1\n", "@v1\nextra !\n"),
        "two extra lines": good.replace("@v1\n", "@v1\nextra YWJj\nextra YWJj\n"),
        "no checkpoint": good.partition("\n\n")[0] + "\n\n",
        "a checkpoint that was changed": good.replace("\n5\n", "\n6\n"),
        "carriage returns": good.replace("\n", "\r\n"),
        "nothing": "",
    }.items():
        yield case(phrase, "malformed", body)


def make_vectors() -> Iterator[Vector]:
    yield from make_vkeys()
    yield from make_notes()
    yield from make_checkpoints()
    yield from make_proofs()
