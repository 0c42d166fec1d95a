#include "engines/mlx/fused.h"

#include <mlx/compile.h>
#include <mlx/ops.h>

namespace oc {
namespace {

using Arrays = std::vector<mx::array>;

// Numbers in f32 within a closure.
struct Wide {
  mx::Stream s;
  mx::array in(const mx::array& x) const { return mx::astype(x, mx::float32, s); }
  mx::array out(const mx::array& x, const mx::array& like) const {
    return mx::astype(x, like.dtype(), s);
  }
  mx::array times(const mx::array& a, const mx::array& b) const { return mx::multiply(a, b, s); }
  mx::array silu(const mx::array& x) const { return times(x, mx::sigmoid(x, s)); }
};

}  // namespace

Fused::Fused(mx::Stream stream, bool compile) : stream_(stream) {
  const Wide w{stream};
  const auto made = [compile](Closure f) {
    return compile ? mx::compile(std::move(f), /*shapeless=*/true) : f;
  };
  quick_gelu_ = made([w](const Arrays& x) -> Arrays {
    const mx::array v = w.in(x[0]);
    return {w.out(w.times(v, mx::sigmoid(w.times(v, mx::array(1.702f)), w.s)), x[0])};
  });
  gelu_ = made([w](const Arrays& x) -> Arrays {
    const mx::array v = w.in(x[0]);
    const mx::array erf = mx::erf(w.times(v, mx::array(0.70710678118654752f)), w.s);
    return {w.out(w.times(w.times(v, mx::array(0.5f)), mx::add(mx::array(1.0f), erf, w.s)), x[0])};
  });
  gelu_tanh_ = made([w](const Arrays& x) -> Arrays {
    const mx::array v = w.in(x[0]);
    const mx::array cube = w.times(w.times(v, v), w.times(v, mx::array(0.044715f)));
    const mx::array tanh =
        mx::tanh(w.times(mx::add(v, cube, w.s), mx::array(0.79788456080286536f)), w.s);
    return {w.out(w.times(w.times(v, mx::array(0.5f)), mx::add(mx::array(1.0f), tanh, w.s)), x[0])};
  });
  silu_ = made([w](const Arrays& x) -> Arrays { return {w.out(w.silu(w.in(x[0])), x[0])}; });
  gate_ = made([w](const Arrays& x) -> Arrays {
    return {w.out(w.times(w.silu(w.in(x[0])), w.in(x[1])), x[0])};
  });
  rotate_ = made([w](const Arrays& x) -> Arrays {  // a, b, cos, sin
    const mx::array a = w.in(x[0]), b = w.in(x[1]);
    return {w.out(mx::subtract(w.times(a, x[2]), w.times(b, x[3]), w.s), x[0]),
            w.out(mx::add(w.times(b, x[2]), w.times(a, x[3]), w.s), x[1])};
  });
}

mx::array Fused::activate(const mx::array& x, Activation activation) const {
  switch (activation) {
    case Activation::kNone:
      break;
    case Activation::kQuickGelu:
      return quick_gelu_({x})[0];
    case Activation::kGelu:
      return gelu_({x})[0];
    case Activation::kGeluTanh:
      return gelu_tanh_({x})[0];
    case Activation::kSilu:
      return silu_({x})[0];
  }
  return x;
}

mx::array Fused::gate(const mx::array& gate, const mx::array& up) const {
  return gate_({gate, up})[0];
}

mx::array Fused::rotate(const mx::array& x, const mx::array& cos, const mx::array& sin) const {
  const auto half = [&](mx::ShapeElem first) {
    return mx::slice(x, {0, 0, first}, {x.shape(0), x.shape(1), first + x.shape(2) / 2}, stream_);
  };
  return mx::concatenate(rotate_({half(0), half(x.shape(2) / 2), cos, sin}), 2, stream_);
}

}  // namespace oc
