#!/bin/sh
# Exports a checkpoint and renews everything that depends on the weights: scores, goldens, examples.
#   tools/train/finish.sh [CHECKPOINT] [BITS] [PICTURES]
set -eu
cd "$(dirname "$0")"
checkpoint=${1:-/tmp/train/joint.pt}
bits=${2:-4}
pictures=${3:-500}
demo=../../models/demo
python3 export.py --checkpoint "$checkpoint" --to $demo --bits "$bits"
chmod 644 $demo/*
python3 evaluate.py --offline $demo --pictures "$pictures" --seed 99 | tee "$(dirname "$checkpoint")/scores.md"
python3 card.py --model $demo --checkpoint "$checkpoint" --scores "$(dirname "$checkpoint")/scores.md"
python3 ../reference/make_demo_golden.py
python3 make_examples.py --model $demo --to ../../examples
