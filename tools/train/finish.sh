#!/usr/bin/env bash
# Exports a checkpoint and renews everything that depends on the weights: goldens, examples, scores
# through the server, the card. Needs build/release/ocellus (make build).
#   tools/train/finish.sh [CHECKPOINT] [BITS] [PICTURES]
set -euo pipefail
cd "$(dirname "$0")"
checkpoint=${1:-../../build/train/joint.pt}
bits=${2:-4}
pictures=${3:-500}
demo=../../models/demo
out=$(dirname "$checkpoint")
python3 export.py --checkpoint "$checkpoint" --to $demo --bits "$bits"
chmod 644 $demo/*
python3 ../reference/make_demo_golden.py

OCELLUS_DEMO_MODEL=$PWD/$demo ../../build/release/ocellus serve --port 0 --backend-port 0 >"$out/serve.log" 2>&1 &
server=$!
trap 'kill $server' EXIT
until url=$(sed -n 's/^ocellus serving .* at //p' "$out/serve.log") && [ -n "$url" ]; do
  kill -0 $server || { cat "$out/serve.log"; exit 1; }
  sleep 0.2
done
python3 make_examples.py --server "$url" --to ../../examples
python3 evaluate.py --server "$url" --pictures "$pictures" --seed 99 | tee "$out/scores.md"
python3 card.py --model $demo --checkpoint "$checkpoint" --scores "$out/scores.md"
