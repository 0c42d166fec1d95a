#include "http/metrics.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/system/memory.h"

#include "base/log.h"

namespace oc::http {
namespace {

// The format's escapes for label values.
std::string label(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

template <class T>
void single(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            T value) {
  head(out, name, type, help);
  out += fmt::format("{} {}\n", name, value);
}

void write_models(std::string& out, std::span<const ServedModel> models) {
  head(out, "ocellus_model_loads_total", "counter", "Tries to load a model by how they ended.");
  for (const ServedModel& model : models)
    for (const auto& [result, count] :
         {std::pair{"loaded", model.loads}, std::pair{"failed", model.failed_loads}})
      out += fmt::format("ocellus_model_loads_total{{model=\"{}\",result=\"{}\"}} {}\n",
                         label(model.name), result, count);
  head(out, "ocellus_model_weights_bytes", "gauge", "Weights of the models that are loaded.");
  for (const ServedModel& model : models)
    out += fmt::format("ocellus_model_weights_bytes{{model=\"{}\"}} {}\n", label(model.name),
                       model.loaded_bytes);
}

}  // namespace

std::size_t resident_bytes() { return resident_memory(); }

void Histogram::observe(double seconds) {
  std::size_t bucket = 0;
  while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
  const std::lock_guard lock(mutex_);
  ++counts_[bucket];
  sum_ += seconds;
}

void Histogram::write(std::string& out, std::string_view name, std::string_view help) const {
  head(out, name, "histogram", help);
  const std::lock_guard lock(mutex_);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    total += counts_[i];
    out += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name, kBounds[i], total);
  }
  total += counts_.back();
  out +=
      fmt::format("{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name, total, sum_);
}

void Metrics::count_exchange(std::string_view route, std::string_view method, int status,
                             double ms) {
  // A method is a client's word: anything unusual is one label.
  static constexpr std::array<std::string_view, 6> kMethods = {"GET",   "POST",   "PUT",
                                                               "PATCH", "DELETE", "OPTIONS"};
  std::string_view known = "other";
  for (const std::string_view candidate : kMethods)
    if (candidate == method) known = candidate;
  {
    const std::lock_guard lock(mutex_);
    ++exchanges_[{std::string(route), std::string(known), status}];
  }
  duration_.observe(ms / 1000);
}

void Metrics::count_answer(const GenerateResult& result) {
  const Timings& t = result.timings;
  time_to_first_token_.observe(t.ttft_ms / 1000);
  if (result.completion_tokens > 1)
    inter_token_.observe(t.decode_ms / 1000 / static_cast<double>(result.completion_tokens - 1));
  const std::lock_guard lock(mutex_);
  image_tokens_ += static_cast<std::uint64_t>(result.image_tokens);
  cached_tokens_ += static_cast<std::uint64_t>(result.cached_tokens);
  images_ += result.images.size();
}

void Metrics::count_image(const Result<bool>& decoded) {
  const std::lock_guard lock(mutex_);
  if (!decoded) {
    const ErrorCode code = decoded.error().code;
    ++(code == ErrorCode::kCancelled || code == ErrorCode::kDeadline ? stopped_ : refused_);
  } else if (*decoded) {
    ++decoded_;
  }
}

std::string Metrics::text(const Now& now) const {
  std::string out;
  head(out, "ocellus_http_requests_total", "counter", "Answered requests.");
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, count] : exchanges_)
      out +=
          fmt::format("ocellus_http_requests_total{{route=\"{}\",method=\"{}\",code=\"{}\"}} {}\n",
                      label(std::get<0>(key)), label(std::get<1>(key)), std::get<2>(key), count);
  }
  duration_.write(out, "ocellus_http_request_duration_seconds",
                  "From the end of the header to the end of the answer.");
  time_to_first_token_.write(out, "ocellus_time_to_first_token_seconds",
                             "From arrival in the queue to the first token.");
  inter_token_.write(out, "ocellus_inter_token_seconds",
                     "Mean time between the tokens of an answer.");
  const ServiceStats& s = now.service;
  head(out, "ocellus_generations_total", "counter", "Requests to the model by how they ended.");
  for (const auto& [result, count] :
       {std::pair{"completed", s.completed}, std::pair{"failed", s.failed},
        std::pair{"cancelled", s.cancelled}, std::pair{"rejected", s.rejected}})
    out += fmt::format("ocellus_generations_total{{result=\"{}\"}} {}\n", result, count);
  single(out, "ocellus_empty_answers_total", "counter", "Completed answers without text.",
         s.empty_answers);
  single(out, "ocellus_prompt_tokens_total", "counter", "Tokens of prompts, pictures included.",
         s.prompt_tokens);
  single(out, "ocellus_completion_tokens_total", "counter", "Tokens of answers.",
         s.completion_tokens);
  {
    const std::lock_guard lock(mutex_);
    single(out, "ocellus_image_tokens_total", "counter", "Prompt positions filled by pictures.",
           image_tokens_);
    single(out, "ocellus_cached_tokens_total", "counter", "Prompt tokens not computed again.",
           cached_tokens_);
    single(out, "ocellus_images_total", "counter", "Pictures that were looked at.", images_);
    head(out, "ocellus_pictures_decoded_total", "counter",
         "Pictures by how their decoding ended: refused are damaged, stopped nobody waited for.");
    for (const auto& [result, count] :
         {std::pair{"decoded", decoded_}, std::pair{"refused", refused_},
          std::pair{"stopped", stopped_}})
      out += fmt::format("ocellus_pictures_decoded_total{{result=\"{}\"}} {}\n", result, count);
  }
  single(out, "ocellus_queue_depth", "gauge", "Requests that wait for the model.", s.queued);
  single(out, "ocellus_running", "gauge", "Requests that the model works on.", s.running);
  single(out, "ocellus_superseded_total", "counter", "Frames that a newer one made useless.",
         s.superseded);
  single(out, "ocellus_kv_reserved_bytes", "gauge", "Keys and values of running requests.",
         s.kv_reserved_bytes);
  const CacheStats stored{s.stored_images.hits, s.stored_images.misses, s.stored_images.entries,
                          s.stored_images.bytes};
  const CacheStats shared{s.shared_responses.hits, s.shared_responses.misses};
  const std::array<std::pair<std::string_view, const CacheStats*>, 5> caches = {
      {{"prefix", &s.prefixes},
       {"image", &s.pictures},
       {"image_disk", &stored},
       {"response", &s.responses},  // on either level
       {"response_shared", &shared}}};
  head(out, "ocellus_cache_hits_total", "counter", "Lookups that found something.");
  for (const auto& [name, cache] : caches)
    out += fmt::format("ocellus_cache_hits_total{{cache=\"{}\"}} {}\n", name, cache->hits);
  head(out, "ocellus_cache_misses_total", "counter", "Lookups that found nothing.");
  for (const auto& [name, cache] : caches)
    out += fmt::format("ocellus_cache_misses_total{{cache=\"{}\"}} {}\n", name, cache->misses);
  head(out, "ocellus_cache_bytes", "gauge", "What a cache holds, in memory or on disk.");
  for (const auto& [name, cache] : caches)
    if (cache != &shared)  // the other server knows
      out += fmt::format("ocellus_cache_bytes{{cache=\"{}\"}} {}\n", name, cache->bytes);
  single(out, "ocellus_image_disk_discarded_total", "counter",
         "Files of encoded pictures that were not right, and removed.", s.stored_images.discarded);
  single(out, "ocellus_image_disk_failures_total", "counter",
         "Encoded pictures that could not be written.", s.stored_images.failures);
  single(out, "ocellus_shared_cache_connected", "gauge", "1 while there is a shared cache.",
         s.shared_responses.connected ? 1 : 0);
  single(out, "ocellus_shared_cache_outages_total", "counter",
         "Times that the shared cache went away.", s.shared_responses.outages);
  single(out, "ocellus_shared_cache_discarded_total", "counter",
         "Values of the shared cache that were not right.", s.shared_responses.discarded);
  single(out, "ocellus_ready", "gauge", "1 when a model is loaded.", now.ready ? 1 : 0);
  if (!now.model.empty()) {
    head(out, "ocellus_model_info", "gauge", "The model that answers.");
    out += fmt::format("ocellus_model_info{{model=\"{}\"}} 1\n", label(now.model));
  }
  write_models(out, now.models);
  single(out, "ocellus_connections", "gauge", "Open connections.", now.connections);
  single(out, "ocellus_request_memory_bytes", "gauge", "Bodies and pictures held for requests.",
         now.memory_used);
  single(out, "ocellus_log_lines_dropped_total", "counter",
         "Lines that found no room because nobody read the log.", log::dropped());
  single(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
  return out;
}

}  // namespace oc::http
