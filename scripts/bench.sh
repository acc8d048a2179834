#!/usr/bin/env bash
# Measures bn-runner beside JAX, PyTorch and Keras on this machine, and writes docs/performance.md with its
# two charts. Needs a release build, Fashion-MNIST, Python 3 with venv, a C++ compiler (for torch.compile),
# PyPI, and 9 GB of disk for the peers.
#
#   bash scripts/bench.sh                           all of it, three rounds; keep the machine quiet
#   ROUNDS=1 bash scripts/bench.sh --only epoch job some parts: epoch pair job batch wide start conv size
#   bash scripts/bench.sh --go-on                   the rest of a run that was interrupted
#   bash scripts/bench.sh --tables-only             the page and the charts again, nothing is measured
#   ROUNDS=1 bash scripts/bench.sh --quick --docs /tmp/docs
#                                                   whether all of it runs, on few rows
#
# BENCH_DIR keeps the peers' environments and measurements.jsonl; it can be deleted afterwards.
# BN_RUNNER is the program, FASHION_MNIST the folder with the four files.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${ROUNDS:-3}
work=${BENCH_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/bn-runner/bench}
runner=${BN_RUNNER:-${CARGO_TARGET_DIR:-target}/release/bn-runner}
[ -x "$runner" ] || { echo "no program at $runner: cargo build --release, or set BN_RUNNER" >&2; exit 2; }
FASHION_MNIST=${FASHION_MNIST:-$("$runner" data fetch)}
export FASHION_MNIST BN_RUNNER_DATA_DIR="$FASHION_MNIST"

# An environment for each, since they want different versions of the same packages.
environment() {
    local folder="$work/$1" packages="${*:2}"
    if [ "$(cat "$folder/installed" 2>/dev/null)" != "$packages" ]; then
        echo "installing $packages" >&2
        rm -rf "$folder"
        python3 -m venv "$folder"
        # shellcheck disable=SC2086
        "$folder/bin/pip" install --quiet $packages
        echo "$packages" >"$folder/installed"
    fi
}
environment chart matplotlib
environment jax jax keras matplotlib
environment torch torch numpy matplotlib
environment tensorflow tensorflow-cpu matplotlib

exec "$work/chart/bin/python" -B scripts/bench --runner "$runner" --work "$work" --rounds "$rounds" "$@"
