"""TOML as its JSON Schemas see it."""

from __future__ import annotations

import datetime
from typing import Any


def as_json(value: Any) -> Any:
    """What tomllib gives, for a schema: days and times as texts."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else value
