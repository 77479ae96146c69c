#!/usr/bin/env bash
# Configures and builds into a folder: build.sh FOLDER [cmake options] [-- targets]
# Says how far it is; keeps the whole output in FOLDER/build.log.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$1
shift
options=()
while [ $# -gt 0 ] && [ "$1" != "--" ]; do
  options+=("$1")
  shift
done
[ $# -eq 0 ] || shift

. "$root/.cache/env.sh"
mkdir -p "$folder"
log="$folder/build.log"
if ! cmake -S "$root" -B "$folder" -G Ninja "${options[@]}" >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  exit 1
fi
# ninja's own [done/total] lines, at most one a second where somebody watches, one in 25 otherwise.
set +e
NINJA_STATUS='[%f/%t] ' ninja -C "$folder" "$@" 2>&1 | tee -a "$log" | awk -v tty="$([ -t 1 ] && echo 1 || echo 0)" '
  /^\[[0-9]+\/[0-9]+\]/ {
    if (tty) { printf "\r  building %s", $1; shown = 1; fflush() }
    else if (++lines % 25 == 0) { print "  building " $1; fflush() }
    next
  }
  { if (shown) { printf "\n"; shown = 0 } }
  /error|FAILED|warning/ { print; fflush() }
  END { if (shown) printf "\n" }'
status=${PIPESTATUS[0]}
set -e
if [ "$status" -ne 0 ]; then
  echo "build failed; the whole output is in $log" >&2
  tail -n 40 "$log" >&2
  exit "$status"
fi
