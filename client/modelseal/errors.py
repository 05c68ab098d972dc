"""Every exception: the class says what the *caller* must do, `exit_code` what the command ends with.

Messages are lower case without a full stop and name the thing and both values. `hint` says what to type next.
`ValueError` and its kin mean a bug of ours; nothing from json, urllib3, sqlite3 or tuf leaves its module.
"""

from __future__ import annotations


class Error(Exception):
    """Refused, or found something. Base of all; exit 1."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Malformed(Error):
    """The bytes are not what they claim to be. Whoever made them must make them again."""


class Unsupported(Malformed):
    """Well formed, but of a type or version that this program does not know. Upgrade it."""


class Refused(Error):
    """A signature or a rule says no."""


class TooFew(Refused):
    """Good signatures, but fewer than the threshold. Let more holders sign."""


class Conflict(Refused):
    """Something else stands there already; the message names the first."""


class Usage(Error):
    """The command line or a file named on it is wrong; exit 2."""

    exit_code = 2


class Unavailable(Error):
    """No answer, or none that proves anything. Try again, or another address; exit 6."""

    exit_code = 6


class NotFound(Unavailable):
    """The address answered that it has no such file. Never a proof of absence."""


class Misbehaviour(Error):
    """Two notes signed by the log key contradict each other; exit 8. Keep both, they are the proof."""

    exit_code = 8

    def __init__(self, message: str, *, older: str, newer: str) -> None:
        super().__init__(message)
        self.older = older
        self.newer = newer


class Pending(Error):
    """Right so far; waits for signatures, approval or a mirror; exit 10."""

    exit_code = 10
