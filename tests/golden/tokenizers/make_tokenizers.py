#!/usr/bin/env python3
"""Small tokenizers of every kind that gonka::model reads, trained here, and what the libraries that
trained them make of texts.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3
    python make_tokenizers.py                              # trains, writes KIND/ and KIND.json here
    python make_tokenizers.py --texts 100000 --out DIR     # more vectors for the same tokenizers

GONKA_TOKENIZER_VECTORS=DIR makes the unit test read those.
"""
import argparse
import json
import pathlib
import random
import sys
import unicodedata

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent / "model"))
from make_tokenizer_vectors import ALPHABETS, CURATED, QWEN2  # noqa: E402

CORPUS = (ROOT / "LICENSE").read_text(encoding="utf-8").split("\n") + [text for text in CURATED if text.strip() and "<|" not in text] * 4
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
COMPOSING = ["e\u0301", "\u00e9", "o\u0308\u0323", "\u1100\u1161\u11a8", "\uac01", "\u212b", "\u2126", "\u037e", "\u0958",
             "q\u0307\u0323", "\u0323\u0307", "\u0f73", "\U0001d15e", "\ufb1d", "\u0344", "\u1e9b\u0323", ">\u0338", "\u0301",
             "\u0e4d\u0e32", "\ufb01", "\uff21\uff42", "\u2460", "\u00bd", "\u3300", "\u00ad", "\ufffd", "\u2581", "\u2581\u2581a"]


def added(text, special, **flags):
    return AddedToken(text, special=special, normalized=flags.pop("normalized", False), **flags)


def train_bytes(cuts, normalizer, tokens):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = cuts
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens(tokens)
    return json.loads(tokenizer.to_str())


def train_pieces(normalizer, cuts, tokens, byte_fallback, fuse_unk):
    """Trained on words; normalizer and cuts are what is then used."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=fuse_unk, byte_fallback=byte_fallback))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    first = ["<unk>", "<s>", "</s>"]
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=700 if byte_fallback else 400, limit_alphabet=90, show_progress=False,
        special_tokens=first + (BYTES if byte_fallback else [])))
    tokenizer.add_tokens(tokens)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = cuts
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [token for token in data["added_tokens"] if token["content"] not in BYTES]
    return data


def prepend():
    return normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])


def qwen_cuts():
    split = pre_tokenizers.Split(Regex(QWEN2), behavior="isolated", invert=False)
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def gpt2_cuts():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


STRIPS = [added("<|im_start|>", True), added("<|im_end|>", True, rstrip=True), added("<mask>", True, lstrip=True),
          added("<both>", False, lstrip=True, rstrip=True)]
JSON_KINDS = {
    "bytes-nfc": lambda: train_bytes(qwen_cuts(), normalizers.NFC(), STRIPS + [
        added("<tool>", False, normalized=True), added("cafe\u0301!", False, normalized=True, rstrip=True)]),
    "bytes-strip": lambda: train_bytes(gpt2_cuts(), None, STRIPS),
    "llama-prepend": lambda: train_pieces(prepend(), None, STRIPS + [added("<tool>", False, normalized=True)], True, True),
    "llama-replace": lambda: train_pieces(normalizers.Replace(" ", "\u2581"), None, STRIPS, True, True),
    "metaspace-first": lambda: train_pieces(
        None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), STRIPS, True, True),
    "metaspace-words": lambda: train_pieces(
        None, pre_tokenizers.Metaspace(prepend_scheme="always", split=True), STRIPS, False, True),
    "metaspace-unfused": lambda: train_pieces(
        None, pre_tokenizers.Metaspace(prepend_scheme="never", split=True), STRIPS, False, False),
}
SPM_KINDS = {
    "spm-bpe": {"model_type": "bpe", "byte_fallback": True, "vocab_size": 560, "remove_extra_whitespaces": False,
                "normalization_rule_name": "identity", "user_defined_symbols": ["<tool>", "\n\n", "\u2581\u2581"]},
    "spm-bpe-unknown": {"model_type": "bpe", "vocab_size": 360, "normalization_rule_name": "identity",
                        "character_coverage": 0.98, "add_dummy_prefix": False},
    "spm-unigram": {"model_type": "unigram", "vocab_size": 300, "normalization_rule_name": "nmt_nfkc",
                    "character_coverage": 0.99, "user_defined_symbols": ["<tool>", "<b>"]},
    "spm-unigram-bytes": {"model_type": "unigram", "vocab_size": 520, "normalization_rule_name": "identity",
                          "byte_fallback": True, "character_coverage": 0.99, "remove_extra_whitespaces": False},
}


def random_text(rng, specials):
    """Everything that may go together: letters and marks of all scripts, spaces, tokens, words."""
    text = ""
    for _ in range(rng.randrange(1, 9)):
        kind = rng.randrange(8)
        if kind == 0 and specials:
            text += rng.choice(specials) + rng.choice(["", "", " ", "  \n", "\u00a0", "\u0338"])
        elif kind == 1:
            text += rng.choice(COMPOSING)
        elif kind == 2:
            text += rng.choice([" ", "  ", "   ", "\n", "\n\n", "\t", "\u3000", "\u2581"])
        elif kind == 3:
            text += chr(rng.choice([rng.randrange(1, 0x250), rng.randrange(0x250, 0x3100), rng.randrange(0x3100, 0xd800),
                                    rng.randrange(0xe000, 0x10000), rng.randrange(0x10000, 0x20000)]))
        elif kind == 4:
            text += rng.choice(CURATED)[:rng.randrange(1, 30)]
        elif kind == 5:
            line = rng.choice(CORPUS)
            begin = rng.randrange(len(line) + 1)
            text += line[begin:begin + rng.randrange(1, 60)]
        else:
            alphabet = rng.choice(ALPHABETS)
            text += "".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 12)))
    return text


def is_assigned(text):
    """By this Python's Unicode. `tokenizers` composes by an old one: no marks younger than that."""
    return all(unicodedata.category(c) not in ("Cn", "Cs") and
               unicodedata.combining(c) == unicodedata.ucd_3_2_0.combining(c) for c in text)


def texts(count, specials, seed):
    rng = random.Random(seed)
    chosen = [text for text in CURATED + COMPOSING if is_assigned(text)]
    while len(chosen) < count:
        text = random_text(rng, specials)
        if is_assigned(text):
            chosen.append(text)
    return chosen


def write_vectors(path, vocab, vectors):
    with open(path, "w", encoding="ascii") as out:
        out.write('{"vocab":%d,"vectors":[\n' % vocab)
        out.write(",\n".join(json.dumps(vector, separators=(",", ":")) for vector in vectors))
        out.write("\n]}\n")


def json_kind(name, train, out, count):
    folder = HERE / name
    if train:
        folder.mkdir(exist_ok=True)
        data = JSON_KINDS[name]()
        (folder / "tokenizer.json").write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="ascii")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    specials = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    vectors = []
    for text in texts(count, specials, name):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        vectors.append([text, ids, tokenizer.decode(ids)])
    write_vectors(out / f"{name}.json", tokenizer.get_vocab_size(), vectors)


def spm_kind(name, train, out, count):
    folder = HERE / name
    if train:
        folder.mkdir(exist_ok=True)
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(line for text in CORPUS for line in text.split("\n") if line),
            model_writer=open(folder / "tokenizer.model", "wb"), minloglevel=2, num_threads=1, **SPM_KINDS[name])
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    specials = SPM_KINDS[name].get("user_defined_symbols", [])
    # SentencePiece's unigram model sums over symbols of users, too, which decides ties behind them;
    # here every stretch of text is cut by itself.
    few = ["a<tool>b", "x <b> y", "<tool>", "  <tool>  ", "the<b><b> Work"] if "unigram" in name else []
    vectors = []
    for text in few + texts(count, [] if few else specials, name):
        ids = processor.encode(text)
        vectors.append([text, ids, processor.decode(ids)])
    write_vectors(out / f"{name}.json", processor.vocab_size(), vectors)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=180)
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    arguments = parser.parse_args()
    arguments.out.mkdir(exist_ok=True)
    for name in JSON_KINDS:
        json_kind(name, arguments.out == HERE, arguments.out, arguments.texts)
    for name in SPM_KINDS:
        spm_kind(name, arguments.out == HERE, arguments.out, arguments.texts)


if __name__ == "__main__":
    main()
