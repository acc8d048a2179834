#!/usr/bin/env bash
# Measures bn-runner beside JAX, PyTorch and Keras on this machine, and writes docs/performance.md and
# docs/images/performance.png. Needs a release build, Fashion-MNIST, Python 3 and PyPI.
#   bash scripts/bench.sh                 all of it, three rounds
#   ROUNDS=1 PEERS="jax" bash scripts/bench.sh --only epoch
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${ROUNDS:-3}
peers=${PEERS:-jax torch keras}
runner=${BN_RUNNER:-${CARGO_TARGET_DIR:-target}/release/bn-runner}
[ -x "$runner" ] || { echo "no program at $runner: cargo build --release, or set BN_RUNNER" >&2; exit 2; }

work=${BENCH_DIR:-}
if [ -z "$work" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi

# What each peer is made of, each in an environment of its own: their numpy versions differ.
packages() {
    case $1 in
        jax) echo jax ;;
        torch) echo torch ;;
        keras) echo tensorflow-cpu ;;
        chart) echo matplotlib ;;
        *) echo "no peer is called $1" >&2; exit 2 ;;
    esac
}
for name in $peers chart; do
    if [ ! -e "$work/$name/installed" ]; then
        python3 -m venv "$work/$name"
        # shellcheck disable=SC2046
        "$work/$name/bin/pip" install --quiet $(packages "$name")
        touch "$work/$name/installed"
    fi
done

"$work/chart/bin/python" scripts/bench.py --runner "$runner" --work "$work" --rounds "$rounds" \
    --peers $peers "$@"
