#!/usr/bin/env bash
# Counts the kernels that a step of training starts on `wgpu`, with and without batch normalization, from
# two runs whose numbers of steps differ. Needs a release build with that backend, and Fashion-MNIST; a
# driver that computes in software will do (Debian: mesa-vulkan-drivers).
#
#   bash scripts/wgpu_kernels.sh
#
# BN_RUNNER is the program.
set -euo pipefail
cd "$(dirname "$0")/.."

runner=$(realpath "${BN_RUNNER:-${CARGO_TARGET_DIR:-target}/release/bn-runner}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# What cubecl, which burn's wgpu is made of, reads in the folder where a program starts.
printf '[profiling]\nlogger = { level = "minimal", file = "%s/log" }\n' "$work" >cubecl.toml

few=20 many=40 batch=32 validation=100

# Kernels of a whole run of so many steps, of a network with these layers.
kernels() {
    cat >experiment.yaml <<EOF
name: kernels
dataset: { name: fashion_mnist, train_limit: $(($1 * batch + validation)), validation: $validation, test_limit: 100 }
model: { layers: [$2] }
training: { optimizer: { sgd: { learning_rate: 0.001 } }, batch_size: $batch, epochs: 1 }
EOF
    rm -rf log results
    "$runner" run experiment.yaml --backend wgpu --quiet >&2
    wc -l <log
}

per_step() {
    local less more
    less=$(kernels $few "$2")
    more=$(kernels $many "$2")
    echo "$1: $(((more - less) / (many - few))) kernels per step"
}

relu() { echo "{ dense: { units: $1, activation: relu } }"; }
last='{ dense: { units: 10, activation: softmax } }'
bn=batch_normalization
per_step "no BN" "flatten, $(relu 300), $(relu 100), $last"
per_step "BN after the activations" "flatten, $bn, $(relu 300), $bn, $(relu 100), $bn, $last"
