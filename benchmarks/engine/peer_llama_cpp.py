"""The same figures of llama.cpp, where llama-cpp-python is installed: run beside engine_speed.

    peer_llama_cpp.py MODEL [THREADS]
"""

import sys
import time

try:
    from llama_cpp import Llama
except ImportError:
    sys.exit("peer_llama_cpp.py: llama-cpp-python is not installed")


def prompt(tokens, vocabulary, seed=0):
    return [(i * 7919 + seed * 13 + 1) % vocabulary for i in range(tokens)]


def main():
    path, threads = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2
    model = Llama(path, n_ctx=1024, n_threads=threads, n_threads_batch=threads, verbose=False)
    decode = prefill = 0.0
    for _ in range(3):  # The best of three.
        model.reset()
        start = time.perf_counter()
        model.eval(prompt(512, model.n_vocab()))
        prefill = max(prefill, 512 / (time.perf_counter() - start))
        model.reset()
        model.eval(prompt(4, model.n_vocab()))
        start = time.perf_counter()
        for token in prompt(64, model.n_vocab(), 1):
            model.eval([token])
        decode = max(decode, 64 / (time.perf_counter() - start))
    print(f"{'llama.cpp':<20} {'':>6} {decode:>8.1f} {'':>6} {'-':>7} {'':>6} {prefill:>7.1f}")


if __name__ == "__main__":
    main()
