"""`registry.toml` and `mirror.toml`: every field, what it means, and what lies where in a folder.

    origin = "registry.example"
    listen = "127.0.0.1:8750"

Read once, when a command starts; unknown fields are refused, so that a misspelt limit is not silently none.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modelseal import platform
from modelseal.errors import Malformed, Usage
from modelseal.formats import names, strict
from modelseal.formats.strict import Check
from modelseal_registry.fetch.addresses import check_entry

MAX_CONFIG = 64 << 10
DEFAULT_LISTEN = "127.0.0.1:8750"
HUB = "https://huggingface.co"

_LISTEN = re.compile(r"([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\]):([0-9]{1,5})", re.ASCII)
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3})(?::[0-9]+)?(?:/|$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of a registry or a mirror (`--dir`)."""

    dir: Path

    @property
    def registry_toml(self) -> Path:
        return self.dir / "registry.toml"

    @property
    def mirror_toml(self) -> Path:
        return self.dir / "mirror.toml"

    @property
    def keys(self) -> Path:
        return self.dir / "keys"

    @property
    def database(self) -> Path:
        return self.dir / "log.sqlite"

    @property
    def public(self) -> Path:
        """The static files: copied, they are a working mirror."""
        return self.dir / "public"

    @property
    def trust(self) -> Path:
        """The TUF repository, as it is served below `trust/`."""
        return self.dir / "trust"

    @property
    def draft(self) -> Path:
        """The next state of the trust root, while operators sign it."""
        return self.dir / "trust.draft"

    @property
    def trust_saved(self) -> Path:
        """A mirror's trust root, in the saved form."""
        return self.dir / "registry.trust"

    @property
    def lock(self) -> Path:
        """Held by the one process that may write the log."""
        return self.dir / "lock"


@dataclass(frozen=True, slots=True)
class Config:
    """What `registry.toml` says."""

    place: Place
    origin: str
    url: str
    listen: str
    workers: int
    max_age_s: int
    recosign_s: int
    log: Literal["text", "json"] = "text"
    writes_per_minute: int = 120
    reads_per_minute: int = 6_000
    releases_per_day: int = 100
    releases_per_repo: int = 1_000
    repos_per_signer: int = 1_000
    revocations_per_minute: int = 60
    observations_per_day: int = 10_000
    hub: str = HUB
    nameserver: str = ""
    unsafe_private_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MirrorConfig:
    """What `mirror.toml` says."""

    place: Place
    source: str
    fingerprint: str
    listen: str
    workers: int
    log: Literal["text", "json"] = "text"


def read_listen(value: Any, what: str) -> str:
    """`HOST:PORT`; port 0 takes any free one."""
    text = strict.text()(value, what)
    match = _LISTEN.fullmatch(text)
    if not match or int(match[2]) > 65535:
        raise Malformed(f"{what}: {text[:80]!r} is not HOST:PORT")
    return text


def address_of(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def url_of(origin: str) -> str:
    """Return where a log of this name is reached: its origin is the URL without scheme."""
    return ("http://" if _LOOPBACK.match(origin) else "https://") + origin


def _between(least: int, most: int) -> Check[int]:
    def check(value: Any, what: str) -> int:
        number = strict.integer(least)(value, what)
        if number > most:
            raise Malformed(f"{what}: {number}, allowed are {least} to {most}")
        return number

    return check


_LISTEN_SAYS = "Where to listen. Only a proxy on this machine reaches 127.0.0.1; it does TLS and limits who may send."
_WORKERS_SAYS = "Processes that answer HTTP, 1 to 64."
_LOG = (strict.text(r"text|json", longest=4), "What is told on stderr: text for people, or json, one object a line.")
_MOST = 10**9  # a limit that is none

# name -> (check, what the file says about it)
_REGISTRY: dict[str, tuple[Check[Any], str]] = {
    "origin": (names.origin, "The name of this log, for ever: it stands in every record and in the signed trust root."),
    "url": (
        strict.text(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?", longest=256),
        "Where publishers and clients find it. It stands in the signed trust root too, and must be the same there.",
    ),
    "listen": (read_listen, _LISTEN_SAYS),
    "workers": (_between(1, 64), _WORKERS_SAYS),
    "max_age_s": (
        _between(60, 30 * 86400),
        "Seconds after which clients refuse an answer as too old. As in the signed trust root.",
    ),
    "recosign_s": (
        _between(1, 3600),
        "Seconds after which a log without new records gets a new time, so that its answers stay young.",
    ),
    "log": _LOG,
    "writes_per_minute": (
        _between(1, _MOST),
        "Submissions from one address (of IPv6: one /64) in a minute; behind a proxy see serve --behind-proxy.",
    ),
    "reads_per_minute": (
        _between(1, _MOST),
        "Evidence, /healthz and /metrics asked for by one address in a minute. Files are not counted.",
    ),
    "releases_per_day": (_between(1, _MOST), "Releases by one signer in a day (UTC); ten times that in its namespace."),
    "releases_per_repo": (_between(1, _MOST), "Releases of one repo by one signer; ten times that by all."),
    "repos_per_signer": (_between(1, _MOST), "Repos that one signer seals; ten times that in its namespace."),
    "revocations_per_minute": (_between(1, _MOST), "Revocations by one key in a minute."),
    "observations_per_day": (_between(1, _MOST), "Observations by one observer in a day (UTC); of a repo at most 24."),
    "hub": (
        strict.text(r"(?:https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?)?", longest=256),
        'Where the evidence of claims is looked for, beside the owners\' domains. "": none is looked for.',
    ),
    "nameserver": (
        strict.text(r"(?:(?:[0-9.]{7,15}|\[[0-9a-f:.]{2,45}\]):[0-9]{1,5})?", longest=64),
        "ADDRESS:PORT of the name server that is asked about owners' domains. \"\": the system's.",
    ),
    "unsafe_private_addresses": (
        strict.sequence(check_entry, most=256),
        "Owners' domains may have only public addresses, but for these: DOMAIN, ADDRESS, NETWORK, or "
        "DOMAIN=ADDRESS:PORT to connect there without asking. A claimant can make this registry ask any of them.",
    ),
}
_MIRROR: dict[str, tuple[Check[Any], str]] = {
    "source": (
        strict.text(longest=4096),
        "Where this mirror reads: the address of a registry, or of another mirror, or a folder.",
    ),
    "fingerprint": (
        strict.text(r"[0-9a-f]{64}"),
        "The SHA-256 of the version of the registry's trust root from which on this mirror believes it.",
    ),
    "listen": (read_listen, _LISTEN_SAYS),
    "workers": (_between(1, 64), _WORKERS_SAYS),
    "log": _LOG,
}


def defaults(place: Place, origin: str) -> Config:
    """Return the configuration that `init` writes. A log named by a loopback address listens there."""
    url = url_of(origin)
    host, colon, port = origin.partition("/")[0].partition(":")
    listen = f"{host}:{port}" if colon and url.startswith("http:") else DEFAULT_LISTEN
    return Config(place, origin, url, listen, _workers(), max_age_s=86400, recosign_s=240)


def mirror_defaults(place: Place, source: str, fingerprint: bytes) -> MirrorConfig:
    return MirrorConfig(place, source, fingerprint.hex(), DEFAULT_LISTEN, _workers())


def _workers() -> int:
    return max(1, min(4, platform.cores()))


def read(place: Place) -> Config:
    """Read `registry.toml`."""
    found = Config(place, **_read(place.registry_toml, _REGISTRY, "registry", "init --origin ORIGIN"))
    if found.recosign_s * 2 > found.max_age_s:
        raise Usage(
            f"{place.registry_toml}: recosign_s is {found.recosign_s}, at most half of max_age_s ({found.max_age_s}): "
            "an idle log would be too old before it is cosigned again"
        )
    return found


def read_mirror(place: Place) -> MirrorConfig:
    """Read `mirror.toml`."""
    return MirrorConfig(place, **_read(place.mirror_toml, _MIRROR, "mirror", "mirror init --from URL#sha256:HEX"))


def _read(path: Path, fields: dict[str, tuple[Check[Any], str]], what: str, make: str) -> dict[str, Any]:
    try:
        data = platform.read_file(path, MAX_CONFIG, path.name, follow=True)
    except platform.Missing as e:
        raise Usage(
            f"{path.parent} is not the folder of a {what}: it has no {path.name}",
            hint=f"modelseal-registry --dir {path.parent} {make}",
        ) from e
    try:
        value = strict.Object(tomllib.loads(strict.decode(data, path.name, limit=MAX_CONFIG)), path.name)
        found = {name: value.take(name, check) for name, (check, _) in fields.items()}
        value.done()
    except tomllib.TOMLDecodeError as e:
        raise Usage(f"{path}: not TOML: {names.printable(str(e))}") from e
    except Malformed as e:
        raise Usage(f"{path.parent / ''}{e}") from e
    return found


def encode(config: Config | MirrorConfig) -> bytes:
    """Return the file, every field with its comment."""
    fields = _REGISTRY if isinstance(config, Config) else _MIRROR
    what = "This registry" if isinstance(config, Config) else "This mirror"
    lines = [f"# {what}'s settings, read when a command starts. A field that is not known here is refused."]
    for field in dataclasses.fields(config):
        if field.name in fields:
            value = getattr(config, field.name)
            text = str(value) if isinstance(value, int) else strict.encode(value)
            lines += ["", f"# {fields[field.name][1]}", f"{field.name} = {text}"]
    return ("\n".join(lines) + "\n").encode()
