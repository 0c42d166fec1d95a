"""OpenVINO beside ocellus: answers a round's questions for times (see rounds.py)."""

import argparse
import time

import numpy as np
import openvino as ov

import ov_graphs
import shapes as s
from resident import decoder_figures, serve


def options(args, precision):
    chosen = {
        "INFERENCE_NUM_THREADS": args.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
    }
    if args.dynamic >= 0:
        chosen["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = args.dynamic
    return chosen


class Decoder:
    def __init__(self, core, args):
        model = ov_graphs.decoder(args.layers, args.group)
        began = time.perf_counter()
        self.compiled = core.compile_model(model, "CPU", options(args, args.precision))
        print(f"decoder compiled in {time.perf_counter() - began:.1f} s", flush=True)
        self.request = self.compiled.create_infer_request()
        self.rng = np.random.default_rng(2)
        self.past = 0

    def reset(self):
        self.request.reset_state()
        self.past = 0

    def step(self, tokens):
        """Milliseconds of one call with `tokens` new tokens."""
        embeds = self.rng.standard_normal((1, tokens, s.HIDDEN), dtype=np.float32)
        places = np.arange(self.past, self.past + tokens)
        angle = places[:, None] / 10000 ** (np.arange(0, s.HEAD, 2) / s.HEAD)
        angle = np.concatenate([angle, angle], 1)[None, None]
        total = self.past + tokens
        mask = np.where(np.arange(total)[None] > places[:, None], -np.inf, 0)[None, None]
        inputs = {
            "embeds": embeds,
            "cos": np.cos(angle).astype(np.float32),
            "sin": np.sin(angle).astype(np.float32),
            "mask": mask.astype(np.float32),
            "beam_idx": np.zeros(1, np.int32),
        }
        began = time.perf_counter()
        result = self.request.infer(inputs, share_inputs=True, share_outputs=True)
        took = (time.perf_counter() - began) * 1e3
        assert np.isfinite(result[0]).all()
        self.past = total
        return took

    def measure(self):
        return decoder_figures(self)


class Tower:
    def __init__(self, core, args, name, bits, precision):
        self.name = name
        began = time.perf_counter()
        self.compiled = core.compile_model(ov_graphs.tower(bits), "CPU", options(args, precision))
        print(f"{name} compiled in {time.perf_counter() - began:.1f} s", flush=True)
        self.request = self.compiled.create_infer_request()
        self.pixels = np.random.default_rng(3).standard_normal(
            (s.VIEWS, 3, s.SIDE, s.SIDE), dtype=np.float32
        )

    def measure(self):
        began = time.perf_counter()
        result = self.request.infer({"pixels": self.pixels}, share_inputs=True, share_outputs=True)
        took = (time.perf_counter() - began) * 1e3
        assert np.isfinite(result[0]).all()
        return {f"{self.name}_ms": took}


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("--threads", type=int, default=2)
    ask.add_argument("--layers", type=int, default=s.LAYERS)
    ask.add_argument("--group", type=int, default=128, help="columns that share a scale")
    ask.add_argument("--dynamic", type=int, default=-1, help="group of activations; -1: the default")
    ask.add_argument("--precision", default="bf16", choices=["bf16", "f32"], help="decoder's")
    ask.add_argument("--towers", nargs="*", default=["bf16"], choices=["bf16", "f32", "int8"])
    ask.add_argument("--no-decoder", action="store_true")
    ask.add_argument("--socket", help="stay and answer there; else measure twice and print")
    args = ask.parse_args()
    core = ov.Core()
    parts = []
    for tower in args.towers:
        bits = 8 if tower == "int8" else 32
        precision = "f32" if tower == "f32" else "bf16"
        parts.append(Tower(core, args, f"tower_{tower}", bits, precision))
    if not args.no_decoder:
        parts.append(Decoder(core, args))
    for part in parts:
        part.measure()  # warm

    def measure():
        found = {}
        for part in parts:
            found |= part.measure()
        return found

    serve(args.socket, measure)


if __name__ == "__main__":
    main()
