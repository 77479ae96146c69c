#!/usr/bin/env python3
"""Computes a checkpoint's manifest from libgonka/doc/manifest.md alone, without libgonka.

    pip install gguf==0.19.0
    python manifest_of.py SmolLM2-135M-Instruct.Q4_1.gguf

The last line is what tests/unit/model/manifest_test.cc pins.
"""
import hashlib
import struct
import sys

from gguf import GGUFReader

PRE_TOKENIZERS = ["gpt-2", "smollm", "llama-bpe", "qwen2"]
END_TEXTS = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|end|>", "<end_of_turn>",
             "</s>"]


def u32(value):
    return struct.pack("<I", value)


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return u32(len(raw)) + raw


def texts(values):
    return u32(len(values)) + b"".join(text(v) for v in values)


def optional(value):
    return b"\0" if value is None else b"\1" + u32(value)


def tagged(tag, body):
    return hashlib.blake2b(bytes([len(tag)]) + tag.encode() + body, digest_size=32).digest()


def main():
    reader = GGUFReader(sys.argv[1])
    names = {t.name for t in reader.tensors}

    def get(key, fallback=None):
        return reader.fields[key].contents() if key in reader.fields else fallback

    heads = get("llama.attention.head_count")
    tokens = get("tokenizer.ggml.tokens")
    hidden = get("llama.embedding_length")
    config = tagged("gonka/model/config/1", text("llama") + b"".join(u32(v) for v in [
        get("llama.block_count"), hidden, heads, get("llama.attention.head_count_kv", heads),
        get("llama.attention.key_length", hidden // heads), get("llama.feed_forward_length"),
        get("llama.vocab_size", len(tokens)), get("llama.context_length")
    ]) + struct.pack("<ff", get("llama.attention.layer_norm_rms_epsilon"), get("llama.rope.freq_base", 10000.0)) +
                    b"\0" + bytes(["output.weight" not in names]))

    kinds = get("tokenizer.ggml.token_type")
    eos = get("tokenizer.ggml.eos_token_id")
    ends = {i for i, t in enumerate(tokens) if kinds[i] == 3 and t in END_TEXTS}
    for key in ["eos", "eot", "eom"]:
        ends |= {get(f"tokenizer.ggml.{key}_token_id")} - {None}
    pre = PRE_TOKENIZERS.index(get("tokenizer.ggml.pre"))
    tokenizer = tagged("gonka/model/tokenizer/1", bytes([pre]) + texts(tokens) + u32(len(kinds)) + bytes(kinds) +
                       texts(get("tokenizer.ggml.merges")) + optional(get("tokenizer.ggml.bos_token_id")) +
                       optional(eos) + u32(len(ends)) + b"".join(u32(i) for i in sorted(ends)) +
                       bytes([get("tokenizer.ggml.add_bos_token", pre == 2)]))
    template = tagged("gonka/model/chat-template/1", text(get("tokenizer.chat_template", "")))

    hashes = []
    for tensor in sorted(reader.tensors, key=lambda t: t.name.encode()):
        shape = [int(n) for n in reversed(tensor.shape)]
        head = text(tensor.name) + u32(len(shape)) + b"".join(struct.pack("<Q", n) for n in shape)
        raw = tensor.data.tobytes()
        hashes.append(tagged("gonka/model/tensor/1", head + u32(int(tensor.tensor_type)) + struct.pack("<Q", len(raw)) +
                             raw))
    tensors = tagged("gonka/model/tensors/1", u32(len(hashes)) + b"".join(hashes))

    for name, value in [("config", config), ("tokenizer", tokenizer), ("chat_template", template), ("tensors", tensors)]:
        print(name, value.hex())
    print("manifest", tagged("gonka/model/manifest/1", config + tokenizer + template + tensors).hex())


if __name__ == "__main__":
    main()
