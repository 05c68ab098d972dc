"""Switches that the Hub's own client has in the environment, read as it reads them."""

from __future__ import annotations

import os

_ON = ("1", "ON", "YES", "TRUE")


def is_on(name: str) -> bool:
    return os.environ.get(name, "").upper() in _ON


def is_off() -> bool:
    """Whether the environment forbids to ask the Hub."""
    return is_on("HF_HUB_OFFLINE") or is_on("TRANSFORMERS_OFFLINE")
