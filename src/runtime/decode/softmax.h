// Log-probabilities of logits. Compiled without contraction, with an exp of its own: equal logits
// give equal numbers on every machine but for the one std::log at the end.
#pragma once

#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace oc {

// e^x for x in [-60, 0], the same bits everywhere; relative error below 1e-15.
double reproducible_exp(double x);

// ln Σ e^logit, in double, summed in the order of the ids. NaN or infinite where the logits are.
double log_sum_exp(std::span<const float> logits);
double log_sum_exp(std::span<const double> values);

// The `count` ids with the largest logits, largest first, equal ones by id; `skipped` (sorted) left
// out.
std::vector<TokenId> top_ids(std::span<const float> logits, std::size_t count,
                             std::span<const TokenId> skipped);

}  // namespace oc
