# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check whether a salt key decrypts what LiteLLM stored, the one proof that a key is right, and
decrypt it.

LiteLLM keeps each string of ``LiteLLM_ProxyModelTable.litellm_params`` as base64 of NaCl's
secretbox (24 bytes nonce, 16 bytes Poly1305 tag, ciphertext) under SHA-256 of the key. No library
is needed for it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import struct
from typing import Optional

BASE64 = re.compile(r"(?:[A-Za-z0-9_-]*|[A-Za-z0-9+/]*)={0,2}\Z")
NONCE = 24
TAG = 16
ONE_TIME = 32  # bytes of the stream that are the authenticator's key
SIGMA = struct.unpack("<4I", b"expand 32-byte k")
# Salsa20's quarter rounds: the columns, then the rows.
QUARTERS = (
    (0, 4, 8, 12),
    (5, 9, 13, 1),
    (10, 14, 2, 6),
    (15, 3, 7, 11),
    (0, 1, 2, 3),
    (5, 6, 7, 4),
    (10, 11, 8, 9),
    (15, 12, 13, 14),
)
MASK = 0xFFFFFFFF
PRIME = (1 << 130) - 5
CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF


def decrypts(value: str, key: str) -> Optional[bool]:
    """Whether a salt key decrypts a stored value.

    :param value: as the database has it.
    :param key: the salt key, or the master key where no salt key is set.
    :returns: ``None`` for a value that is not in this format: plain text, empty, or of the newer
        ``v2:gcm:`` format (AES-GCM, which LiteLLM only writes where
        ``general_settings.encryption_algorithm`` asks for it).
    """
    box = _box(value)
    if box is None:
        return None
    nonce, tag, ciphertext = box[:NONCE], box[NONCE : NONCE + TAG], box[NONCE + TAG :]
    one_time = _stream(_secret(key), nonce, ONE_TIME)
    return hmac.compare_digest(_poly1305(one_time, ciphertext), tag)


def decrypted(value: str, key: str) -> Optional[str]:
    """A stored value in plain text; ``None`` where :func:`decrypts` is not true, or it is no
    text."""
    box = _box(value)
    if box is None or not decrypts(value, key):
        return None
    text = box[NONCE + TAG :]
    stream = _stream(_secret(key), box[:NONCE], ONE_TIME + len(text))[ONE_TIME:]
    try:
        return bytes(a ^ b for a, b in zip(text, stream)).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _box(value: str) -> Optional[bytes]:
    """Nonce, tag and ciphertext of a stored value, ``None`` for one that is none."""
    if not BASE64.match(value):
        return None
    try:
        box = base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        return None
    return box if len(box) >= NONCE + TAG else None


def _secret(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _stream(key: bytes, nonce: bytes, length: int) -> bytes:
    """So many bytes of the XSalsa20 stream. Poly1305 has its first 32 for a key."""
    mixed = _rounds(_state(key, nonce[:16]))
    subkey = struct.pack("<8I", *(mixed[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))
    blocks = []
    for number in range(-(-length // 64)):
        start = _state(subkey, nonce[16:] + struct.pack("<Q", number))
        words = [(a + b) & MASK for a, b in zip(_rounds(start), start)]
        blocks.append(struct.pack("<16I", *words))
    return b"".join(blocks)[:length]


def _state(key: bytes, block: bytes) -> list[int]:
    """Salsa20's sixteen words, of a key of 32 bytes and 16 bytes of nonce and counter."""
    k, n = struct.unpack("<8I", key), struct.unpack("<4I", block)
    return [SIGMA[0], *k[:4], SIGMA[1], *n, SIGMA[2], *k[4:], SIGMA[3]]


def _rounds(state: list[int]) -> list[int]:
    """Twenty rounds, without the addition at the end, which HSalsa20 does not have."""
    x = list(state)
    for _double in range(10):
        for a, b, c, d in QUARTERS:
            for target, one, two, turn in (
                (b, a, d, 7),
                (c, b, a, 9),
                (d, c, b, 13),
                (a, d, c, 18),
            ):
                total = (x[one] + x[two]) & MASK
                x[target] ^= (total << turn & MASK) | total >> (32 - turn)
    return x


def _poly1305(key: bytes, message: bytes) -> bytes:
    """The authenticator of a message under a key of 32 bytes that is used once."""
    factor = int.from_bytes(key[:16], "little") & CLAMP
    total = 0
    for start in range(0, len(message), 16):
        total = (
            (total + int.from_bytes(message[start : start + 16] + b"\x01", "little"))
            * factor
            % PRIME
        )
    return ((total + int.from_bytes(key[16:], "little")) & ((1 << 128) - 1)).to_bytes(16, "little")
