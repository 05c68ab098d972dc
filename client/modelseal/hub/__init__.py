"""The Hub, as the client asks it: the only door to huggingface_hub, and to the HTTP library that it brings.

    listing   what a repo holds at a revision: names, sizes, digests, in one request      upload   one file as a commit
    resolve   branch or tag -> commit      on_branch   or only in a pull request?         owner_id
    files_of  the sha256 of every file     download    into a Hub cache

All that a Hub says is somebody's word: what comes back is bounded in size and checked in form, and whoever uses it
compares it with a seal. Requests go to `HF_ENDPOINT` with the token of `HF_TOKEN` or `hf auth login`, as
huggingface_hub sends them; the token goes nowhere else. Unavailable: no answer, or HF_HUB_OFFLINE. NotFound: it
answers that there is no such repo, revision or file. Refused: gated, a token is needed, or what it says cannot be.
"""

from __future__ import annotations

from modelseal.hub.download import download
from modelseal.hub.files import files_of
from modelseal.hub.history import on_branch, owner_id, resolve
from modelseal.hub.listing import listing
from modelseal.hub.upload import branches, check_writer, upload
from modelseal.listed import HubFile, HubListing, ignored

__all__ = [
    "HubFile",
    "HubListing",
    "branches",
    "check_writer",
    "download",
    "files_of",
    "ignored",
    "listing",
    "on_branch",
    "owner_id",
    "resolve",
    "upload",
]
