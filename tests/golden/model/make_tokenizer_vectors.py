#!/usr/bin/env python3
"""Golden vectors for gonka::model::Tokenizer, from the `tokenizers` library.

    pip install tokenizers==0.23.3 gguf==0.19.0
    python make_tokenizer_vectors.py --smollm2 SmolLM2-135M-Instruct.Q4_1.gguf

writes splits.json (how each pre-tokenizer cuts text; independent of any vocabulary) and
smollm2_tokens.json (ids by SmolLM2's vocabulary and merges).
"""
import argparse
import json
import os
import random

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))

LLAMA = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA.replace(r"\p{N}{1,3}", r"\p{N}")


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def split_then_bytes(pattern):
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False)
    return pre_tokenizers.Sequence([split, byte_level(False)])


PRE_TOKENIZERS = {
    "gpt-2": byte_level(True),
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)]),
    "llama-bpe": split_then_bytes(LLAMA),
    "qwen2": split_then_bytes(QWEN2),
}

CURATED = [
    "", " ", "  ", "\n", "\n\n", " \n", "\t\tx", "a", "Hello world", "Hello  world", "Hello   world  ",
    " leading", "trailing ", "it's we'll I'd you're THEY'VE Don'T 'S 's", "'\u017f 'K\u017f", "can''t", "'sup",
    "12345678", "3.14159", "1,000,000", "x1y22z333", "a 5  6   7", "\u0661\u0662\u0663 \u00b2\u00b3 \u2167\u2168 \u00bd\u2153",
    "def f(x):\n    return x**2  # square\n\n\nclass A:\n\tpass\n", "for (int i=0;i<10;++i) { a[i] += 1; }\r\n\r\n  b();",
    "{\"key\": [1, 2.5, null]}\n", "https://example.com/a?b=c&d=%20e#f", "a_b-c.d@e", "C++ && C# || F#",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002", "\u3053\u3093\u306b\u3061\u306f \u4e16\u754c", "\uc548\ub155\ud558\uc138\uc694",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", "\u0645\u0631\u062d\u0628\u0627", "\u0928\u092e\u0938\u094d\u0924\u0947", "caf\u00e9 cafe\u0301 na\u00efve",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "\u00a0nbsp\u00a0\u00a0x", "\u2003em\u2003space", "\u3000ideographic \u3000", "\u180emongolian\u180e \u180e", "\u200bzero\u200bwidth",
    "\u0085nel\u0085\u0085x", "\u2028line\u2029para", "\x0b\x0c vertical", "\x1c\x1d\x1e\x1f sep", "\x00nul\x01\x02", "\ufeffbom",
    "a\r\nb\rc\n\rd", "   \n   \n   x", "x \n\n  y", "...!!!???", " ...", "\n...", "$100 \u20ac50 \u00a35", "\u2014dash\u2014", "\u201cquoted\u201d",
    "<|im_start|>user\nhi<|im_end|>\n", "<|im_start", "|im_end|>", "<|endoftext|>", "<<|im_end|>>", "<repo_name>x",
    "A" * 100, "ab" * 60, " " * 70, "\n" * 40, "9" * 20, "\U0001f600" * 9, "The quick brown fox jumps over the lazy dog.",
    "\u0130stanbul \u01c5 \u02b0 \u00aa \u0345", "\U0001d54f\U0001d7d8 \U00010400", "e\u0301\u0302\u0303", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
]

ALPHABETS = [
    "abcXYZ  '\n", "0129 .,\u0664\u00bd", " \t\n\r\u00a0\u2003\u3000\u0085\u180e\u2028x", "'stmdrevlSTMDREVL\u017f x",
    "\u00e9\u4e2d\u6587\u0416\u05d0\u0627\u0928\u094d\u0301\U0001f600\u200d\ufe0f a1", "!#$%&()*+,-./:;<=>?@[]^_`{|}~ a\n",
]


def texts():
    rng = random.Random(7)
    out = list(CURATED)
    for i in range(240):
        alphabet = ALPHABETS[i % len(ALPHABETS)]
        out.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 40))))
    for _ in range(60):  # Whatever Unicode has had for a long time.
        points = []
        while len(points) < 20:
            point = rng.choice([rng.randrange(0x20, 0x530), rng.randrange(0x530, 0x3100), rng.randrange(0x1F300, 0x1F600)])
            points.append(chr(point))
        out.append("".join(points))
    return out


def byte_of_char():
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in own]
    return {**{chr(b): b for b in own}, **{chr(0x100 + i): b for i, b in enumerate(others)}}


BYTES = byte_of_char()


def pieces(pre, text):
    """The byte lengths of the pieces."""
    raw = [bytes(BYTES[c] for c in piece) for piece, _ in pre.pre_tokenize_str(text)]
    assert b"".join(raw) == text.encode(), text
    return [len(piece) for piece in raw]


def tokenizer_of(path):
    from gguf import GGUFReader
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tok = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tok.pre_tokenizer = PRE_TOKENIZERS[fields["tokenizer.ggml.pre"].contents()]
    specials = [AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, kinds) if k == 3]
    tok.add_special_tokens(specials)
    return tok


def write(name, value):
    with open(os.path.join(HERE, name), "w", encoding="ascii") as f:
        json.dump(value, f, separators=(",", ":"))
        f.write("\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smollm2", help="the GGUF file")
    args = parser.parse_args()
    all_texts = texts()
    write("splits.json", [{"text": t, **{n: pieces(p, t) for n, p in PRE_TOKENIZERS.items()}} for t in all_texts])
    if args.smollm2:
        tok = tokenizer_of(args.smollm2)
        write("smollm2_tokens.json",
              [{"text": t, "ids": tok.encode(t, add_special_tokens=False).ids} for t in all_texts])


if __name__ == "__main__":
    main()
