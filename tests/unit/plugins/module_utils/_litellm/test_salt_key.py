"""Whether a salt key opens what LiteLLM stored, against PyNaCl and a value that LiteLLM itself
encrypted.
"""

from __future__ import annotations

import base64
import hashlib
import struct

import nacl.secret
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._litellm import salt_key as _salt_key

# encrypt_value_helper("http://127.0.0.1:8082/v1 – schön") of LiteLLM 1.102.4
KEY = "sk-Salt.of/the#team$2025"
STORED = (
    "ONHBWM5ilPfto3sFFHVNe4LdE5xP7Z93FaDMr4v5iUum2Q-bNF8"
    "TQ2BF545ifLqKmEp0ZdrEbLeyxH2KU70b2CMKv1ojiGqVuWwJ"
)


def encrypt(value: bytes, key: str, standard: bool = False) -> str:
    """As LiteLLM does it; ``standard`` as its older releases did."""
    box = bytes(nacl.secret.SecretBox(hashlib.sha256(key.encode()).digest()).encrypt(value))
    return (base64.b64encode if standard else base64.urlsafe_b64encode)(box).decode()


def test_what_litellm_stored() -> None:
    assert _salt_key.decrypts(STORED, KEY) is True
    assert _salt_key.decrypts(STORED, KEY + " ") is False
    assert _salt_key.decrypts(STORED, "") is False


@given(
    value=st.binary(max_size=300),
    key=st.text(st.characters(exclude_categories=["Cs"])),
    other=st.text(),
    standard=st.booleans(),
)
def test_the_right_key_and_no_other(value: bytes, key: str, other: str, standard: bool) -> None:
    stored = encrypt(value, key, standard)
    assert _salt_key.decrypts(stored, key) is True
    assert _salt_key.decrypts(stored, other) is (other == key)


def test_what_litellm_stored_is_read() -> None:
    assert _salt_key.decrypted(STORED, KEY) == "http://127.0.0.1:8082/v1 – schön"
    assert _salt_key.decrypted(STORED, KEY + " ") is None
    assert _salt_key.decrypted("openai/gpt-5", KEY) is None


@given(
    value=st.text(st.characters(exclude_categories=["Cs"]), max_size=300), standard=st.booleans()
)
def test_every_text_comes_back(value: str, standard: bool) -> None:
    assert _salt_key.decrypted(encrypt(value.encode(), KEY, standard), KEY) == value


def test_what_is_no_text_is_none() -> None:
    assert _salt_key.decrypted(encrypt(b"\xff", KEY), KEY) is None


@given(value=st.binary(max_size=40), bit=st.integers(min_value=0))
def test_a_value_that_was_changed(value: bytes, bit: int) -> None:
    box = bytearray(base64.urlsafe_b64decode(encrypt(value, KEY)))
    bit %= len(box) * 8
    box[bit // 8] ^= 1 << bit % 8
    assert _salt_key.decrypts(base64.urlsafe_b64encode(box).decode(), KEY) is False


@given(
    words=st.lists(
        st.sampled_from([0, 1, 0xFFFFFFFF, 0xFFFFFFFB, 0x80000000]), min_size=0, max_size=24
    ),
    rest=st.binary(max_size=15),
)
def test_ciphertexts_at_the_edges_of_the_arithmetic(words: list[int], rest: bytes) -> None:
    """A ciphertext of a chosen form: encrypting the key stream's own difference gives it."""
    wanted, nonce = struct.pack("<%dI" % len(words), *words) + rest, bytes(24)
    box = nacl.secret.SecretBox(hashlib.sha256(KEY.encode()).digest())
    stream = box.encrypt(bytes(len(wanted)), nonce).ciphertext[16:]
    made = box.encrypt(bytes(a ^ b for a, b in zip(wanted, stream)), nonce)
    assert made.ciphertext[16:] == wanted
    assert _salt_key.decrypts(base64.b64encode(bytes(made)).decode(), KEY) is True


@pytest.mark.parametrize(
    "value",
    [
        "",
        "none",
        "openai/embed",
        "http://127.0.0.1:8082/v1",
        "os.environ/OPENAI_API_KEY",
        STORED[:-1],
        STORED + "\n",
        STORED[:-4] + "+_==",
        "v2:gcm:" + base64.urlsafe_b64encode(bytes(60)).decode(),
        base64.b64encode(bytes(39)).decode(),
        "=" * 56,
        "\udc80" * 56,
        base64.b64encode(bytes(40)).decode()[:-1],
    ],
)
def test_other_formats(value: str) -> None:
    assert _salt_key.decrypts(value, KEY) is None


def test_a_key_that_is_no_text() -> None:
    assert _salt_key.decrypts(STORED, "\udc80") is False
