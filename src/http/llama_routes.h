// Routes that llama.cpp's clients ask for beside those that all have: /props, /tokenize,
// /detokenize.
#pragma once

#include <memory>

#include "http/app.h"

namespace oc::http {

void add_llama_routes(Router& router, const std::shared_ptr<App>& app);

}  // namespace oc::http
