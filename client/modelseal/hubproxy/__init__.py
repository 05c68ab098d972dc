"""A Hub for programs on this machine, through which only sealed bytes come.

    routes    what a request asks for (pure)          spool     files on their way, checked while they come
    answers   what is said about a repo (pure)        check     their digests
    server    connections and answers                 upstream  the Hub behind it
    files     whole files, and parts of them          ledger    what passed and what was refused
    at_hand   what lies in the user's own Hub cache already

Which files of which repo may pass, with which digests, a `passing.Gate` says. Nothing here decides that, and nothing
that the Hub says about a file is passed on.
"""

from __future__ import annotations

from modelseal.hubproxy.at_hand import Cache
from modelseal.hubproxy.ledger import Ledger, Passed, Refusal
from modelseal.hubproxy.server import Server
from modelseal.hubproxy.spool import Spool
from modelseal.hubproxy.upstream import Upstream

__all__ = ["Cache", "Ledger", "Passed", "Refusal", "Server", "Spool", "Upstream"]
