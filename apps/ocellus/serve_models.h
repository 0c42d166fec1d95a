// The models of `ocellus serve`: which ones, how they are loaded, what each is called.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "runtime/model_host.h"

namespace oc {

struct ModelFlags {
  std::string model = "demo";
  std::string served_name;  // empty: its own
  std::string fallback;     // full precision, when `model` cannot be loaded; empty: none
  double keep_alive_s = 0;  // 0: never unloaded
  std::size_t memory_mb = 0;
  EngineOptions engine;
  LoadOptions loading;
  bool warm_up = true;
};

// --fallback, --keep-alive, --model-memory.
void add_model_host_flags(CLI::App& verb, ModelFlags& flags);

// What clients call the first model, whether it is there or not.
std::string first_model_name(const ModelFlags& flags);

// With the first model known and nothing loaded. Installed models are loaded when a client names
// them; the original's names mean the active model, and to a switch Phi-3.5-Vision where it is
// installed.
std::shared_ptr<ModelHost> make_model_host(const ModelFlags& flags, const ServiceOptions& service);

}  // namespace oc
