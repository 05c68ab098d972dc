"""`ns.toml`: what an owner says about a namespace, before it is a claim.

namespace = "hf://acme-lab"
title = "Acme Lab"
domain = "acme.example"            # may be left out
hub_owner_id = "64f0..."           # may be left out
threshold = 1
[[controllers]]
key = "ana.pub"                    # beside this file
[[signers]]
key = "ci.pub"
scope = ["hf://acme-lab/*"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from modelseal import keys, platform
from modelseal.errors import Malformed, Usage
from modelseal.formats import identity, names, strict
from modelseal.formats.identity import KeySet
from modelseal.formats.records import MAX_NAMES, Claim
from modelseal.values import dataclass

MAX_FILE = 256 << 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The whole file, its keys read and their fingerprints taken."""

    namespace: str
    title: str
    domain: str | None
    hub_owner_id: str | None
    accounts: tuple[str, ...]
    former: tuple[str, ...]
    families: tuple[str, ...]
    republishers: tuple[str, ...]
    key_set: KeySet

    def claim(self, origin: str, seq: int, prev: bytes | None) -> Claim:
        """Return the claim that says this as number *seq* of the owner's chain."""
        return Claim(
            origin=origin,
            seq=seq,
            prev=prev,
            namespace=self.namespace,
            title=self.title,
            domain=self.domain,
            hub_owner_id=self.hub_owner_id,
            accounts=self.accounts,
            former=self.former,
            families=self.families,
            republishers=self.republishers,
            key_set=self.key_set if seq == 1 else None,
        )


def read(path: Path) -> Wanted:
    return _read(path, _wanted)


def read_keys(path: Path, namespace: str) -> KeySet:
    """Return the keys alone, out of a file that may say no more than them; Usage if it is for another namespace."""

    def keys_of(file: strict.Object, folder: Path) -> KeySet:
        if file.has("title"):
            wanted = _wanted(file, folder)
            found, named = wanted.key_set, wanted.namespace
        else:
            named = file.take("namespace", _uri) if file.has("namespace") else namespace
            found = _key_set(file, folder)
            file.done()
        if named.lower() != namespace.lower():
            raise Malformed(f"{file.what}: it is for {named}, not for {namespace}")
        _check_scopes(found, namespace, file.what)
        return found

    return _read(path, keys_of)


def _read(path: Path, parse: Callable[[strict.Object, Path], T]) -> T:
    data = platform.read_file(path, MAX_FILE, "namespace file", follow=True)
    try:
        value = tomllib.loads(data.decode())
        return parse(strict.Object(value, str(path)), path.parent)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise Usage(f"{path}: not TOML: {e}") from e
    except Malformed as e:
        raise Usage(str(e), hint="for all fields of ns.toml see: modelseal claim --help") from e


def _wanted(file: strict.Object, folder: Path) -> Wanted:
    def optional(name: str, check: strict.Check[Any], absent: Any = None) -> Any:
        return file.take(name, check) if file.has(name) else absent

    def listed(name: str, check: strict.Check[str]) -> tuple[str, ...]:
        members: tuple[str, ...] = optional(name, strict.sequence(check, most=MAX_NAMES), ())
        if len(set(members)) != len(members):
            raise Malformed(f"{file.what}: {name}: a name occurs twice")
        return members

    found = Wanted(
        namespace=file.take("namespace", _uri),
        title=file.take("title", names.title),
        domain=optional("domain", names.domain),
        hub_owner_id=optional("hub_owner_id", names.owner_id),
        accounts=names.unique_in_lower_case(listed("accounts", _uri), file.what),
        former=names.unique_in_lower_case(listed("former", _uri), file.what),
        families=listed("families", names.title),
        republishers=names.unique_in_lower_case(listed("republishers", _uri), file.what),
        key_set=_key_set(file, folder),
    )
    file.done()
    _check_scopes(found.key_set, found.namespace, file.what)
    return found


def _uri(value: Any, what: str) -> str:
    text = strict.text()(value, what)
    return names.namespace(text if text.startswith("hf://") else "hf://" + text, what)


def _check_scopes(key_set: KeySet, namespace: str, what: str) -> None:
    for one in key_set.signers:
        if names.namespace_of(one.scope) != namespace.lower():
            raise Malformed(f"{what}: the scope {one.scope} is outside {namespace}")


def _key_set(file: strict.Object, folder: Path) -> KeySet:
    def controller(value: Any, what: str) -> dict[str, Any]:
        fields = strict.Object(value, what)
        key = _key(fields, folder)
        fields.done()
        return key

    def signer(value: Any, what: str) -> list[dict[str, Any]]:
        fields = strict.Object(value, what)
        key = _key(fields, folder)
        scopes = fields.take("scope", strict.sequence(names.scope, least=1, most=identity.MAX_SIGNERS))
        fields.done()
        return [{**key, "scope": scope} for scope in scopes]

    controllers = list(file.take("controllers", strict.sequence(controller, least=1)))
    many = file.take("signers", strict.sequence(signer)) if file.has("signers") else ()
    signers = [one for some in many for one in some]
    for name, members in (("controllers", controllers), ("signers", signers)):
        if len({strict.encode(member) for member in members}) != len(members):
            raise Malformed(f"{file.what}: {name}: a key occurs twice")
    value = {
        "controllers": strict.ordered(controllers),
        "threshold": file.take("threshold", strict.integer(1)) if file.has("threshold") else 1,
        "signers": strict.ordered(signers),
    }
    return KeySet.read(value, file.what)


def _key(fields: strict.Object, folder: Path) -> dict[str, Any]:
    return keys.load_public(folder / fields.take("key", strict.text(longest=4096))).key.value()
