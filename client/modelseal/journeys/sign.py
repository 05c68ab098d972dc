"""Sign a folder: hash every file, say which repo and commit it is, sign that.

1 what does the Hub have there?               4 statement
2 walk, compare names and sizes               5 sign
3 hash, both digests in one pass, compare     6 verify what was made, write it

From the Hub's metadata alone, 2 and 3 are: fetch the small files and hash them, take the Hub's word for the others.
"""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from modelseal import folders, keys, layouts, platform, progress
from modelseal.authorship import check_seal
from modelseal.errors import Conflict, Error, Malformed, Usage
from modelseal.folders import Listing
from modelseal.formats import envelope, manifest, names
from modelseal.formats.envelope import Bundle
from modelseal.formats.leaves import MAX_SEAL
from modelseal.formats.manifest import File, Statement
from modelseal.formats.names import Asked
from modelseal.formats.records import Release
from modelseal.hashing import hash_files
from modelseal.journeys import typed, uploaded
from modelseal.journeys.digests import Hashing
from modelseal.journeys.uploaded import AtHub
from modelseal.keys import SigningKey
from modelseal.keytext import PublicKey
from modelseal.listed import HubListing
from modelseal.values import dataclass

SEAL = "model.sig"


@dataclass(frozen=True, slots=True)
class Signed:
    """A seal and what it says."""

    seal: str  # the bundle's text
    statement: Statement
    public: PublicKey
    at_hub: AtHub | None = None  # None: it was not asked
    path: Path | None = None  # where it was written

    @property
    def digest(self) -> str:
        """The seal's identity: hex SHA-256 of the signed payload."""
        return sha256(self.statement.encode()).hexdigest()

    def release(self, origin: str, replaces: bytes | None = None) -> Release:
        """Return the release record of this seal for the log *origin*.

        *replaces*: the newest seal logged at this revision, in whose place this one is to stand.
        """
        payload, bundle = self.statement.encode(), self.seal.encode()
        return Release(
            origin=origin,
            signer=self.public.key,
            repo=self.statement.repo,
            revision=self.statement.revision,
            seal=sha256(payload).digest(),
            bundle=sha256(bundle).digest(),
            bundle_size=len(bundle),
            files=len(self.statement.files),
            total_bytes=self.statement.total_bytes,
            fileset=manifest.fileset(self.statement.files),
            weights=manifest.weights(self.statement.files),
            replaces=replaces,
        )


def sign(
    path: Path | str | None,
    repo: str | Asked,
    key: SigningKey | Path | str,
    *,
    revision: str | None = None,
    hub: bool = True,
    from_hub: bool = False,
    password: bytes | None = None,
    signature: Path | str | None = None,
    hash: str = "auto",
    jobs: int | None = None,
    quiet: bool = True,
) -> Signed:
    """Seal the folder *path* as the files of *repo* at one commit, and write the seal; nothing is sent.

    *repo* is `acme-lab/atlas-7b@REV`, or without REV, which is then *revision*: a branch, tag or commit. The Hub says
    which commit that is, and the folder must be what the Hub lists there; with *hub* False nobody is asked, and a
    commit (40 hex digits) is taken as given. With *from_hub* the seal is of what the Hub lists, without the weights:
    the sha256 of files in LFS is the Hub's word (`at_hub.on_its_word`), and *path* only says where the seal goes.

    *key* is a private key or where to load it from (a path, `-`, `env:NAME`), with *password* if it has one. The seal
    goes to *signature*, by default `model.sig` in the folder; a seal there that says just the same is kept. A seal has
    sha256 and blake3 of every file; *hash* "sha256" leaves the second out. *jobs*: threads that hash.

        signed = modelseal.sign("./atlas-7b", "acme-lab/atlas-7b", "ci.key", revision="v10")
        print(signed.path, signed.digest)

    Raises Usage (folder, names, key), Conflict (something else stands at *signature*), Error (the folder changed),
    `journeys.uploaded.Differs` (the Hub has other files), Refused (no such repo or revision, or a pull request's),
    Unavailable (the Hub does not answer).
    """
    folder, hashing = Path(path) if path is not None else None, Hashing(hash, jobs)
    uri, named = typed.at_revision(repo, revision, hub=hub)
    check_options(hub, from_hub, hashing)
    target, key = place(folder, signature, from_hub=from_hub), keys.given(key, password)
    asked, there = at_hub(uri, named, hub)  # 1
    kept = existing(target, asked)
    files, says = contents(folder, there, from_hub=from_hub, hashing=hashing, quiet=quiet)
    signed = make(files, asked, key, kept=kept)
    write(target, signed.seal)
    return replace(signed, at_hub=says, path=target)


def check_options(hub: bool, from_hub: bool, hashing: Hashing) -> None:
    """Refuse what cannot be meant together."""
    if from_hub and not hub:
        raise Usage("a seal is made from the Hub's metadata, or without asking it", hint="leave out --no-hub")
    if from_hub and hashing.hash in ("blake3", "both"):
        raise Usage("the Hub tells sha256 only", hint="leave out --hash, or seal the folder itself")
    if hashing.hash == "blake3":
        raise Usage("a seal always has sha256", hint="--hash sha256 leaves blake3 out; nothing leaves sha256 out")


def at_hub(repo: str, revision: str, hub: bool) -> tuple[Asked, HubListing | None]:
    """Return the commit that is to be sealed, and what the Hub has there unless it is not asked."""
    if not hub:
        return Asked(repo, revision), None
    there = uploaded.listing(repo, revision)
    return Asked(repo, there.commit), there


def place(folder: Path | None, signature: Path | str | None, *, from_hub: bool = False) -> Path:
    """Return where the seal goes: `model.sig` in the folder, or anywhere outside of it."""
    if folder is None:
        if signature is None or not from_hub:
            raise Usage("which folder?", hint="give its PATH; or seal what the Hub has: --from-hub --signature FILE")
        target = Path(signature)
    else:
        target = folder / SEAL if signature is None else Path(signature)
        inside = target.absolute().is_relative_to(folder.absolute())
        if inside and target.absolute() != (folder / SEAL).absolute():
            hint = "a seal there would be a file that the seal does not list"
            raise Usage(f"{target} is inside the folder", hint=hint)
        if not from_hub:
            layouts.plain_folder(folder)
            folders.open_folder(folder).close()
    check_parent(target)
    return target


def check_parent(target: Path) -> None:
    """Refuse early to write where there is no folder."""
    if not target.absolute().parent.is_dir():
        raise Usage(f"{target.parent}: no such folder")


def contents(
    folder: Path | None, there: HubListing | None, *, from_hub: bool, hashing: Hashing, quiet: bool
) -> tuple[tuple[File, ...], AtHub | None]:
    """Return what a seal says of the files: of *folder*, which must be as *there* if that is known; or of *there*."""
    on_its_word: tuple[str, ...] = ()
    if from_hub:
        assert there is not None
        files, on_its_word = uploaded.sealable(there, quiet=quiet)
    else:
        assert folder is not None
        files = files_of(folder, hashing, there, quiet=quiet)
    return files, AtHub(there.repo, there.commit, there.private, from_hub, on_its_word) if there else None


def make(
    files: tuple[File, ...], asked: Asked, key: SigningKey, *, kept: str | None, unlike: bytes | None = None
) -> Signed:
    """Return a seal of *files*: *kept*, if it is by *key* and says just what would be signed now, else a new one.

    It is another than the seal with the payload digest *unlike*, which it replaces: that one is void for ever.
    """
    if asked.revision is None:
        raise Usage("a seal is for one commit", hint="give it with --revision, 40 hex digits")
    statement = Statement(asked.repo, asked.revision, int(time.time()), files)  # 4
    if kept is not None and (reused := _reuse(kept, statement, key.public)) is not None:
        return Signed(kept, reused, key.public)
    payload = statement.encode()
    if sha256(payload).digest() == unlike:  # made within the same second
        statement = replace(statement, created=statement.created + 1)
        payload = statement.encode()
    bundle = Bundle(payload, key.sign(envelope.pae(envelope.STATEMENT, payload)), key.public.hint)  # 5
    signed = Signed(bundle.encode(), statement, key.public)
    check_seal(signed.release("self-check"), signed.seal, key.public)  # 6
    return signed


def files_of(folder: Path, hashing: Hashing, there: HubListing | None = None, *, quiet: bool) -> tuple[File, ...]:
    """Return what a seal of *folder* says of its files, all hashed now; Usage if they cannot be sealed, Differs if the
    Hub has others *there*."""
    listing = folders.walk(folder)  # 2
    check_listing(listing)
    _check_names(listing)
    if there is not None:
        uploaded.check_names(there, listing)
    blake3 = hashing.hash != "sha256"
    with progress.shown("hashing", listing.total, quiet=quiet) as step:
        digests = hash_files(listing, None, sha256=True, blake3=blake3, jobs=hashing.jobs, progress=step)  # 3
    files = tuple(
        File(name, found.size, found.sha256, found.blake3)
        for name, found in digests.items()
        if found.sha256 is not None
    )
    if there is not None:
        files = uploaded.check_contents(there, listing, files)
    if listing.again() != listing:  # a download still running, say
        raise Error(f"{folder} changed while it was read")
    return files


def _check_names(listing: Listing) -> None:
    """Refuse what no seal can say, before anybody waits for digests."""
    what = str(listing.root)
    try:
        manifest.check_files(tuple(File(one.name, one.size, bytes(32)) for one in listing.files), what)
        for one in listing.files:
            manifest.file_name(one.name, what)
    except Malformed as e:
        raise Usage(str(e), hint="such a file cannot be sealed: rename or remove it") from e
    if listing.total == 0:
        raise Usage(f"{what} holds no bytes to seal")


def check_listing(listing: Listing) -> None:
    """Refuse to seal what is not all plain files: a consumer would be refused too."""
    for problem in listing.problems:
        raise Usage(f"{names.printable(problem.name)}: {problem.detail}", hint="a seal covers regular files only")


def _reuse(kept: str, statement: Statement, public: PublicKey) -> Statement | None:
    """Return the statement of *kept* if it is valid, by *public*, and about the same repo, commit and files."""
    old = Statement.parse(Bundle.parse(kept).payload)
    # git's ids, which only the Hub makes known, may be missing in the old one: it says less, and is as true
    known = {file.name: file.gitoid for file in old.files}
    files = tuple(file if known.get(file.name) else replace(file, gitoid=None) for file in statement.files)
    if (old.repo, old.revision, old.files) != (statement.repo, statement.revision, files):
        return None
    bundle = Bundle.parse(kept)
    if bundle.hint != public.hint:
        return None
    public.check(bundle.signature, envelope.pae(envelope.STATEMENT, bundle.payload), SEAL)
    return old


def existing(target: Path, asked: Asked) -> str | None:
    """Return the seal at *target* if it is one of the same repo; Conflict if something else stands there."""
    try:
        data = platform.read_file(target, MAX_SEAL, "seal")
    except platform.Missing:
        return None
    try:
        text = data.decode()
        statement = Statement.parse(Bundle.parse(text).payload)
    except (Malformed, UnicodeDecodeError) as e:
        raise Conflict(
            f"{target} is not a seal of ours and is not overwritten", hint="write elsewhere with --signature FILE"
        ) from e
    if statement.repo.lower() != asked.key:
        raise Conflict(
            f"{target} seals {names.short(statement.repo)} and is not overwritten",
            hint="move it away, or write elsewhere with --signature FILE",
        )
    return text


def write(target: Path, seal: str) -> None:
    """Write *seal*; what stood there was read before and is an older seal of the same repo."""
    try:
        platform.replace(target, seal.encode())
    except OSError as e:
        raise Usage(f"{target}: cannot be written: {e.strerror}") from e
