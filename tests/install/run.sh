#!/usr/bin/env bash
# Installs a build into a temporary prefix, then builds and runs a program outside of the repository
# that finds the package there and links the ledger alone.
#
#   tests/install/run.sh [BUILD [COMPONENT...]]
#
# BUILD        build folder, with the modules built (default: build)
# COMPONENT... install only these modules, which must cover what the ledger needs (default: all)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../build}
[ $# -eq 0 ] || shift
fail() { echo "install test: $*" >&2; exit 1; }
[ -f "$build/CMakeCache.txt" ] || fail "'$build' is no build folder"

work=$(mktemp -d "${TMPDIR:-/tmp}/gonka-install.XXXXXX")
trap 'rm -rf "$work"' EXIT

# What a command says is shown only if it fails.
quietly() {
  "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "failed: $*"; }
}

if [ $# -eq 0 ]; then
  quietly cmake --install "$build" --prefix "$work/prefix"
else
  for component in package "$@"; do
    quietly cmake --install "$build" --prefix "$work/prefix" --component "$component"
  done
fi

# The package can be moved, and names neither the build nor the source folder nor a torch.
mv "$work/prefix" "$work/moved"
root=$(cd "$here/../.." && pwd)
for path in "$(cd "$build" && pwd)" "$root" "$work/prefix" ${GONKA_TORCH_ROOT:+"$GONKA_TORCH_ROOT"}; do
  if found=$(grep -rlF --include='*.cmake' -e "$path" "$work/moved"); then
    fail "the installed package names $path: $found"
  fi
done

quietly cmake -S "$here/consumer" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$work/moved"
quietly cmake --build "$work/build" --verbose
link_line=$(grep -- ' -o ledger_consumer' "$work/log") || fail "no link line in: $(cat "$work/log")"
for library in torch c10 lmdb httplib; do
  case "$link_line" in
    *"$library"*) fail "a user of the ledger links $library: $link_line" ;;
  esac
done
# Names only: an address such as 0x7f75db6c1000 has "c10" in it, too.
if ldd "$work/build/ledger_consumer" | awk '{print $1}' | grep -E 'torch|c10|lmdb|httplib'; then
  fail "a user of the ledger loads what only other modules need"
fi

# The node programs come along, the cheats do not, and what came says what it is.
if [ -d "$work/moved/bin" ]; then
  programs=$(cd "$work/moved/bin" && echo *)
  [ "$programs" = "gonka gonka-mlnode gonkad" ] || fail "installed programs: $programs"
  for program in $programs; do quietly "$work/moved/bin/$program" --help; done
fi

# Whatever else was installed is found too; the engine on libtorch needs GONKA_TORCH_ROOT for it.
components=$(find "$work/moved" -path '*/gonka/modules/*.cmake' ! -name '*-*' -printf '%f;')
components=${components//.cmake/}
quietly cmake -S "$here/every_component" -B "$work/every" -G Ninja -DCMAKE_PREFIX_PATH="$work/moved" \
  "-DCOMPONENTS=$components"
quietly cmake --build "$work/every"

app_hash=$("$work/build/ledger_consumer") || fail "the consumer failed"
[[ "$app_hash" =~ ^app\ hash\ [0-9a-f]{64}$ ]] || fail "the consumer printed '$app_hash'"
echo "install test passed: gonka::ledger found, linked alone, $app_hash; all found: $components"
