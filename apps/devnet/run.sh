#!/usr/bin/env bash
# Runs a network of participants on this machine and tells the story of a cheat that is caught.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
usage() {
  cat <<'USAGE'
usage: apps/devnet/run.sh [options]

  --exit             stop after the story; exit status 0 only if all that was promised happened
  --report FILE      write everything that is told to FILE, as JSON
  --participants N   how many participants (default and least: 6)
  --cheat KIND       int4 (default), small, forge, tamper, or none
  --model MODEL      smollm2 (default), tiny, or the path of a .gguf file
  --sprint           weight is earned, by computing at the end of each epoch
  --port-base P      first of about 200 ports (default 7100)
  --data DIR         keep keys, ledgers and logs in DIR (default: a new folder each time)
  --pairs N          pairs of requests measured in the last chapter (default 8)
  --no-install       install nothing: fail where something is missing
  --build DIR        build folder (default: build)
USAGE
}

participants=6
cheat=int4
model=smollm2
port_base=7100
data=
build="$root/build"
setup=()
story=()
while [ $# -gt 0 ]; do
  option=$1
  shift
  case "$option" in
    --exit | --sprint) story+=("$option") ;;
    --no-install) setup+=(--no-install) ;;
    -h | --help) usage; exit 0 ;;
    --report | --pairs | --participants | --cheat | --model | --port-base | --data | --build)
      [ $# -gt 0 ] || { echo "run.sh: $option needs a value" >&2; exit 2; }
      case "$option" in
        --report) story+=(--report "$1") ;;
        --pairs) story+=(--pairs "$1") ;;
        --participants) participants=$1 ;;
        --cheat) cheat=$1 ;;
        --model) model=$1 ;;
        --port-base) port_base=$1 ;;
        --data) data=$1 ;;
        --build) build=$1 ;;
      esac
      shift
      ;;
    *) echo "run.sh: unknown option '$option'" >&2; usage >&2; exit 2 ;;
  esac
done

echo "[1/3] setting up"
"$root/libgonka/cmake/setup.sh" ${setup[@]+"${setup[@]}"}
. "$root/.cache/env.sh"

echo "[2/3] building (a few minutes the first time)"
if [ ! -f "$build/build.ninja" ]; then
  options=(-DGONKA_BUILD_TESTS=OFF -DGONKA_BUILD_BENCHMARKS=OFF -DGONKA_BUILD_EXAMPLES=OFF)
else
  options=()
fi
"$root/libgonka/cmake/build.sh" "$build" ${options[@]+"${options[@]}"} -- \
  gonkad gonka-mlnode gonka gonka-devnet gonka-devnet-cheat-mlnode gonka-devnet-cheat-gonkad

case "$model" in
  smollm2) model_path=$GONKA_SMOLLM2; model_name=SmolLM2-135M-Instruct ;;
  tiny) model_path="$root/examples/tiny/tiny.gguf"; model_name=gonka-tiny ;;
  *) model_path=$model; model_name=$(basename "$model" .gguf) ;;
esac
[ -f "$model_path" ] || { echo "run.sh: there is no checkpoint '$model_path'" >&2; exit 1; }
calibration="$root/apps/devnet/calibration/$model.bin"
[ ! -f "$calibration" ] || story+=(--calibration "$calibration")

if [ -z "$data" ]; then
  data=$(mktemp -d "${TMPDIR:-/tmp}/gonka-devnet.XXXXXX")
fi

echo "[3/3] starting; keys, ledgers and logs are in $data"
# Threads that wait must not spin: there are more of them than cores.
export OMP_WAIT_POLICY=passive
exec "$build/bin/gonka-devnet" --programs "$build/bin" --data "$data" --model "$model_path" \
  --model-name "$model_name" --participants "$participants" --cheat "$cheat" \
  --port-base "$port_base" ${story[@]+"${story[@]}"}
