"""Ledger records, draws and proofs of a gonka network, checked by the network's own rules.

Hashes, ids and encoded records may be given as bytes or as lower-case hex, as the JSON API prints
them; they come back as hex.
"""

from ._gonka import (
    Error,
    Refused,
    api_key_digest,
    block_hash,
    decode,
    draw_executor,
    inference_id,
    kind_of,
    network_id,
    output_digest,
    request_digest,
    tx_hash,
    verify_proof,
)

__all__ = [
    "Error",
    "Refused",
    "api_key_digest",
    "block_hash",
    "decode",
    "draw_executor",
    "inference_id",
    "kind_of",
    "network_id",
    "output_digest",
    "request_digest",
    "tx_hash",
    "verify_proof",
]
