"""Draws the kept corpus of the fuzzers anew: small valid inputs, and broken ones of each kind that
the readers tell apart. What a fuzzer found stands beside them under names that begin with found_.

    python tests/fuzz/make_corpus.py      (needs Pillow)
"""

import base64
import gzip
import json
import struct
import zlib

import PIL
from corpus_files import CORPUS, keep
from picture_corpus import bmps, encoded, gifs, gradient, heifs, jpegs, pngs, profiles, tiffs, webps


def stored_answers():
    """Values of the shared response cache without their envelope, as src/runtime/cache/response_codec.cpp
    has them."""

    def text(data):
        return struct.pack("<Q", len(data)) + data

    def token(data, control, logprob):
        return text(data) + struct.pack("<Bd", control, logprob)

    def answer(said, tokens=b"", count=0, stop=None):
        out = text(said) + struct.pack("<Qii", 2, 5, 4) + bytes([stop is not None, 0])
        out += (b"\1" + text(stop) if stop is not None else b"\0") + b"\1" + struct.pack("<i", 306)
        return out + b"\0" + struct.pack("<QQ", 7, count) + tokens

    def whole(first, more=(), scores=()):
        out = first + struct.pack("<Q", len(more)) + b"".join(more)
        out += struct.pack("<Q", len(scores)) + b"".join(scores)
        return out + struct.pack("<6q", 800, 757, 799, 4, 3, 2)

    top = struct.pack("<Q", 1) + token(b"a", 0, -0.25)
    tokens = token(b"\xe2\x97", 0, -0.5) + top + token(b"", 1, -1.5) + struct.pack("<Q", 0)
    score = text(b"yes") + struct.pack("<3dq", -0.5, -0.25, 0.75, 2)
    good = whole(answer("drei Kreise ○".encode(), tokens, 2, b"\n"), [answer(b"two")], [score])
    files = {
        "plain": whole(answer(b"hello")),
        "everything": good,
        "cut": good[:-20],
        "no_text": whole(answer(b"\xff")),
        "long_list": whole(answer(b"hello", b"", 1 << 60)),
        "not_a_number": whole(answer(b"hi", token(b"a", 0, float("nan")) + bytes(8), 1)),
    }
    for name, data in files.items():
        keep("stored_answer", name, data)


def safetensors(header, data=b"", length=None, claim=None):
    text = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    file = struct.pack("<Q", len(text) if length is None else length) + text + data
    return file if claim is None else file + struct.pack("<Q", claim)


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def tensor_files():
    byte, pair = tensor("I8", [1], 0, 1), tensor("I8", [2], 0, 2)
    two = {"a": tensor("F32", [2, 3], 0, 24), "b.weight": tensor("BF16", [4], 24, 32)}
    files = {
        "two": safetensors(two, bytes(range(32))),
        "metadata": safetensors({"__metadata__": {"format": "pt"}, **two}, bytes(32)),
        "metadata_numbers": safetensors({"__metadata__": {"format": 1}, **two}, bytes(32)),
        "none": safetensors({}),
        "scalar": safetensors({"s": tensor("U8", [], 0, 1)}, b"\7"),
        "empty_tensors": safetensors({"e": tensor("F64", [0, 5], 0, 0),
                                      "f": tensor("I8", [3, 0], 0, 0)}),
        "all_types": safetensors(
            {name: tensor(name, [1], at, at + size) for name, at, size in
             [("F64", 0, 8), ("I64", 8, 8), ("U64", 16, 8), ("F32", 24, 4), ("I32", 28, 4),
              ("U32", 32, 4), ("F16", 36, 2), ("BF16", 38, 2), ("I16", 40, 2), ("U16", 42, 2),
              ("I8", 44, 1), ("U8", 45, 1), ("BOOL", 46, 1)]}, bytes(47)),
        "padded": safetensors(json.dumps(two) + "   ", bytes(32)),
        "escapes": safetensors(r'{"é\"\\:\u0041":' + json.dumps(byte) + "}", b"x"),
        "unknown_type": safetensors({"a": tensor("F8_E4M3", [1], 0, 1)}, b"x"),
        "hole": safetensors({"a": byte, "b": tensor("I8", [1], 2, 3)}, b"xyz"),
        "overlap": safetensors({"a": pair, "b": tensor("I8", [2], 1, 3)}, b"xyz"),
        "short": safetensors(two, bytes(31)),
        "long": safetensors(two, bytes(33)),
        "wrong_bytes": safetensors({"a": tensor("F32", [2], 0, 7)}, bytes(7)),
        "backwards": safetensors({"a": tensor("F32", [2], 8, 0)}, bytes(8)),
        "negative": safetensors({"a": tensor("F32", [-2], 0, 8)}, bytes(8)),
        "fraction": safetensors({"a": tensor("F32", [2.0], 0, 8)}, bytes(8)),
        "rank_9": safetensors({"a": tensor("I8", [1] * 9, 0, 1)}, b"x"),
        "overflow": safetensors({"a": tensor("F32", [1 << 62, 1 << 62], 0, 8)}, bytes(8)),
        "overflow_bytes": safetensors({"a": tensor("F64", [1 << 61], 0, 0)}),
        "twice": safetensors('{"a":%s,"a":%s}' % ((json.dumps(byte),) * 2), b"x"),
        "field_twice": safetensors('{"a":{"dtype":"I8","dtype":"U8","shape":[1],'
                                   '"data_offsets":[0,1]}}', b"x"),
        "not_an_object": safetensors("[1,2]"),
        "no_fields": safetensors({"a": {}, "b": 3}),
        "deep": safetensors("[" * 40),
        "not_json": safetensors("{a:1}"),
        "length_past_end": safetensors(two, bytes(32), length=10_000),
        "length_huge": safetensors(two, bytes(32), length=(1 << 64) - 1),
        "seven_bytes": bytes(7),
        "claim_all_ones": safetensors(two, claim=(1 << 64) - 1),
    }
    large = json.dumps({"a": tensor("F32", [1 << 20, 1 << 20], 0, 4 << 40)})
    files["large_claimed"] = safetensors(large, claim=(4 << 40) + 8 + len(large))
    for name, data in files.items():
        keep("safetensors", name, data)


def configs():
    model = {"model_type": "phi3_v", "hidden_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128,
             "vocab_size": 300, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
             "max_position_embeddings": 4096, "original_max_position_embeddings": 2048,
             "eos_token_id": 2, "rope_scaling": {"type": "su", "short_factor": [1.0] * 8,
                                                 "long_factor": [1.5] * 8},
             "vision_config": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
                               "intermediate_size": 64, "image_size": 56, "patch_size": 14}}
    picture = {"num_crops": 4, "image_mean": [0.48, 0.45, 0.4], "image_std": [0.26, 0.26, 0.27]}
    least = {key: value for key, value in model.items()
             if not isinstance(value, dict) and not key.startswith("original")}
    long = {**model["rope_scaling"], "type": "longrope"}
    texts = {
        "whole": [model, picture, {"eos_token_id": [32007, 32001, 32000]}],
        "model_only": [model],
        "least": [least],
        "longrope": [{**model, "rope_scaling": long}, picture],
        "nulls": [{**model, "rope_scaling": None, "vision_config": None}, {"image_mean": None}],
        "other_type": [{**model, "model_type": "llava"}],
        "other_rope": [{**model, "rope_scaling": {"type": "yarn"}}],
        "short_factors": [{**model, "rope_scaling": {**long, "short_factor": [1.0]}}],
        "factor_zero": [{**model, "rope_scaling": {**long, "long_factor": [0.0] * 8}}],
        "odd_heads": [{**model, "num_attention_heads": 5}],
        "odd_patches": [{**model, "vision_config": {"image_size": 57, "patch_size": 14}}],
        "large": [{**model, "vision_config": {"image_size": 4096, "patch_size": 1}},
                  {"num_crops": 64}],
        "crops_0": [model, {"num_crops": 0}],
        "std_zero": [model, {"image_std": [0.0, 1, 1]}],
        "eos_text": [model, {}, {"eos_token_id": ["</s>"]}],
        "empty": [{}, {}, {}],
    }
    edge = {"longest_edge": 56}
    smol = {"model_type": "smolvlm", "image_token_id": 38, "scale_factor": 2, "vocab_size": 640,
            "text_config": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
                            "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 128,
                            "rms_norm_eps": 1e-5, "rope_theta": 100000.0,
                            "max_position_embeddings": 8192},
            "vision_config": model["vision_config"]}
    shown = {"do_image_splitting": True, "resample": 1, "rescale_factor": 0.00392156862745098,
             "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
             "max_image_size": edge, "size": {"longest_edge": 224}}
    texts |= {
        "smol_whole": [smol, shown, {"eos_token_id": 639}],
        "smol_alone": [smol],
        "smol_rope": [{**smol, "text_config": {**smol["text_config"], "rope_theta": None,
                                               "rope_parameters": {"rope_theta": 1e5}}}],
        "smol_bits": [{**smol, "quantization": {"group_size": 64, "bits": 6}}],
        "smol_large": [{**smol, "scale_factor": 1,
                        "vision_config": {"image_size": 4096, "patch_size": 1}},
                       {"size": {"longest_edge": 24576}}],
        "smol_thin": [smol, {**shown, "size": {"longest_edge": 1}}],
        "smol_odd": [{**smol, "vision_config": {**smol["vision_config"], "image_size": 55, "patch_size": 11},
                      "scale_factor": 1}],
        "smol_frames": [smol, {**shown, "video_sampling": {"max_frames": 999, "video_size": {"longest_edge": 1}}}],
        "smol_seen": [smol, shown, {}, {"image_seq_len": 4}],
        "smol_seen_less": [smol, shown, {}, {"image_seq_len": 3}],
    }
    for name, parts in texts.items():
        keep("config", name, "\0".join(json.dumps(part) for part in parts))
    whole = json.dumps(model) + "\0" + json.dumps(picture)
    for name, old, new in [("eps", "1e-05", "1e300"), ("theta", "10000.0", "1e999"),
                           ("mean", "0.48", "1e39"), ("std", "0.26", "1e-40"),
                           ("positions", "2048", "1")]:
        keep("config", f"{name}_{new}", whole.replace(old, new, 1))


def moondream_configs():
    around = {"prefix": [1, 2], "suffix": [3]}
    sections = {
        "text": {"dim": 128, "ff_dim": 256, "n_layers": 3, "n_heads": 2, "n_kv_heads": 2, "vocab_size": 640,
                 "max_context": 2048, "prefix_attn": 37},
        "vision": {"enc_dim": 64, "enc_ff_dim": 96, "enc_n_layers": 3, "enc_n_heads": 2, "crop_size": 84,
                   "enc_patch_size": 14, "in_channels": 3, "max_crops": 12, "overlap_margin": 1,
                   "proj_inner_dim": 256, "proj_out_dim": 128},
        "region": {"dim": 128, "coord_feat_dim": 64, "coord_out_dim": 64, "size_feat_dim": 64,
                   "size_out_dim": 128, "inner_dim": 192},
        "tokenizer": {"bos_id": 512, "eos_id": 512, "templates": {
            "query": around, "detect": around, "point": around,
            "caption": {"short": [4], "normal": [5, 6], "long": []}}},
    }

    def changed(**more):
        out = json.loads(json.dumps(sections))
        for name, value in more.items():
            if isinstance(value, dict) and isinstance(out.get(name), dict):
                out[name].update(value)
            else:
                out[name] = value
        return {"model_type": "moondream1", "config": out}

    def square(side, patch, margin, **text):
        patches = (side // patch) ** 2
        return changed(vision={"crop_size": side, "enc_patch_size": patch, "overlap_margin": margin, "max_crops": 64},
                       text={"prefix_attn": patches + 1, **text})

    texts = {
        "whole": changed(),
        "published": {"model_type": "moondream1"},
        "conversion": {**changed(), "model_type": "moondream2", "quantization": {"group_size": 64, "bits": 4}},
        "bits_6": {**changed(), "quantization": {"bits": 6}},
        "other_type": {**changed(), "model_type": "phi3_v"},
        "older": {**changed(), "text_config": {"n_layers": 24}},
        "march": changed(revision="2025-03-27"),
        "june": {"model_type": "moondream1", "config": {"revision": "2025-06-21"}},
        "june_few_words": {"model_type": "moondream1", "config": {"revision": "2025-06-21", "text": {"vocab_size": 3}}},
        "no_revision": changed(revision="2024-08-26"),
        "revision_number": changed(revision=20250109),
        "nulls": changed(text=None, vision=None, region=None, tokenizer=None),
        "sections_array": {"model_type": "moondream1", "config": []},
        "heads_3": changed(text={"n_heads": 3, "n_kv_heads": 3}),
        "heads_64": changed(text={"n_heads": 64, "n_kv_heads": 64}),
        "kv_heads": changed(text={"n_kv_heads": 1}),
        "negative": changed(text={"n_layers": -1}),
        "prefix": changed(text={"prefix_attn": 38}),
        "context": changed(text={"max_context": 37}),
        "margin": changed(vision={"overlap_margin": 3}),
        "large": square(4095, 1, 0, max_context=1 << 24),
        "window_1": square(5, 1, 2),
        "odd": changed(region={"coord_feat_dim": 3}),
        "bins": changed(region={"size_out_dim": 4, "coord_out_dim": 2}),
        "id_too_large": changed(tokenizer={"bos_id": 640}),
        "id_text": changed(tokenizer={"templates": {"query": {"prefix": ["a"]}}}),
        "templates_array": changed(tokenizer={"templates": []}),
    }
    for name, value in texts.items():
        keep("moondream_config", name, json.dumps(value))


def data_uris():
    texts = {
        "uri": "data:image/png;base64,iVBORw0KGgo=", "padding_2": "AA==", "padding_1": "AAA=",
        "padding_0": "AAAA", "parameters": "data:image/png;name=x;base64,/+8=",
        "capitals": "DATA:IMAGE/PNG;BASE64,QUJD", "no_type": "data:;base64,QQ==",
        "url_safe": "data:image/png;base64,-_-_", "line_break": "QUJD\nQUJD", "percent": "QUJD%3D",
        "trailing_bits": "AB==", "trailing_bits_1": "AAB=", "padding_inside": "AA==AAAA",
        "three_padding": "A===", "only_padding": "====", "short": "AAAAA",
        "high_bytes": "\u00ff\u20ac", "not_base64": "data:image/png,raw",
        "no_comma": "data:image/png;base64", "http": "http://x/y.png",
        "file": "file:///etc/passwd", "no_data": "data:image/png;base64,", "empty": "",
    }
    for name, text in texts.items():
        keep("data_uri", name, text)


def remote_urls():
    texts = {
        "plain": "https://example.org/a.png?x=1#y", "port": "http://example.org:8080/",
        "ipv4": "http://127.0.0.1/", "ipv6": "https://[2001:db8::1]:8443/a", "mapped": "http://[::ffff:127.0.0.1]/",
        "decimal": "http://2130706433/", "octal": "http://0177.0.0.1/", "hex": "http://0x7f.1/",
        "short": "http://127.1/", "user": "https://a:b@example.org/", "backslash": "https://a\\@b/",
        "begins_as_address": "http://1.2.3.4.example.org/", "zone": "http://[fe80::1%25lo]/",
        "name": "https://a_b.xn--bcher-kva.example./", "other": "file:///etc/passwd",
        "redirect": "https://example.org/a/b?c\n../d", "redirect_host": "https://example.org/\n//127.0.0.1:80/",
        "redirect_whole": "http://example.org/\nhttps://[::1]/",
    }
    for name, text in texts.items():
        keep("remote_url", name, text)


def chats():
    def uri(data):
        return "data:image/x;base64," + base64.b64encode(data).decode()

    def image(data, **fields):
        return {"type": "image_url", "image_url": {"url": uri(data), **fields}}

    small = gradient("RGB", 4, 3)
    webp, jpeg, png_ = (encoded(small, kind) for kind in ("WEBP", "JPEG", "PNG"))
    user = {"role": "user", "content": "What is this?"}
    full = {"model": "m", "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look:"}, image(png_, detail="low")]},
        {"role": "assistant", "content": "A square.", "refusal": None, "tool_calls": []}, user],
        "max_tokens": 10, "temperature": 0.5, "top_p": 0.9, "stop": ["\n", "é"], "seed": 7,
        "stream": True, "stream_options": {"include_usage": True}, "num_crops": 4, "n": 1,
        "top_k": 40, "min_p": 0.05, "repetition_penalty": 1.1, "keep_order": True, "user": "u",
        "response_format": {"type": "text"}, "logprobs": False, "tools": [], "metadata": {"a": "b"}}
    bodies = {
        "least": {"messages": [user]}, "full": full,
        "jpeg": {"messages": [{"role": "user", "content": [image(jpeg, detail="high")]}]},
        "webp": {"messages": [{"role": "user", "content": [image(webp, num_crops=16)]}]},
        "no_picture": {"messages": [{"role": "user", "content": [image(b"GIF89a")]}]},
        "cut_picture": {"messages": [{"role": "user", "content": [image(png_[:60])]}]},
        "address": {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]},
        "frames": {"messages": [{"role": "user", "content": [
            {"type": "video_frames", "frames": [image(png_)["image_url"]["url"]] * 2, "fps": 0.5}]}]},
        "image_of_assistant": {"messages": [{"role": "assistant", "content": [image(png_)]}, user]},
        "assistant_last": {"messages": [user, {"role": "assistant", "content": "and"}]},
        "no_messages": {"messages": []}, "role": {"messages": [{"role": "tool", "content": ""}]},
        "typo": {"mesages": [], "messages": [user]},
        "control_key": {"a\u0001\u00e9\"\\": 1, "messages": [user]},
        "bias_key": {"messages": [user], "logit_bias": {"-5\u007f\u00e9\"" + "x" * 100: 1}},
        "ranges": {"messages": [user], "temperature": 3, "max_tokens": 0},
        "lengths_differ": {"messages": [user], "max_tokens": 1, "max_completion_tokens": 2},
        "seed_unsigned": {"messages": [user], "seed": (1 << 64) - 1, "stop": "x", "top_p": 0},
        "stops": {"messages": [user], "stop": ["a", "", 3]},
        "usage_without_stream": {"messages": [user], "stream_options": {"include_usage": True}},
        "unsupported": {"messages": [user], "logit_bias": {"5": 1}, "tools": [{}]},
        "tool_history": {"messages": [
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "2", "type": "custom", "custom": {"name": "g", "input": "<|end|>"}}]},
            {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "x"}]},
            {"role": "function", "name": "f", "content": ""},
            {"role": "assistant", "refusal": "No.", "function_call": {"name": "f", "arguments": ""}},
            user], "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}},
        "without_effect": {"messages": [
            {**user, "id": "m", "reasoning_content": "", "name": "\u0001"}], "think": False,
            "reasoning_effort": "low", "store": True, "max_tokens": -1, "stop": "",
            "stream_options": {"include_usage": True}},
        "not_an_object": [1, 2],
    }
    for name, body in bodies.items():
        keep("chat_request", name, json.dumps(body, ensure_ascii=name != "full"))
    keep("chat_request", "deep", '{"messages":' + "[" * 50)
    keep("chat_request", "number", '{"messages":[],"temperature":1e999}')
    keep("chat_request", "surrogate", '{"messages":[{"role":"user","content":"\\ud800"}]}')
    keep("chat_request", "cut", json.dumps(full)[:300])
    image = "data:image/png;base64,iVBORw0KGgo="
    keep("chat_request", "detect", json.dumps(
        {"image_url": image, "object": "cat", "settings": {"max_objects": 3}}))
    keep("chat_request", "caption", json.dumps({"image_url": image, "length": "short", "stream": True}))


def http_messages():
    chat = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:8080\r\n"
    chunked = chat + "Transfer-Encoding: chunked\r\n\r\n"
    texts = {
        "get": "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "post": chat + "Content-Type: application/json; charset=utf-8\r\n"
                       "Content-Length: 2\r\n\r\n{}",
        "two": chat + "Content-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "chunked": chunked + "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n",
        "key": chat + "Authorization: Bearer sk-fuzz\r\nX-Request-Id: a.b:1\r\nOrigin: http://x\r\n"
                      "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        "head_1_0": "HEAD /v1/models/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "absolute": "GET http://known.example:1/x?y HTTP/1.1\r\nHost: other\r\n\r\n",
        "ipv6": "GET /?q=1 HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n",
        "options": "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "folded": "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
        "two_lengths": chat + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "lengths_differ": chat + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "gzip": chat + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "large_body": chat + "Content-Length: 257\r\n\r\n",
        "large_chunk": chunked + "ffffffffffffffff\r\n",
        "no_chunk": chunked + "0\r\n\r\n", "endless_chunk_header": chunked + "1;" + "x" * 600,
        "endless_trailer": chunked + "0\r\nTrailer: " + "x" * 600,
        "large_header": "GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 600 + "\r\n\r\n",
        "no_host": "GET / HTTP/1.1\r\n\r\n", "http_2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "tls": "\x16\x03\x01\x02\x00\x01", "line_feeds": "GET / HTTP/1.1\nHost: a\n\n",
        "nul": "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
        "empty_lines": "\r\n\r\nGET / HTTP/1.1\r\nHost: a:\r\n\r\n",
        "no_path": "GET https://[::1]?x HTTP/1.1\r\nHost: a\r\n\r\n",
        "connect": "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        "proxied": chat + "Origin: https://known.example\r\nX-Forwarded-Host: known.example\r\n"
                          "X-Forwarded-Proto: https\r\nContent-Length: 0\r\n\r\n",
    }
    for index, (name, text) in enumerate(texts.items()):
        keep("http_message", name, bytes([(0, 6, 40, 255)[index % 4]]) + text.encode("latin-1"))


def packed_bodies():
    text = b'{"messages": [{"role": "user", "content": "What is it?"}]}'
    for name, data in {
        "gzip": gzip.compress(text, mtime=0),
        "members": gzip.compress(text[:9], mtime=0) + gzip.compress(text[9:], mtime=0),
        "named": gzip.compress(text, mtime=0)[:3] + b"\x08\0\0\0\0\x02\x03a.json\0"
                 + gzip.compress(text, mtime=0)[10:],
        "zlib": zlib.compress(text),
        "stored": zlib.compress(text, 0),
        "zeros": gzip.compress(bytes(100_000), mtime=0),
        "cut_off": gzip.compress(text, mtime=0)[:-3],
    }.items():
        keep("content_coding", name, data)


if __name__ == "__main__":
    print("Pillow", PIL.__version__)
    for draw in (jpegs, pngs, webps, gifs, bmps, heifs, tiffs, profiles, tensor_files, configs, moondream_configs,
                 data_uris, remote_urls, chats, http_messages, packed_bodies, stored_answers):
        draw()
    for folder in sorted(CORPUS.iterdir()):
        sizes = [path.stat().st_size for path in folder.iterdir()]
        print(f"{folder.name}: {len(sizes)} files, {sum(sizes)} bytes")
