"""Names as people type them, on the command line and in Python alike."""

from __future__ import annotations

from modelseal.errors import Malformed, Usage
from modelseal.formats import names
from modelseal.formats.names import Asked


def asked(text: str | Asked) -> Asked:
    """Read REPO[@REV]: `acme-lab/atlas-7b`, `datasets/acme-lab/corpus@9c1f...` (40 hex digits, or `main`)."""
    if isinstance(text, Asked):
        return text
    try:
        return names.parse_repo(text)
    except Malformed as e:
        shown = names.printable(text)
        if "@" in text and _is_repo(text.partition("@")[0]):
            raise Usage(
                f"{shown}: a revision is a commit of 40 hex digits, or main",
                hint="branches and tags are only names, and move; give the commit",
            ) from e
        raise Usage(
            f"{shown} is not a repo", hint="repos are written owner/name, datasets/owner/name or spaces/owner/name"
        ) from e


def _is_repo(text: str) -> bool:
    try:
        names.parse_repo(text)
    except Malformed:
        return False
    return True


def asked_commit(repo: str | Asked, revision: str | None) -> Asked:
    """Read REPO[@REV] and a revision, which together name one commit."""
    found = asked(repo)
    if revision is not None:
        there = asked(f"{names.short(found.repo)}@{revision}")
        if found.revision is not None and there != found:
            raise Usage(f"two revisions: {found.revision} and {names.printable(revision)}")
        found = there
    if found.revision is None:
        raise Usage("a commit is wanted: 40 hex digits", hint="give it with --revision")
    return found


def at_revision(repo: str | Asked, revision: str | None, *, hub: bool) -> tuple[str, str]:
    """Read REPO[@REV] and a revision; return the repo and the one revision: a branch, tag or commit for the *hub* to
    say, or without it a commit."""
    if not hub:
        given = asked_commit(repo, revision)
        assert given.revision is not None
        return given.repo, given.revision
    if isinstance(repo, Asked):
        uri, named = repo.repo, repo.revision
    else:
        name, at, rest = repo.partition("@")
        uri, named = asked(name).repo, rest if at else None
    if named is not None and revision is not None and named != revision:
        raise Usage(f"two revisions: {names.printable(named)} and {names.printable(revision)}")
    found = named if revision is None else revision
    if not found:
        raise Usage("a revision is wanted: a branch, tag or commit", hint="give it with --revision")
    return uri, found


def namespace(text: str) -> str:
    """Read `hf://owner`."""
    try:
        return names.namespace(text, "namespace")
    except Malformed as e:
        raise Usage(f"{names.printable(text)} is not a namespace", hint="namespaces are written hf://owner") from e


def fingerprint(text: str) -> bytes:
    """Read the fingerprint of a key: `SHA256:` and 64 hex digits, as keygen and show print it."""
    digits = text.removeprefix("SHA256:").removeprefix("sha256:")
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise Usage(
            f"{names.printable(text)} is not a fingerprint",
            hint="SHA256: and 64 hex digits; see: modelseal show NAME.pub",
        )
    return bytes.fromhex(digits)


def reason(text: str) -> str:
    """Read the reason of a revocation."""
    from modelseal.formats.records import REASONS

    if text not in REASONS:
        raise Usage(f"{names.printable(text)!r} is not a reason", hint="reasons are " + ", ".join(REASONS))
    return text
