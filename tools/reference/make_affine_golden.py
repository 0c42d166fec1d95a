"""Makes tests/data/affine/expect.safetensors: what mlx.core.quantize makes of small matrices.

    pip install "mlx[cpu]" && python make_affine_golden.py [FILE]

Rows of different kinds (normal, one-sided, constant, zeros, ties, subnormal, large), in three
element types, for 4 and 8 bits and groups of 32, 64 and 128. Names:
`input.T`, and `T.bits.group.{codes,scales,biases}`; `BF16-F16` is bfloat16 cast to float16 first.
"""
import sys
from importlib.metadata import version
from pathlib import Path

import mlx.core as mx
import numpy as np

SEED, COLS = 20261, 256
DTYPES = {"F32": mx.float32, "F16": mx.float16, "BF16": mx.bfloat16}


def rows():
    rng = np.random.default_rng(SEED)
    normal = lambda scale: rng.standard_normal(COLS) * scale
    few = normal(1)
    few[rng.random(COLS) < 0.9] = 0
    return np.stack([
        normal(0.02), normal(1), normal(900), normal(3e-4), normal(2e-6), normal(1e-7),
        np.abs(normal(0.05)), -np.abs(normal(0.05)), normal(0.001) + 0.37, normal(0.001) - 5,
        np.full(COLS, 0.37), np.full(COLS, -1e-3), np.zeros(COLS), np.full(COLS, -0.0),
        np.where(np.arange(COLS) % 3, 0.0, -0.0), few,
        np.arange(COLS) % 31 / 2 - 7.5,       # ties between codes
        np.where(np.arange(COLS) % 2, 1, -1),  # extremes of equal magnitude
        np.where(np.arange(COLS) % 5, 1e-5, -60000), normal(1) * np.exp2(rng.integers(-12, 4, COLS)),
    ]).astype(np.float32)  # fmt: skip


def main():
    to = Path(sys.argv[1] if len(sys.argv) > 1
              else Path(__file__).resolve().parents[2] / "tests/data/affine/expect.safetensors")
    out = {}
    for name, dtype in DTYPES.items():
        out[f"input.{name}"] = mx.array(rows()).astype(dtype)
    inputs = {name: out[f"input.{name}"] for name in DTYPES}
    inputs["BF16-F16"] = inputs["BF16"].astype(mx.float16)
    for name, values in inputs.items():
        for bits in (4, 8):
            for group in (32, 64, 128):
                parts = mx.quantize(values, group_size=group, bits=bits)
                for part, value in zip(("codes", "scales", "biases"), parts, strict=True):
                    out[f"{name}.{bits}.{group}.{part}"] = value
    about = {"mlx": version("mlx"), "device": str(mx.default_device()), "seed": str(SEED)}
    mx.save_safetensors(str(to), out, about)
    print(f"{to}: {to.stat().st_size} bytes, {about}")


if __name__ == "__main__":
    main()
