#!/usr/bin/env python3
"""Golden vectors for gonka::model::Quantize, from GGML's own Python package.

    pip install gguf==0.19.0 numpy==2.4.6
    python make_quantize_vectors.py

writes quantize.json: per type, the bits of floats and the bytes that they become, both in hex.
"""
import json
import os

import gguf
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def values(rng):
    """Blocks of very different sizes; zeros, equal numbers, ties, and the least halves."""
    scale = 10.0 ** rng.integers(-9, 4, (40, 1))
    blocks = (rng.standard_normal((40, 32)) * scale).astype(np.float32)
    blocks[0] = 0
    blocks[1] = 1.5
    blocks[2] = -2
    blocks[3] = np.arange(32) - 15.5
    blocks[4, ::2] = -blocks[4, 1::2]
    blocks[5] = (np.arange(32) + 0.5) * 2.0 ** -24
    return blocks


def main():
    rng = np.random.default_rng(11)
    vectors = []
    for name in ["F32", "F16", "BF16", "Q8_0", "Q4_0"]:
        blocks = values(rng)
        data = gguf.quants.quantize(blocks, gguf.GGMLQuantizationType[name])
        vectors.append({"type": name, "floats": blocks.tobytes().hex(), "bytes": np.ascontiguousarray(data).tobytes().hex()})
    with open(os.path.join(HERE, "quantize.json"), "w", encoding="ascii") as f:
        json.dump(vectors, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
