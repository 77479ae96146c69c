#!/usr/bin/env bash
# Engines on one checkpoint, in one run: ours, libtorch, and llama.cpp where llama-cpp-python is
# installed for GONKA_PYTHON. Quiet machine, please: shares of a limit that others use mean little.
#
#   benchmarks/engine/run.sh BUILD MODEL [THREADS]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 2 ] || { sed -n 2,5p "$0"; exit 2; }
build=$1 model=$2 threads=${3:-2}
export OMP_WAIT_POLICY=passive
"$build/benchmarks/engine/engine_speed" --model "$model" --threads "$threads" --torch
"${GONKA_PYTHON:-python3}" "$here/peer_llama_cpp.py" "$model" "$threads" || true
