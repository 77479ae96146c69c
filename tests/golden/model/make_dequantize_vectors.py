#!/usr/bin/env python3
"""Golden vectors for gonka::model::Dequantize, from GGML's own Python package.

    pip install gguf==0.19.0 numpy==2.4.6
    python make_dequantize_vectors.py

writes dequantize.json: per type, blocks of random bytes (with finite scales) and the bits of the floats
that they stand for, both in hex.
"""
import json
import os

import gguf
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
# Byte offsets of the half-precision numbers in a block.
HALVES = {"F16": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q6_K": [208]}


def main():
    rng = np.random.default_rng(7)
    vectors = []
    for name in ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q6_K"]:
        kind = gguf.GGMLQuantizationType[name]
        values, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = 64 if values == 1 else 6
        data = rng.integers(0, 256, (blocks, size), dtype=np.uint8)
        for at in HALVES.get(name, []):
            scales = (rng.standard_normal(blocks) * 10.0 ** rng.integers(-7, 3, blocks)).astype(np.float16)
            data[:, at:at + 2] = scales.view(np.uint8).reshape(blocks, 2)
        if name == "F32":
            floats = data.view(np.float32)
        elif name == "F16":
            floats = data.view(np.float16).astype(np.float32)
        else:
            floats = gguf.quants.dequantize(data.reshape(1, -1), kind)
        floats = np.ascontiguousarray(floats, dtype=np.float32).reshape(-1)
        vectors.append({"type": name, "bytes": data.tobytes().hex(), "floats": floats.view(np.uint8).tobytes().hex()})
    with open(os.path.join(HERE, "dequantize.json"), "w", encoding="ascii") as f:
        json.dump(vectors, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
