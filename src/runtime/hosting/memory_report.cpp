// A memory plan for people and for programs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/array.hpp>
#include <vector>

#include "base/units.h"
#include "runtime/hosting/memory_plan.h"

namespace oc {
namespace {

namespace json = boost::json;

std::string row(std::string_view name, std::size_t bytes, std::string_view note) {
  return fmt::format("{:<26} {:>9}  {}\n", name, human_bytes(bytes), note);
}

// Lengths that say something for this model.
std::vector<std::size_t> lengths(const MemoryPlan& plan) {
  std::vector<std::size_t> out;
  const auto context = static_cast<std::size_t>(plan.model.context_length);
  for (const std::size_t tokens : {1024u, 4096u, 16384u, 65536u})
    if (tokens < context) out.push_back(tokens);
  out.push_back(context);
  return out;
}

std::string verdict(const MemoryPlan& plan) {
  if (plan.room.machine == 0)
    return "fits, as far as can be told: the machine's memory is unknown\n";
  if (plan.fits)
    return fmt::format("fits: {} of {}{}\n", human_bytes(plan.total()),
                       human_bytes(plan.room.usable),
                       plan.smaller ? ", with defaults made smaller" : "");
  std::string out = fmt::format("does not fit: at least {} of {}\n", human_bytes(plan.minimum),
                                human_bytes(plan.room.usable));
  for (const std::string& flag : plan.advice) out += fmt::format("would fit with {}\n", flag);
  if (plan.advice.empty())
    out += "no flag would make it fit: take a smaller model, or more memory\n";
  return out;
}

}  // namespace

std::string MemoryPlan::table() const {
  const ModelFootprint& m = model;
  std::string out =
      fmt::format("{}, {}, context {}\n\n", m.architecture, to_string(m.weights), m.context_length);
  out += row("weights on disk", m.file_bytes, "");
  if (m.mapped_bytes > 0)
    out += row("weights, mapped", m.mapped_bytes, "shared with other processes");
  out += row("weights, copied", m.copied_bytes, "the engine's own");
  out += row("program and tokenizer", program, "");
  for (const ImageFootprint& p : m.pictures)
    if (p.workspace_bytes == pictures)
      out += row("vision tower", pictures,
                 fmt::format("a picture in {}, one at a time", p.description));
  out += row("activations of a step", step, "");
  out += row("keys and values", kv,
             fmt::format("--kv-memory; {} a token; {} of it for finished conversations",
                         human_bytes(m.kv_token_bytes), human_bytes(prefixes)));
  out += row("image cache", images, "--image-cache");
  out += row("response cache", responses, "--response-cache");
  out += row("requests", requests, "--max-memory-mb; bodies, texts and decoded pictures");
  out += row("preprocessed pictures", preprocess, "waiting for their turn");
  if (grammars > 0) out += row("grammar cache", grammars, "compiled JSON schemas");
  out += row("in all", total(),
             room.count_weights ? "at most" : "at most, weights left out (--model-memory)");
  out += fmt::format("\nlongest context: {} of {} tokens\n", longest_context(), m.context_length);
  for (const std::size_t tokens : lengths(*this))
    out += fmt::format("sequences of {} tokens: {} (--max-running {})\n", tokens,
                       sequences_of(tokens), max_running);
  for (std::size_t i = 0; i < m.pictures.size(); ++i)
    out += fmt::format("pictures in {} in the image cache: {}\n", m.pictures[i].description,
                       images_cached(i));
  return out + "\n" + verdict(*this);
}

json::object MemoryPlan::json() const {
  const ModelFootprint& m = model;
  json::array sequences, cached, flags;
  for (const std::size_t tokens : lengths(*this))
    sequences.push_back({{"tokens", tokens}, {"at_a_time", sequences_of(tokens)}});
  for (std::size_t i = 0; i < m.pictures.size(); ++i) {
    const ImageFootprint& picture = m.pictures[i];
    json::object one;
    for (const auto& [name, value] : picture.knobs) one[name] = value;
    one["tokens"] = picture.tokens;
    one["bytes"] = picture.cached_bytes;
    one["pixel_bytes"] = picture.pixel_bytes;
    one["workspace_bytes"] = picture.workspace_bytes;
    one["in_image_cache"] = images_cached(i);
    cached.push_back(std::move(one));
  }
  for (const std::string& flag : advice) flags.emplace_back(flag);
  return {
      {"architecture", m.architecture},
      {"quantization", to_string(m.weights)},
      {"context_length", m.context_length},
      {"weights",
       {{"file_bytes", m.file_bytes},
        {"mapped_bytes", m.mapped_bytes},
        {"copied_bytes", m.copied_bytes}}},
      {"program_bytes", program},
      {"vision_bytes", pictures},
      {"step_bytes", step},
      {"kv", {{"token_bytes", m.kv_token_bytes}, {"bytes", kv}, {"prefix_bytes", prefixes}}},
      {"image_cache_bytes", images},
      {"response_cache_bytes", responses},
      {"request_bytes", requests},
      {"preprocess_bytes", preprocess},
      {"grammar_cache_bytes", grammars},
      {"total_bytes", total()},
      {"least_bytes", minimum},
      {"machine_bytes", room.machine},
      {"usable_bytes", room.usable},
      {"longest_context", longest_context()},
      {"max_running", max_running},
      {"sequences", std::move(sequences)},
      {"pictures", std::move(cached)},
      {"fits", fits},
      {"made_smaller", smaller},
      {"would_fit_with", std::move(flags)},
  };
}

}  // namespace oc
