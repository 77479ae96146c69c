#!/usr/bin/env python3
"""Small random checkpoints of every family, and what transformers makes of them.

    pip install torch transformers safetensors tokenizers
    python make_families.py

writes a folder for each model (config.json as transformers writes it, fp32 weights on a grid of
1/64 so that they pack well in git, tokenizer files) and expected.json beside them: for a prompt, the logits of
some positions and the greedy continuation.
"""
import json
import os
import shutil

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
VOCAB, HIDDEN, HEADS, KV, FFN, LAYERS = 288, 32, 4, 2, 48, 2
COMMON = dict(vocab_size=VOCAB, hidden_size=HIDDEN, num_attention_heads=HEADS, num_key_value_heads=KV,
              num_hidden_layers=LAYERS, intermediate_size=FFN, max_position_embeddings=1024,
              bos_token_id=0, eos_token_id=1, initializer_range=0.3)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64, rope_theta=10000.0)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=128, rope_theta=10000.0)
T = transformers
MODELS = {
    "llama2": (T.LlamaConfig, T.LlamaForCausalLM, dict()),
    "llama-linear": (T.LlamaConfig, T.LlamaForCausalLM,
                     dict(rope_parameters=dict(rope_type="linear", factor=2.0, rope_theta=10000.0))),
    "llama3": (T.LlamaConfig, T.LlamaForCausalLM, dict(rope_parameters=LLAMA3, tie_word_embeddings=True)),
    "mistral": (T.MistralConfig, T.MistralForCausalLM, dict(sliding_window=24, head_dim=8)),
    "qwen2": (T.Qwen2Config, T.Qwen2ForCausalLM, dict(rope_parameters=YARN)),
    "qwen2-window": (T.Qwen2Config, T.Qwen2ForCausalLM,
                     dict(use_sliding_window=True, sliding_window=16, max_window_layers=1)),
    "qwen3": (T.Qwen3Config, T.Qwen3ForCausalLM, dict(head_dim=16, tie_word_embeddings=True)),
    "mixtral": (T.MixtralConfig, T.MixtralForCausalLM, dict(num_local_experts=4, num_experts_per_tok=2)),
    "qwen3-moe": (T.Qwen3MoeConfig, T.Qwen3MoeForCausalLM,
                  dict(head_dim=16, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24,
                       norm_topk_prob=False)),
}


def randomize(model):
    # Multiples of 1/64 keep the files small; norms around one, the rest wide enough to be told apart.
    with torch.no_grad():
        for name, p in model.named_parameters():
            values = torch.randn(p.shape) * (0.25 if "norm" in name else 0.35)
            if "norm" in name:
                values += 1
            p.copy_((values * 64).round() / 64)


def main():
    torch.set_num_threads(1)
    expected = {}
    for index, (name, (config_class, model_class, options)) in enumerate(MODELS.items()):
        torch.manual_seed(1000 + index)
        config = config_class(**{**COMMON, **options})
        config._attn_implementation = "eager"
        model = model_class(config).eval().float()
        randomize(model)
        folder = os.path.join(HERE, name)
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder, max_shard_size="60KB" if name in ("llama2", "mixtral") else "1GB")
        generator = torch.Generator().manual_seed(index)
        prompt = torch.randint(2, VOCAB, (1, 512), generator=generator)
        with torch.no_grad():
            logits = model(prompt).logits[0]
            ids = prompt[:, :40]
            # One pass a token and no cache: what the model says, whatever a cache would do.
            while ids.shape[1] < 40 + 200:
                ids = torch.cat([ids, model(ids).logits[0, -1].argmax()[None, None]], dim=1)
        expected[name] = {
            "prompt": prompt[0].tolist(),
            # Of the positions 0, 37, 74 ... and the last.
            "positions": (positions := list(range(0, 512, 37)) + [511]),
            "logprobs": [[round(v, 5) for v in torch.log_softmax(logits[p], -1).tolist()] for p in positions],
            "greedy_from": 40,
            "greedy": ids[0, 40:].tolist(),
        }
    with open(os.path.join(HERE, "expected.json"), "w") as out:
        json.dump({"transformers": transformers.__version__, "models": expected}, out, separators=(",", ":"))


if __name__ == "__main__":
    main()
