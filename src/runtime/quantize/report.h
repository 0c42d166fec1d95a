// How much a quantisation lost: by tensor, by layer, and in answers about pictures.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "io/affine.h"
#include "runtime/quantize/plan.h"

namespace oc {

struct TensorReport {
  std::string name;  // of the input's tensor
  TensorAction action = TensorAction::kCopy;
  std::size_t elements = 0;
  Deviation deviation;  // of what is read back, from the input
};

// Tensors of one layer ("model.layers.3"), or one module outside of layers ("lm_head").
struct LayerReport {
  std::string name;
  std::size_t quantized = 0, elements = 0;  // elements quantised, and all
  Deviation deviation;                      // of the quantised ones
  std::string worst;                        // the quantised tensor of the largest relative error
  double worst_rms = 0;
};

// In the order of execution as far as names tell: by name, numbers as numbers.
std::vector<LayerReport> by_layer(const std::vector<TensorReport>& tensors);

// How the quantised model takes the input model's greedy answer about one picture: at each of its
// tokens (stop token included) it is asked for the next one, given the input model's ones before.
struct ImageScore {
  std::string picture;       // as named by the caller
  std::string answer;        // of the input model
  std::size_t tokens = 0;    // of the answer
  std::size_t agreed = 0;    // where the quantised model's first choice is the same
  double input_logprob = 0;  // sum over the tokens, natural logarithm, of the input model itself
  double output_logprob = 0;
  bool same_answer() const { return agreed == tokens; }  // then it is what greedy decoding gives
};

struct QuantizeReport {
  std::vector<TensorReport> tensors;
  std::size_t input_bytes = 0, output_bytes = 0;  // of tensor data
  std::vector<ImageScore> pictures;               // empty: not asked for

  std::string table() const;            // for people
  boost::json::object to_json() const;  // layers, tensors, pictures, totals
};

}  // namespace oc
