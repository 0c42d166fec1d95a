"""OpenVINO graphs of Phi-3.5-Vision's decoder and tower, with random weights.

They are written so that OpenVINO's own passes find what they look for in an exported model: RMS
norms, rotary positions, compressed weights, and attention over a stateful KV cache.
"""

import numpy as np
import openvino as ov
from openvino import opset13 as op
from openvino.op.util import Variable, VariableInfo

import shapes as s

rng = np.random.default_rng(1)


def const(value, dtype=np.float32):
    return op.constant(np.asarray(value, dtype=dtype))


def ints(*values):
    return op.constant(np.array(values, dtype=np.int64))


def packed(shape, kind):
    """A constant of random 4-bit or 8-bit numbers."""
    count = int(np.prod(shape)) // (2 if kind == ov.Type.u4 else 1)
    tensor = ov.Tensor(kind, ov.Shape(shape))
    raw = np.frombuffer(rng.bytes(count), dtype=np.uint8)
    tensor.data.view(np.uint8).reshape(-1)[:count] = raw
    return op.constant(tensor, shared_memory=True)


def linear(x, rows, cols, bits, group, bias=False):
    """x [.., cols] · W [rows, cols]^T; W as int4 or int8 with zero points, or float32 (bits 32)."""
    if bits == 32:
        w = const(rng.standard_normal((rows, cols), dtype=np.float32) * 0.02)
    else:
        kind = ov.Type.u4 if bits == 4 else ov.Type.u8
        group = group or cols
        parts = cols // group
        grouped = [rows, parts, group] if parts > 1 else [rows, cols]
        one = [rows, parts, 1] if parts > 1 else [rows, 1]
        q = op.convert(packed(grouped, kind), "f16")
        zero = op.convert(packed(one, kind), "f16")
        step = 0.02 / (4 if bits == 4 else 70)
        scale = const(np.full(one, step) * rng.uniform(0.5, 1.5, one), np.float16)
        w = op.multiply(op.subtract(q, zero), scale)
        if parts > 1:
            w = op.reshape(w, ints(rows, cols), False)
        w = op.convert(w, "f32")
    y = op.matmul(x, w, False, True)
    if bias:
        y = op.add(y, const(rng.standard_normal((1, 1, rows)) * 0.02))
    return y


def rms_norm(x):
    mean = op.reduce_mean(op.power(x, const(2.0)), ints(-1), True)
    inverse = op.divide(const(1.0), op.sqrt(op.add(mean, const(1e-5))))
    weight = const(rng.uniform(0.9, 1.1, (1, 1, s.HIDDEN)))
    return op.multiply(op.multiply(x, inverse), weight)


def layer_norm(x):
    y = op.mvn(x, ints(-1), True, 1e-5, "INSIDE_SQRT")
    y = op.multiply(y, const(rng.uniform(0.9, 1.1, (1, 1, s.WIDTH))))
    return op.add(y, const(rng.standard_normal((1, 1, s.WIDTH)) * 0.02))


def rotated(x, cos, sin):
    """Rotate-half over all dimensions of a head."""
    half = s.HEAD // 2
    low, high = (
        op.slice(x, ints(0), ints(half), ints(1), ints(3)),
        op.slice(x, ints(half), ints(s.HEAD), ints(1), ints(3)),
    )
    turned = op.concat([op.multiply(high, const(-1.0)), low], -1)
    return op.add(op.multiply(x, cos), op.multiply(turned, sin))


def heads_of(x, heads, head):
    return op.transpose(op.reshape(x, ints(0, 0, heads, head), True), ints(0, 2, 1, 3))


def joined(x, width):
    return op.reshape(op.transpose(x, ints(0, 2, 1, 3)), ints(0, 0, width), True)


def decoder(layers=s.LAYERS, group=128, bits=4):
    """inputs_embeds [1, T, D], cos, sin [1, 1, T, d], mask [1, 1, T, S], beam_idx [1] -> logits of
    the last token. Keys and values are the model's state."""
    x0 = op.parameter([1, -1, s.HIDDEN], np.float32, name="embeds")
    cos = op.parameter([1, 1, -1, s.HEAD], np.float32, name="cos")
    sin = op.parameter([1, 1, -1, s.HEAD], np.float32, name="sin")
    mask = op.parameter([1, 1, -1, -1], np.float32, name="mask")
    beam = op.parameter([-1], np.int32, name="beam_idx")
    for p, name in ((x0, "embeds"), (cos, "cos"), (sin, "sin"), (mask, "mask"), (beam, "beam_idx")):
        p.output(0).get_tensor().set_names({name})
    batch = op.gather(op.shape_of(x0), ints(0), const(0, np.int64))
    empty = op.broadcast(
        const(0.0), op.concat([batch, ints(s.HEADS, 0, s.HEAD)], 0)
    )
    sinks = []

    def cached(new, name):
        info = VariableInfo()
        info.data_shape = ov.PartialShape([-1, s.HEADS, -1, s.HEAD])
        info.data_type = ov.Type.f32
        info.variable_id = name
        variable = Variable(info)
        past = op.gather(op.read_value(empty, variable), beam, const(0, np.int64))
        both = op.concat([past, new], 2)
        sinks.append(op.assign(both, variable))
        return both

    x = x0
    for i in range(layers):
        qkv = linear(rms_norm(x), 3 * s.HIDDEN, s.HIDDEN, bits, group)
        q, k, v = (
            heads_of(
                op.slice(qkv, ints(n * s.HIDDEN), ints((n + 1) * s.HIDDEN), ints(1), ints(2)),
                s.HEADS,
                s.HEAD,
            )
            for n in range(3)
        )
        k = cached(rotated(k, cos, sin), f"key{i}")
        v = cached(v, f"value{i}")
        y = op.scaled_dot_product_attention(rotated(q, cos, sin), k, v, mask, causal=False)
        x = op.add(x, linear(joined(y, s.HIDDEN), s.HIDDEN, s.HIDDEN, bits, group))
        gate, up = op.variadic_split(
            linear(rms_norm(x), 2 * s.MLP, s.HIDDEN, bits, group), const(-1, np.int64),
            ints(s.MLP, s.MLP),
        ).outputs()
        x = op.add(x, linear(op.multiply(op.swish(gate), up), s.HIDDEN, s.MLP, bits, group))
    last = op.slice(x, ints(-1), ints(np.iinfo(np.int64).max), ints(1), ints(1))
    logits = op.result(linear(rms_norm(last), s.VOCAB, s.HIDDEN, bits, group))
    return ov.Model([logits], sinks, [x0, cos, sin, mask, beam], "decoder")


def tower(bits=32, layers=s.TOWER_LAYERS):
    """pixels [5, 3, 336, 336] -> projected tokens [1, 757, D]."""
    pixels = op.parameter([s.VIEWS, 3, s.SIDE, s.SIDE], np.float32, name="pixels")
    pixels.output(0).get_tensor().set_names({"pixels"})
    kernel = const(rng.standard_normal((s.WIDTH, 3, s.PATCH, s.PATCH)) * 0.02)
    x = op.convolution(pixels, kernel, [s.PATCH] * 2, [0, 0], [0, 0], [1, 1])
    x = op.transpose(op.reshape(x, ints(0, 0, -1), True), ints(0, 2, 1))
    x = op.concat([const(rng.standard_normal((s.VIEWS, 1, s.WIDTH)) * 0.02), x], 1)
    x = op.add(x, const(rng.standard_normal((1, s.PATCHES + 1, s.WIDTH)) * 0.02))
    x = layer_norm(x)
    for _ in range(layers):
        n = layer_norm(x)
        q, k, v = (
            heads_of(linear(n, s.WIDTH, s.WIDTH, bits, 0, True), s.TOWER_HEADS, s.TOWER_HEAD)
            for _ in range(3)
        )
        y = op.scaled_dot_product_attention(q, k, v, causal=False)
        x = op.add(x, linear(joined(y, s.WIDTH), s.WIDTH, s.WIDTH, bits, 0, True))
        y = linear(layer_norm(x), s.TOWER_MLP, s.WIDTH, bits, 0, True)
        y = op.multiply(y, op.sigmoid(op.multiply(y, const(1.702))))
        x = op.add(x, linear(y, s.WIDTH, s.TOWER_MLP, bits, 0, True))
    # 2 x 2 patches become one token; separators fill up to 757 tokens.
    x = op.slice(x, ints(1), ints(s.PATCHES + 1), ints(1), ints(1))
    x = op.reshape(x, ints(1, s.VIEWS * s.PATCHES // 4, 4 * s.WIDTH), False)
    more = s.PICTURE_TOKENS - s.VIEWS * s.PATCHES // 4
    x = op.concat([x, const(rng.standard_normal((1, more, 4 * s.WIDTH)) * 0.02)], 1)
    x = op.gelu(linear(x, s.HIDDEN, 4 * s.WIDTH, bits, 0, True), "erf")
    x = linear(x, s.HIDDEN, s.HIDDEN, bits, 0, True)
    return ov.Model([op.result(x)], [pixels], "tower")
