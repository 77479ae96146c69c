#!/usr/bin/env bash
# Sets up, builds and runs every test: unit, golden, fuzz corpora (with sanitizers, too), layers,
# Python, install, and the devnet with its story.
#
#   tests/run.sh [--quick] [--no-devnet]
#
# --quick      unit tests, fuzz corpora and checks only
# --no-devnet  everything but the networks
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build="$root/build"
asan="$root/build-asan"
quick=no
devnet=yes
for argument in "$@"; do
  case "$argument" in
    --quick) quick=yes ;;
    --no-devnet) devnet=no ;;
    *) echo "run.sh: unknown option '$argument'" >&2; exit 2 ;;
  esac
done

work=$(mktemp -d "${TMPDIR:-/tmp}/gonka-tests.XXXXXX")
running=
cleanup() {
  [ -z "$running" ] || { kill "$running" 2>/dev/null && wait "$running" 2>/dev/null; } || true
  rm -rf "$work"
}
trap cleanup EXIT

started=$SECONDS
step() { echo; echo "##### $* [$((SECONDS - started)) s]"; }
fail() { echo "run.sh: $*" >&2; exit 1; }

step "setting up"
"$root/libgonka/cmake/setup.sh" --tests
. "$root/.cache/env.sh"
export OMP_WAIT_POLICY=passive PYTHONDONTWRITEBYTECODE=1

step "building"
"$root/libgonka/cmake/build.sh" "$build" -DGONKA_BUILD_TESTS=ON -DGONKA_BUILD_BENCHMARKS=ON \
  -DGONKA_BUILD_EXAMPLES=ON
echo "built in $((SECONDS - started)) s"

step "unit, golden, fuzz and layer tests"
ctest --test-dir "$build" --output-on-failure -j 2

[ "$quick" = no ] || { echo "quick: done after $((SECONDS - started)) s"; exit 0; }

step "parsers under AddressSanitizer and UndefinedBehaviorSanitizer"
targets=$(sed -n 's/^gonka_fuzz(\([a-z_]*\).*/fuzz_\1/p' "$root/tests/fuzz/CMakeLists.txt")
# shellcheck disable=SC2086
"$root/libgonka/cmake/build.sh" "$asan" -DGONKA_SANITIZE=ON -DGONKA_BUILD_TORCH=OFF \
  -DGONKA_BUILD_APPS=OFF -DGONKA_BUILD_BENCHMARKS=OFF -DGONKA_BUILD_EXAMPLES=OFF -- $targets
ctest --test-dir "$asan" --output-on-failure -j 2 -L fuzz

step "the installed package, from outside"
"$root/tests/install/run.sh" "$build"

export GONKA_LEDGER_TRACE="$build/tests/unit/ledger/ledger_trace"  # For test_ledger_model.py.
step "Python bindings"
CXX=/usr/bin/c++ "$GONKA_PYTHON" -m pip install --quiet --disable-pip-version-check \
  --no-build-isolation --no-deps "$root/bindings/python"

if [ "$devnet" = no ]; then
  "$GONKA_PYTHON" -m pytest -q "$root/tests/python"
  exit 0
fi

step "a devnet on the tiny model for the official OpenAI client"
"$root/apps/devnet/run.sh" --no-install --build "$build" --model tiny --cheat tamper --pairs 2 \
  --port-base 17100 --data "$work/tiny" --report "$work/tiny.json" >"$work/tiny.txt" 2>&1 &
running=$!
while [ ! -s "$work/tiny.json" ]; do
  kill -0 "$running" 2>/dev/null || { cat "$work/tiny.txt"; fail "the devnet ended early"; }
  sleep 1
done
for _ in $(seq 50); do  # The last lines follow the report at once.
  grep -qE 'keeps running|^error' "$work/tiny.txt" && break
  sleep 0.1
done
cat "$work/tiny.txt"
grep -q 'Everything that was promised happened' "$work/tiny.txt" || fail "the story was not kept"
report() { "$GONKA_PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/tiny.json" "$1"; }
step "Python tests"
GONKA_BASE_URL=$(report base_url) GONKA_API_KEY=$(report api_key) GONKA_MODEL=$(report model) \
  GONKA_DEVNET_REPORT="$work/tiny.json" \
  "$GONKA_PYTHON" -m pytest -q "$root/tests/python"
kill "$running" && wait "$running" || true
running=

port=18100
for cheat in int4 forge; do
  step "a devnet on SmolLM2 with the cheat $cheat"
  "$root/apps/devnet/run.sh" --no-install --build "$build" --exit --cheat "$cheat" --pairs 2 \
    --port-base "$port" --data "$work/$cheat"
  port=$((port + 1000))
done

echo
echo "everything passed in $((SECONDS - started)) s"
