"""What the Hub lists, judged; and who owns the namespace there, asked only where its claim says who should."""

from __future__ import annotations

from dataclasses import replace

from modelseal import listed
from modelseal.formats import names
from modelseal.formats.manifest import File
from modelseal.listed import HubListing
from modelseal.verdict import Decision, Verdict

Token = str | bool | None  # as huggingface_hub takes it


def compare_listing(
    decision: Decision, listing: HubListing, *, files: tuple[File, ...] | None = None, token: Token = None
) -> Verdict:
    """Return what `listed.compare_listing` says; one request for the owner's id where the claim has one.

    That a Hub (a mirror of it) tells no owner is a note: what is sealed stays sealed. Raises Unavailable if it does not
    answer at all.
    """
    if listed.claimed_owner(decision) is None:
        return listed.compare_listing(decision, listing, files=files)
    from modelseal import hub

    asked = listing.token if token is None else token
    owner = hub.owner_id(names.namespace_of(listing.asked), endpoint=listing.endpoint or None, token=asked)
    verdict = listed.compare_listing(decision, listing, files=files, owner=owner)
    if owner is None:
        note = f"the Hub does not tell who owns {names.short(names.namespace_of(listing.asked))}"
        return replace(verdict, notes=(*verdict.notes, note))
    return verdict
