"""Which 32 bytes may be an Ed25519 key: a canonical encoding of a point that is not of small order.

A key of small order verifies signatures that nobody made; a non-canonical one is a second spelling of the same key.
"""

from __future__ import annotations

_P = 2**255 - 19
_Y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826  # of two points of order 8
_SMALL_ORDER_Y = frozenset((0, 1, _P - 1, _Y8, _P - _Y8))


def is_sound(raw: bytes) -> bool:
    """Whether *raw* is a canonical encoding (y < p) of a point not of small order (RFC 8032, 5.1.3)."""
    if len(raw) != 32:
        return False
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    return y < _P and y not in _SMALL_ORDER_Y
