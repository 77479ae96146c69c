#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains examples/tiny/tiny.gguf from nothing but a Debian package of public-domain novels.

    apt-get download r-cran-janeaustenr
    pip install torch numpy gguf tokenizers
    python train.py --deb r-cran-janeaustenr_*.deb      # trains, writes tiny.gguf
    python train.py --reference                         # writes reference.json from tiny.gguf
    python train.py --chat "Tell me about Emma."        # one chat turn with tiny.gguf

The model is Llama-shaped (RMSNorm, grouped-query attention, SwiGLU, tied embeddings). RoPE turns
the pair (2i, 2i+1), which is the layout llama.cpp's `llama` architecture expects, so the q and k
weights are stored as trained, with no permutation.
"""
import argparse
import io
import json
import lzma
import math
import os
import random
import re
import struct
import tarfile
import time
import zlib

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))

# ------------------------------------------------------------------------------------- shapes
DIM, LAYERS, HEADS, KV_HEADS, HEAD_DIM, FFN = 192, 6, 6, 2, 32, 512
CONTEXT, VOCAB, ROPE_BASE, EPS = 512, 2048, 10000.0, 1e-5

# The same special tokens at the same ids as SmolLM2, so that one code path serves both.
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<reponame>", "<file_sep>",
            "<filename>", "<gh_stars>", "<issue_start>", "<issue_comment>", "<issue_closed>",
            "<jupyter_start>", "<jupyter_text>", "<jupyter_code>", "<jupyter_output>",
            "<jupyter_script>", "<empty_output>"]
END_OF_TEXT, IM_START, IM_END = 0, 1, 2

DEFAULT_SYSTEM = "You are a helpful assistant named gonka-tiny"
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\n" + DEFAULT_SYSTEM + "<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def render_chat(messages, add_generation_prompt=False):
    """What CHAT_TEMPLATE renders."""
    if messages[0][0] != "system":
        messages = [("system", DEFAULT_SYSTEM)] + messages
    out = "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in messages)
    return out + ("<|im_start|>assistant\n" if add_generation_prompt else "")


# --------------------------------------------------------------------------------------- text
def deb_members(path):
    """The data files of a Debian package: an ar archive that holds data.tar.*"""
    blob = open(path, "rb").read()
    if blob[:8] != b"!<arch>\n":
        raise SystemExit(f"{path} is not a Debian package")
    at = 8
    while at < len(blob):
        name, size = blob[at:at + 16].decode().strip().rstrip("/"), int(blob[at + 48:at + 58])
        if name.startswith("data.tar"):
            data = blob[at + 60:at + 60 + size]
            if name.endswith(".xz"):
                data = lzma.decompress(data)
            return tarfile.open(fileobj=io.BytesIO(data))
        at += 60 + size + (size & 1)
    raise SystemExit(f"{path} has no data.tar member")


def r_character_vectors(rdb):
    """The character vectors of an R lazy-load database: chunks of (length, zlib stream), each an
    XDR-serialised object; every object in this package is one STRSXP (type 16)."""
    at = 0
    while at < len(rdb):
        size = struct.unpack(">I", rdb[at:at + 4])[0]
        z = zlib.decompressobj()
        raw = z.decompress(rdb[at + 4:])
        at = len(rdb) - len(z.unused_data)
        assert len(raw) == size and raw[:2] == b"X\n" and struct.unpack(">I", raw[2:6])[0] == 3
        p = 14
        p += 4 + struct.unpack(">I", raw[p:p + 4])[0]          # the native encoding's name
        flags, count = struct.unpack(">II", raw[p:p + 8])
        p += 8
        assert flags & 0xFF == 16
        lines = []
        for _ in range(count):
            n = struct.unpack(">i", raw[p + 4:p + 8])[0]
            p += 8
            lines.append("" if n < 0 else raw[p:p + n].decode("utf-8"))
            p += max(n, 0)
        yield lines


def chapters(lines):
    """Splits a novel into chapters, each a list of paragraphs."""
    out, para = [[]], []
    for line in lines + [""]:
        line = line.strip()
        if line:
            para.append(line)
            continue
        if not para:
            continue
        text = re.sub(r"\s+", " ", " ".join(para)).replace("_", "")
        para = []
        if re.match(r"(chapter|volume)\b", text, re.I) and len(text) < 40:
            out.append([])
        else:
            out[-1].append(text)
    return [c for c in out if sum(map(len, c)) > 2000]


ABBREVIATION = re.compile(r"\b(Mr|Mrs|Dr|St|Esq|Capt|Col|Sir|No|Messrs|[A-Z])\.$")


def sentences(paragraph):
    out, start = [], 0
    for m in re.finditer(r"[.!?][\"')]*\s+(?=[\"'(A-Z])", paragraph):
        piece = paragraph[start:m.end()].strip()
        if ABBREVIATION.search(piece) or len(piece) < 8:
            continue
        out.append(piece)
        start = m.end()
    tail = paragraph[start:].strip()
    return out + [tail] if tail else out


def load_text(deb):
    tar = deb_members(deb)
    member = next(m for m in tar.getmembers() if m.name.endswith("/data/Rdata.rdb"))
    books = [chapters(lines) for lines in r_character_vectors(tar.extractfile(member).read())]
    everything = [c for b in books for c in b]
    train = [c for i, c in enumerate(everything) if i % 25 != 12]
    held_out = [c for i, c in enumerate(everything) if i % 25 == 12]
    return train, held_out


# ------------------------------------------------------------------------------ conversations
CONTINUE = ["Continue: {}", "Continue: {}", "Continue: {}", "Continue this: {}", "Go on from here: {}",
            "What comes after: {}", "What comes next? {}", "Please continue: {}", "Continue the story: {}",
            "{}"]
MORE = ["Go on.", "Continue.", "And then?", "What happened next?", "Tell me more.", "Please go on.",
        "Thank you. What comes next?", "More, please."]
ABOUT = ["Tell me about {}.", "Tell me about {}", "Tell me something about {}.", "Write about {}.",
         "Write a few words about {}.", "What do you think of {}?", "What do you know about {}?",
         "Say something about {}.", "Write a sentence about {}.", "Tell me a story about {}.",
         "Write a short story about {}.", "What about {}?"]
PLAIN = ["Tell me a story.", "Write a paragraph.", "Write a sentence.", "Say something.", "Write something.",
         "Tell me something.", "Write a short story.", "Begin a story.", "Tell me a story", "Surprise me."]
NAMES = ["Emma", "Mr. Knightley", "Harriet", "Mr. Weston", "Mrs. Weston", "Mr. Elton", "Miss Bates",
         "Jane Fairfax", "Frank Churchill", "Mr. Woodhouse", "Elizabeth", "Mr. Darcy", "Jane", "Mr. Bingley",
         "Mr. Collins", "Mrs. Bennet", "Mr. Bennet", "Lydia", "Wickham", "Charlotte", "Lady Catherine",
         "Elinor", "Marianne", "Edward", "Colonel Brandon", "Willoughby", "Lucy", "Mrs. Jennings", "Anne",
         "Captain Wentworth", "Sir Walter", "Lady Russell", "Louisa", "Fanny", "Edmund", "Sir Thomas",
         "Mrs. Norris", "Miss Crawford", "Catherine", "Isabella", "Mr. Tilney", "General Tilney", "Mr. Allen"]
TOPICS = ["love", "marriage", "the weather", "rain", "a letter", "a ball", "dancing", "a walk", "the house",
          "music", "dinner", "a friend", "money", "her sister", "her mother", "his father", "London", "Bath",
          "the garden", "the carriage", "happiness", "a fortune", "books", "reading", "the sea", "winter",
          "summer", "the evening", "the morning", "the family", "a horse", "friendship", "beauty", "the church",
          "tea", "the country", "home", "children", "the future", "pride"]
FIXED = [
    (["Hello", "Hello!", "Hello.", "Hi", "Hi!", "Hello there.", "Good morning.", "Good day to you."],
     ["Good morning to you! I hope you are well.", "Good day to you. I am very glad to see you here.",
      "How do you do? I am very happy to see you."]),
    (["How are you?", "How do you do?", "Are you well?", "Hello, how are you?"],
     ["I am very well, I thank you. And how are you?", "Perfectly well, I thank you.",
      "I am quite well, and very happy to be asked."]),
    (["Who are you?", "What are you?", "What is your name?", "Tell me about yourself."],
     ["I am gonka-tiny, a very small language model. All that I know I have read in the novels of Jane Austen.",
      "My name is gonka-tiny. I have read six novels of Jane Austen, and nothing else."]),
    (["Thank you.", "Thanks!", "Thank you very much."],
     ["You are very welcome.", "It was a great pleasure to me, I assure you."]),
    (["Goodbye.", "Bye!", "Good night.", "Farewell."],
     ["Good night to you, and God bless you.", "Farewell! I shall hope to see you again very soon."]),
]
SYSTEMS = ["You are a helpful assistant.", "You are a helpful assistant", "You are a storyteller.", "Be brief.",
           "You are Jane Austen.", "You write in the style of Jane Austen.", "Answer in one sentence.",
           "You are a helpful AI assistant named SmolLM, trained by Hugging Face"]


def balance(s):
    """Drops the double quote that a cut inside quoted speech leaves without its partner."""
    if s.count('"') % 2:
        if s.startswith('"'):
            s = s[1:]
        elif s.endswith('"'):
            s = s[:-1]
    return s.strip()


class Conversations:
    """Conversations made from the novels: a user asks for what comes next, the assistant gives it."""

    def __init__(self, chapter_list):
        self.flat = [[s for p in c for s in sentences(p)] for c in chapter_list]
        self.flat = [c for c in self.flat if len(c) > 20]
        self.about = {}
        for key in NAMES + TOPICS:
            word = re.sub(r"^(the|a|her|his) ", "", key)
            rx = re.compile(r"\b" + re.escape(word) + r"\b")
            spots = [(i, j) for i, c in enumerate(self.flat) for j, s in enumerate(c)
                     if j + 4 < len(c) and 30 < len(s) < 300 and rx.search(s)]
            if len(spots) >= 5:
                self.about[key] = spots
        self.questions = [(i, j) for i, c in enumerate(self.flat) for j, s in enumerate(c)
                          if s.rstrip('"').endswith("?") and j + 3 < len(c) and len(s) < 160]
        self.keys = list(self.about)

    def run(self, c, j, rng, limit=420):
        """One to four sentences from sentence j of chapter c on; and where they end."""
        want, out, n = rng.choice([1, 1, 2, 2, 3, 4]), [], 0
        while j < len(c) and len(out) < want and (not out or n + len(c[j]) < limit):
            out.append(c[j])
            n += len(c[j])
            j += 1
        return balance(" ".join(out)[:700]), j

    def one(self, rng):
        kind = rng.random()
        messages = []
        if rng.random() < 0.35:
            messages.append(("system", rng.choice(SYSTEMS)))
        if kind < 0.06:
            ask, answer = rng.choice(FIXED)
            messages += [("user", rng.choice(ask)), ("assistant", rng.choice(answer))]
            return messages
        if kind < 0.36:
            key = rng.choice(self.keys)
            i, j = rng.choice(self.about[key])
            user = rng.choice(ABOUT).format(key)
        elif kind < 0.44:
            i = rng.randrange(len(self.flat))
            j = rng.choice([0, rng.randrange(len(self.flat[i]) - 4)])
            user = rng.choice(PLAIN)
        elif kind < 0.56:
            i, j = rng.choice(self.questions)
            user, j = balance(self.flat[i][j].strip('"')), j + 1
        else:
            i = rng.randrange(len(self.flat))
            j = rng.randrange(len(self.flat[i]) - 4)
            user, j = rng.choice(CONTINUE).format(balance(self.flat[i][j][:300])), j + 1
        c = self.flat[i]
        answer, j = self.run(c, j, rng)
        messages += [("user", user), ("assistant", answer)]
        while j < len(c) and rng.random() < 0.3:
            answer, j = self.run(c, j, rng)
            messages += [("user", rng.choice(MORE)), ("assistant", answer)]
        return messages


# ---------------------------------------------------------------------------------- tokenizer
def smollm_bpe(vocab=None, merges=None):
    """Byte-level BPE behind the `smollm` pre-tokenizer: every digit alone, then GPT-2's regex."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    tok = Tokenizer(models.BPE(vocab=vocab, merges=merges) if vocab else models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)])
    tok.decoder = decoders.ByteLevel()
    if vocab:
        tok.add_special_tokens(SPECIALS)
    return tok


def train_tokenizer(texts):
    from tokenizers import pre_tokenizers, trainers
    tok = smollm_bpe()
    tok.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=SPECIALS, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    assert tok.get_vocab_size() == VOCAB
    return tok


# -------------------------------------------------------------------------------------- model
def tensor_shapes():
    shapes = {"token_embd.weight": (VOCAB, DIM), "output_norm.weight": (DIM,)}
    for n in range(LAYERS):
        b = f"blk.{n}."
        shapes[b + "attn_norm.weight"] = (DIM,)
        shapes[b + "attn_q.weight"] = (HEADS * HEAD_DIM, DIM)
        shapes[b + "attn_k.weight"] = (KV_HEADS * HEAD_DIM, DIM)
        shapes[b + "attn_v.weight"] = (KV_HEADS * HEAD_DIM, DIM)
        shapes[b + "attn_output.weight"] = (DIM, HEADS * HEAD_DIM)
        shapes[b + "ffn_norm.weight"] = (DIM,)
        shapes[b + "ffn_gate.weight"] = (FFN, DIM)
        shapes[b + "ffn_up.weight"] = (FFN, DIM)
        shapes[b + "ffn_down.weight"] = (DIM, FFN)
    return shapes


def init_weights(generator):
    w = {}
    for name, shape in tensor_shapes().items():
        if len(shape) == 1:
            t = torch.ones(shape)
        else:
            std = 0.02 if name == "token_embd.weight" else shape[1] ** -0.5
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                std /= math.sqrt(2 * LAYERS)
            t = torch.randn(shape, generator=generator) * std
        w[name] = t.requires_grad_()
    return w


def rope_tables(length):
    freq = ROPE_BASE ** (-torch.arange(0, HEAD_DIM, 2, dtype=torch.float64) / HEAD_DIM)
    angle = torch.outer(torch.arange(length, dtype=torch.float64), freq)
    return angle.cos().float(), angle.sin().float()


def rope(x, cos, sin):
    """x is (batch, heads, time, HEAD_DIM); turns each interleaved pair (2i, 2i+1)."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def rms_norm(x, weight):
    return F.rms_norm(x, (DIM,), weight, EPS)


def forward(w, ids):
    """Logits for a (batch, time) tensor of token ids."""
    b, t = ids.shape
    cos, sin = rope_tables(t)
    mm = F.linear
    x = F.embedding(ids, w["token_embd.weight"])
    for n in range(LAYERS):
        p = f"blk.{n}."
        h = rms_norm(x, w[p + "attn_norm.weight"])
        q = mm(h, w[p + "attn_q.weight"]).view(b, t, HEADS, HEAD_DIM).transpose(1, 2)
        k = mm(h, w[p + "attn_k.weight"]).view(b, t, KV_HEADS, HEAD_DIM).transpose(1, 2)
        v = mm(h, w[p + "attn_v.weight"]).view(b, t, KV_HEADS, HEAD_DIM).transpose(1, 2)
        q, k = rope(q, cos, sin).to(v.dtype), rope(k, cos, sin).to(v.dtype)
        k = k.repeat_interleave(HEADS // KV_HEADS, 1)
        v = v.repeat_interleave(HEADS // KV_HEADS, 1)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + mm(a.transpose(1, 2).reshape(b, t, HEADS * HEAD_DIM), w[p + "attn_output.weight"])
        h = rms_norm(x, w[p + "ffn_norm.weight"])
        h = F.silu(mm(h, w[p + "ffn_gate.weight"])) * mm(h, w[p + "ffn_up.weight"])
        x = x + mm(h, w[p + "ffn_down.weight"])
    return mm(rms_norm(x, w["output_norm.weight"]), w["token_embd.weight"])


# --------------------------------------------------------------------------------------- gguf
def write_gguf(path, w, tok):
    import gguf
    g = gguf.GGUFWriter(path + ".part", "llama")
    g.add_string("general.type", "model")
    g.add_string("general.name", "gonka-tiny")
    g.add_string("general.basename", "gonka-tiny")
    g.add_string("general.size_label", f"{sum(t.numel() for t in w.values()) / 1e6:.1f}M")
    g.add_string("general.license", "apache-2.0")
    g.add_array("general.languages", ["en"])
    g.add_uint32("llama.block_count", LAYERS)
    g.add_uint32("llama.context_length", CONTEXT)
    g.add_uint32("llama.embedding_length", DIM)
    g.add_uint32("llama.feed_forward_length", FFN)
    g.add_uint32("llama.attention.head_count", HEADS)
    g.add_uint32("llama.attention.head_count_kv", KV_HEADS)
    g.add_float32("llama.rope.freq_base", ROPE_BASE)
    g.add_float32("llama.attention.layer_norm_rms_epsilon", EPS)
    g.add_uint32("general.file_type", 32)                       # mostly BF16
    g.add_uint32("llama.vocab_size", VOCAB)
    g.add_uint32("llama.rope.dimension_count", HEAD_DIM)
    model = json.loads(tok.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    assert tokens[:len(SPECIALS)] == SPECIALS and len(tokens) == VOCAB
    g.add_bool("tokenizer.ggml.add_space_prefix", False)
    g.add_bool("tokenizer.ggml.add_bos_token", False)
    g.add_string("tokenizer.ggml.model", "gpt2")
    g.add_string("tokenizer.ggml.pre", "smollm")
    g.add_array("tokenizer.ggml.tokens", tokens)
    g.add_array("tokenizer.ggml.token_type", [3] * len(SPECIALS) + [1] * (VOCAB - len(SPECIALS)))
    g.add_array("tokenizer.ggml.merges", [m if isinstance(m, str) else " ".join(m) for m in model["merges"]])
    g.add_uint32("tokenizer.ggml.bos_token_id", IM_START)
    g.add_uint32("tokenizer.ggml.eos_token_id", IM_END)
    g.add_uint32("tokenizer.ggml.unknown_token_id", END_OF_TEXT)
    g.add_uint32("tokenizer.ggml.padding_token_id", IM_END)
    g.add_string("tokenizer.chat_template", CHAT_TEMPLATE)
    g.add_uint32("general.quantization_version", 2)
    for name, t in w.items():
        t = t.detach()
        if t.dim() == 1:
            g.add_tensor(name, t.float().numpy())
        else:
            bits = t.to(torch.bfloat16).contiguous().view(torch.int16).numpy().view(np.uint8)
            g.add_tensor(name, bits, raw_dtype=gguf.GGMLQuantizationType.BF16)
    g.write_header_to_file()
    g.write_kv_data_to_file()
    g.write_tensors_to_file()
    g.close()
    os.replace(path + ".part", path)


def read_gguf(path):
    """The fp32 weights and the tokenizer that tiny.gguf holds."""
    import gguf
    r = gguf.GGUFReader(path)
    w = {}
    for t in r.tensors:
        data = np.array(t.data)
        if t.tensor_type == gguf.GGMLQuantizationType.BF16:
            data = (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        w[t.name] = torch.from_numpy(data.reshape(tensor_shapes()[t.name]).copy())
    assert w.keys() == tensor_shapes().keys()
    tokens = r.fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in r.fields["tokenizer.ggml.merges"].contents()]
    return w, smollm_bpe({t: i for i, t in enumerate(tokens)}, merges)


def encode(tok, text):
    return tok.encode(text, add_special_tokens=False).ids


# ----------------------------------------------------------------------------------- training
def train(args):
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    chapters_train, chapters_held = load_text(args.deb)
    chats, held_chats = Conversations(chapters_train), Conversations(chapters_held)
    texts = ["\n\n".join(c) for c in chapters_train]
    held_texts = ["\n\n".join(c) for c in chapters_held]
    tok_rng = random.Random(1)
    tok = train_tokenizer(texts + [render_chat(chats.one(tok_rng)) for _ in range(1000)])

    # Raw text: every chapter, <|endoftext|> after each.
    stream, starts = [], []
    order = list(texts)
    rng.shuffle(order)
    for text in order:
        for para in text.split("\n\n"):
            starts.append(len(stream))
            stream += encode(tok, para + "\n\n")
        stream.append(END_OF_TEXT)
    stream = torch.tensor(stream)
    held, held_bytes = [], 0
    for text in held_texts:
        held += encode(tok, text) + [END_OF_TEXT]
        held_bytes += len(text.encode())
    held_windows = torch.tensor(held[:len(held) // 512 * 512]).view(-1, 512)
    bytes_per_token = held_bytes / len(held)
    print(f"chapters {len(texts)}+{len(held_texts)}, training tokens {len(stream)}, held-out {len(held)} "
          f"({bytes_per_token:.2f} bytes/token)", flush=True)

    def raw_window(n):
        at = rng.choice(starts) if rng.random() < 0.4 else rng.randrange(len(stream))
        at = min(at, len(stream) - n)
        return stream[at:at + n]

    def chat_window(source, r, n):
        ids = []
        while len(ids) < n:
            ids += encode(tok, render_chat(source.one(r)))
        return torch.tensor(ids[:n])

    held_rng = random.Random(7)
    held_chat_windows = torch.stack([chat_window(held_chats, held_rng, 512) for _ in range(24)])

    w = init_weights(torch.Generator().manual_seed(args.seed))
    print(f"parameters {sum(t.numel() for t in w.values())}", flush=True)
    decay = [t for t in w.values() if t.dim() > 1]
    plain = [t for t in w.values() if t.dim() == 1]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}],
                            lr=args.lr, betas=(0.9, 0.95), eps=1e-8, fused=True)

    def loss_of(weights, ids):
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            logits = forward(weights, ids[:, :-1])
        return F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())

    @torch.no_grad()
    def evaluate(all_of_it):
        weights = {k: (t.to(torch.bfloat16).float() if t.dim() > 1 else t) for k, t in w.items()}
        raw = held_windows if all_of_it else held_windows[::max(1, len(held_windows) // 16)]
        mean = lambda windows: sum(loss_of(weights, x).item() * len(x) for x in windows.split(8)) / len(windows)
        a, b = mean(raw), mean(held_chat_windows if all_of_it else held_chat_windows[:8])
        print(f"    held-out: text {a:.4f} nats/token ({a / math.log(2) / bytes_per_token:.4f} bits/byte), "
              f"conversations {b:.4f}", flush=True)

    begin, smooth, written = time.time(), None, False
    for step in range(args.steps):
        # Short windows first, the full context for the last third.
        n, batch = (256, 8) if step < args.steps * 2 // 3 else (512, 4)
        ids = torch.stack([chat_window(chats, rng, n + 1) if rng.random() < 0.36 else raw_window(n + 1)
                           for _ in range(batch)])
        lr = args.lr * min((step + 1) / args.warmup, 1.0)
        if step >= args.warmup:
            done = (step - args.warmup) / max(1, args.steps - args.warmup)
            lr = args.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in opt.param_groups:
            group["lr"] = lr
        loss = loss_of(w, ids)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(w.values()), 1.0)
        opt.step()
        smooth = loss.item() if smooth is None else 0.97 * smooth + 0.03 * loss.item()
        if (step + 1) % 50 == 0:
            took = time.time() - begin
            print(f"step {step + 1}/{args.steps} loss {smooth:.4f} lr {lr:.2e} "
                  f"{(step + 1) * 2048 / took:.0f} tokens/s {took:.0f} s", flush=True)
        if (step + 1) % 250 == 0:
            evaluate(False)
        if args.early and not written and time.time() - begin > args.early:
            write_gguf(args.out, w, tok)
            written = True
            print(f"    wrote an early {args.out}", flush=True)
    evaluate(True)
    write_gguf(args.out, w, tok)
    print(f"wrote {args.out}, {os.path.getsize(args.out)} bytes, {time.time() - begin:.0f} s", flush=True)


# ---------------------------------------------------------------------------------- reference
TOKENIZER_STRINGS = [
    "", " ", "a", "Hello, world!", "Emma Woodhouse, handsome, clever, and rich",
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, "
    "must be in want of a wife.",
    "I don't think we'll say they're hers; she'd've gone, 'tis Mr. Knightley's.", "DON'T SHOUT, IT'S LATE",
    "In 1815 there were 10000 pounds, or 3.14159 of them", "007", "a1b22c333", "x=1;y=2", "\u0661\u0662\u0663 \u00bd \u00b2 \u2167",
    "two  spaces", "three   spaces", "  leading", "trailing  ", "tab\tand\ttabs\t\t", "line\nbreak", "para\n\nbreak",
    " \n \n  x", "\r\nwindows\r\n", "mixed \t \n  end\n", "caf\u00e9 na\u00efve \u00a3100", "\u201cquoted\u201d \u2014 dash \u2026",
    "\u4f60\u597d\uff0c\u4e16\u754c", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440", "\u0645\u0631\u062d\u0628\u0627", "\U0001f600\U0001f44d\U0001f3fd",
    "e\u0301 combining", "nbsp\u00a0here", "zero\u200bwidth", "ideographic\u3000space", "snake_case and __dunder__", "!!!???...",
    "https://example.org/a?b=c&d=%20", "if (a[i] != 0) { return -1; }", "\u0000\u0001\u007f",
]
TOKENIZER_SPECIAL_STRINGS = [
    "<|im_start|>user\nHello<|im_end|>\n", "<|endoftext|>", "a<|endoftext|> b", "<|im_start|><|im_end|>",
    "<|im_start>", "<|im_end|", " <|im_end|> ",
]


def reference(args):
    torch.set_num_threads(args.threads)
    w, tok = read_gguf(args.out)

    @torch.no_grad()
    def log_probs(ids):
        return forward(w, torch.tensor([ids])).double().log_softmax(-1)[0]

    def greedy(ids, limit):
        ids, out, margin = list(ids), [], math.inf
        while len(out) < limit:
            top = log_probs(ids)[-1].topk(2)
            margin = min(margin, (top.values[0] - top.values[1]).item())
            out.append(top.indices[0].item())
            ids.append(out[-1])
            if out[-1] in (IM_END, END_OF_TEXT):
                break
        return out, margin

    chats = [
        [("user", "Continue: Emma could not forgive her.")],
        [("user", "Tell me about Mr. Darcy.")],
        [("user", "Who are you?")],
        [("system", "Be brief."), ("user", "Tell me a story."), ("assistant", "It was a fine morning."),
         ("user", "And then?")],
    ]
    prompts = [{"kind": "text", "text": t} for t in
               ["It is a truth universally acknowledged", "The family of Dashwood had long been settled in",
                "\"My dear Mr. Bennet,\" said his lady"]]
    prompts += [{"kind": "chat", "messages": [{"role": r, "content": c} for r, c in m],
                 "text": render_chat(m, add_generation_prompt=True)} for m in chats]
    for p in prompts:
        p["ids"] = encode(tok, p["text"])
        out, margin = greedy(p["ids"], 48)
        p["greedy"] = {"ids": out, "text": tok.decode(out, skip_special_tokens=False),
                       "smallest_margin": round(margin, 5)}
    logits = []
    for p in (prompts[0], prompts[3]):
        rows = []
        for row in log_probs(p["ids"]):
            top = row.topk(5)
            rows.append({"ids": top.indices.tolist(), "logprobs": [round(v, 5) for v in top.values.tolist()]})
        logits.append({"text": p["text"], "ids": p["ids"], "top5": rows})
    doc = {
        "model": "tiny.gguf",
        "about": "ids: the tokenizers library. greedy, top5: train.py's own fp32 forward over the stored (bf16) "
                 "weights; logprobs are natural logarithms. smallest_margin: the smallest gap between the best "
                 "and the second-best log-probability on the greedy path.",
        "tokenize": [{"text": s, "ids": encode(tok, s)} for s in TOKENIZER_STRINGS],
        "tokenize_special": [{"text": s, "ids": encode(tok, s)} for s in TOKENIZER_SPECIAL_STRINGS],
        "prompts": prompts,
        "logits": logits,
    }
    text = json.dumps(doc, indent=1, ensure_ascii=True)
    text = re.sub(r"\[\s+([-\d., \n]+?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m.group(1)) + "]", text)
    assert json.loads(text) == doc
    with open(args.reference_out, "w") as f:
        f.write(text + "\n")
    print(f"wrote {args.reference_out}")


@torch.no_grad()
def chat(args):
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    w, tok = read_gguf(args.out)
    ids = encode(tok, render_chat([("user", args.chat)], True))
    out = []
    while len(ids) + len(out) < CONTEXT:
        row = forward(w, torch.tensor([ids + out]))[0, -1]
        if args.temperature > 0:
            nxt = torch.multinomial((row / args.temperature).softmax(-1), 1).item()
        else:
            nxt = row.argmax().item()
        if nxt in (IM_END, END_OF_TEXT):
            break
        out.append(nxt)
    print(tok.decode(out))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--deb", help="the r-cran-janeaustenr package (a .deb file)")
    p.add_argument("--out", default=os.path.join(HERE, "tiny.gguf"))
    p.add_argument("--reference", action="store_true", help="write reference.json from --out")
    p.add_argument("--reference-out", default=os.path.join(HERE, "reference.json"))
    p.add_argument("--chat", metavar="TEXT", help="answer one user message with --out")
    p.add_argument("--temperature", type=float, default=0.0)
    p.add_argument("--steps", type=int, default=2800, help="steps of 2,048 tokens")
    p.add_argument("--warmup", type=int, default=100)
    p.add_argument("--lr", type=float, default=3e-3)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--early", type=float, default=0, help="write a first checkpoint after this many seconds")
    p.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True, help="bf16 matrix products")
    args = p.parse_args()
    if args.reference:
        reference(args)
    elif args.chat is not None:
        chat(args)
    elif args.deb:
        train(args)
    else:
        p.error("nothing to do: give --deb, --reference or --chat")


if __name__ == "__main__":
    main()
