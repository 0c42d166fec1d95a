"""llama.cpp (llama-cpp-python) or ik_llama.cpp (ik-llama-cpp-python) on the GGUF of make_gguf.py:
answers a round's questions for times (see rounds.py). Neither can run the tower of this model."""

import argparse
import time

import numpy as np

import shapes as s
from resident import decoder_figures, serve


def with_llama_cpp(args):
    import llama_cpp as c

    c.llama_backend_init()
    params = c.llama_model_default_params()
    params.n_gpu_layers = 0
    model = c.llama_model_load_from_file(args.gguf.encode(), params)
    assert model, "the model was not loaded"
    params = c.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = 1024, 1024, args.ubatch
    params.n_threads = params.n_threads_batch = args.threads
    params.flash_attn_type = 1 if args.flash else 0
    ctx = c.llama_init_from_model(model, params)
    assert ctx, "no context was made"
    print(c.llama_print_system_info().decode(), flush=True)
    return c, ctx, lambda: c.llama_memory_clear(c.llama_get_memory(ctx), True)


def with_ik(args):
    import ik_llama_cpp._ctypes_api as c

    c.llama_backend_init()
    params = c.llama_model_default_params()
    params.n_gpu_layers = 0
    params.repack_tensors = True  # run-time repack, which copies the weights
    params.use_mmap = False
    model = c.llama_model_load_from_file(args.gguf.encode(), params)
    assert model, "the model was not loaded"
    params = c.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = 1024, 1024, args.ubatch
    params.n_threads = params.n_threads_batch = args.threads
    params.flash_attn = args.flash
    ctx = c.llama_init_from_model(model, params)
    assert ctx, "no context was made"
    return c, ctx, lambda: c.llama_kv_cache_clear(ctx)


class Decoder:
    def __init__(self, c, ctx, clear):
        self.c, self.ctx, self.clear = c, ctx, clear
        self.ids = np.random.default_rng(2).integers(3, s.VOCAB - 64, s.PROMPT).tolist()
        self.past = 0

    def reset(self):
        self.clear()
        self.past = 0

    def step(self, tokens):
        """Milliseconds of one call with `tokens` new tokens; logits of the last alone."""
        batch = self.c.llama_batch_init(tokens, 0, 1)
        batch.n_tokens = tokens
        for i in range(tokens):
            batch.token[i], batch.pos[i] = self.ids[i], self.past + i
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
            batch.logits[i] = i == tokens - 1
        began = time.perf_counter()
        failed = self.c.llama_decode(self.ctx, batch)
        logits = self.c.llama_get_logits_ith(self.ctx, -1)  # waits for them
        took = (time.perf_counter() - began) * 1e3
        assert not failed and np.isfinite(logits[0])
        self.c.llama_batch_free(batch)
        self.past += tokens
        return took

    def measure(self):
        return decoder_figures(self)


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("gguf")
    ask.add_argument("--ik", action="store_true", help="ik_llama.cpp")
    ask.add_argument("--threads", type=int, default=2)
    ask.add_argument("--ubatch", type=int, default=512)
    ask.add_argument("--flash", action=argparse.BooleanOptionalAction, default=True)
    ask.add_argument("--socket", help="stay and answer there; else measure twice and print")
    args = ask.parse_args()
    decoder = Decoder(*(with_ik if args.ik else with_llama_cpp)(args))
    decoder.step(64)  # warm
    serve(args.socket, decoder.measure)


if __name__ == "__main__":
    main()
