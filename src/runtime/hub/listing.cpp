#include "runtime/hub/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <map>
#include <set>

#include "base/hex.h"
#include "base/printable.h"
#include "base/units.h"
#include "io/json.h"
#include "runtime/library/plain_name.h"

namespace oc::hub {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMaxSmall = 64u << 20;            // a tokenizer has up to 20 MB
constexpr std::int64_t kMaxSize = std::int64_t{1} << 43;  // 9 TB; keeps sums far from overflow

// clang-format off
constexpr std::array<std::string_view, 11> kSmall{
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.json", "chat_template.jinja", kIndexName};
// clang-format on
constexpr std::array<std::string_view, 2> kRequired{"config.json", "tokenizer.json"};

bool is_weights(std::string_view name) { return name.ends_with(".safetensors"); }

Error not_the_interface(std::string_view what, std::string_view why) {
  return {ErrorCode::kCorrupt, fmt::format("the hub's answer about {} {}", what, why),
          "is OCELLUS_HUB a server with the Hugging Face interface?"};
}

constexpr std::string_view kAnswer = "the hub's answer";

// None where it is absent or something else.
std::optional<std::string> text_of(const JsonReader& object, std::string_view key) {
  auto text = object.string(key);
  return text.ok() ? std::optional(*std::move(text)) : std::nullopt;
}

}  // namespace

Result<Revision> parse_revision(std::string_view body) {
  OC_ASSIGN_OR_RETURN(const json::value value, parse_json(body, kAnswer));
  const JsonReader answer(value, kAnswer);
  if (!value.is_object()) return not_the_interface("the revision", "is no object");
  Revision revision;
  revision.commit = text_of(answer, "sha").value_or("");
  if (!is_lower_hex(revision.commit, 40)) return not_the_interface("the revision", "has no commit");
  OC_ASSIGN_OR_RETURN(const JsonReader siblings, answer.find("siblings"));
  const auto list = siblings.array();
  if (!list.ok()) return not_the_interface("the revision", "lists no files");
  for (std::size_t i = 0; i < (*list)->size(); ++i) {
    auto name = text_of(siblings.element(i), "rfilename");
    if (!name) return not_the_interface("the revision", "lists a file without a name");
    revision.names.push_back(*std::move(name));
  }
  return revision;
}

Result<std::vector<HubFile>> parse_tree(std::string_view body) {
  OC_ASSIGN_OR_RETURN(const json::value value, parse_json(body, kAnswer));
  const JsonReader answer(value, kAnswer);
  const auto entries = answer.array();
  if (!entries.ok()) return not_the_interface("the files", "is no list");
  std::vector<HubFile> files;
  for (std::size_t i = 0; i < (*entries)->size(); ++i) {
    const JsonReader entry = answer.element(i);
    const auto path = text_of(entry, "path");
    if (!path) return not_the_interface("the files", "has an entry without a path");
    const auto type = text_of(entry, "type");
    if ((type && *type != "file") || !is_safe_file_name(*path)) continue;
    HubFile file{.name = *path, .digest = {}};
    const auto size = entry.integer("size", 0, kMaxSize);
    if (!size.ok())
      return not_the_interface(shown_name(file.name), "has no size that a file can have");
    file.size = static_cast<std::uint64_t>(*size);
    if (const auto lfs = entry.object("lfs"); lfs.ok()) {
      file.digest = text_of(*lfs, "oid").value_or("");
      if (file.digest.starts_with("sha256:")) file.digest.erase(0, 7);
      if (!is_lower_hex(file.digest, 64))
        return not_the_interface(shown_name(file.name), "has no SHA-256");
    } else if (auto oid = text_of(entry, "oid")) {
      file.kind = FileDigestKind::kGitBlob;
      file.digest = *std::move(oid);
      if (!is_lower_hex(file.digest, 40))
        return not_the_interface(shown_name(file.name), "has no git id");
    }
    files.push_back(std::move(file));
  }
  return files;
}

std::optional<std::string> next_page(std::string_view header) {
  // <https://…?cursor=…>; rel="next", <…>; rel="…"
  while (!header.empty()) {
    const std::size_t open = header.find('<');
    const std::size_t close = header.find('>', open == header.npos ? 0 : open);
    if (open == header.npos || close == header.npos) return std::nullopt;
    const std::string_view url = header.substr(open + 1, close - open - 1);
    header.remove_prefix(close + 1);
    const std::string_view parameters = header.substr(0, header.find('<'));
    if (parameters.find("rel=\"next\"") != parameters.npos ||
        parameters.find("rel=next") != parameters.npos)
      return std::string(url);
  }
  return std::nullopt;
}

Result<Plan> plan_files(const Revision& revision, const std::vector<HubFile>& tree) {
  std::map<std::string_view, const HubFile*> known;
  for (const HubFile& file : tree) known.emplace(file.name, &file);
  const std::set<std::string_view> names(revision.names.begin(), revision.names.end());

  Plan plan;
  for (const std::string_view name : names) {
    const bool small = std::ranges::find(kSmall, name) != kSmall.end();
    if (!small && !(is_weights(name) && is_safe_file_name(name))) continue;
    const auto found = known.find(name);
    if (found == known.end())
      return not_the_interface(shown_name(name), "is missing: it lists it without a size");
    const HubFile& file = *found->second;
    if (small && file.size > kMaxSmall)
      return Error{ErrorCode::kTooLarge,
                   fmt::format("{} has {}; no model needs more than {}", file.name,
                               human_bytes(file.size), human_bytes(kMaxSmall)),
                   "is this the repository of a model?"};
    if (!small && file.digest.empty())
      return not_the_interface(shown_name(name), "has no digest to check it by");
    (small ? plan.small : plan.weights).push_back(file);
    plan.has_index |= name == kIndexName;
  }
  for (const std::string_view name : kRequired)
    if (!names.contains(name))
      return Error{ErrorCode::kNotFound, fmt::format("the repository has no {}", name),
                   "is this the repository of a model?"};
  if (plan.weights.empty()) {
    const bool other = std::ranges::any_of(names, [](std::string_view name) {
      return name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth") ||
             name.ends_with(".gguf");
    });
    return Error{ErrorCode::kNotFound, "the repository has no .safetensors file",
                 other ? "it holds weights in another format only; look for a conversion" : ""};
  }
  return plan;
}

Result<std::vector<HubFile>> choose_weights(const Plan& plan, std::string_view index_text) {
  std::vector<HubFile> chosen;
  if (index_text.empty()) {
    // Mistral's own layout of the same weights.
    const auto duplicate = [](const HubFile& f) { return f.name.starts_with("consolidated"); };
    for (const HubFile& file : plan.weights)
      if (!duplicate(file)) chosen.push_back(file);
    return chosen.empty() ? plan.weights : chosen;
  }
  OC_ASSIGN_OR_RETURN(const json::value value, parse_json(index_text, kIndexName));
  if (!value.is_object())
    return Error{ErrorCode::kCorrupt, fmt::format("{} is no JSON object", kIndexName)};
  OC_ASSIGN_OR_RETURN(const JsonReader map, JsonReader(value, kIndexName).object("weight_map"));
  std::set<std::string> shards;
  for (const auto& member : **map.object())
    shards.insert(member.value().is_string() ? std::string(member.value().get_string()) : "");
  for (const std::string& shard : shards) {
    const auto found = std::ranges::find(plan.weights, shard, &HubFile::name);
    if (found == plan.weights.end())
      return Error{ErrorCode::kCorrupt,
                   fmt::format("{} lists {}, which the repository does not have", kIndexName,
                               shown_name(shard)),
                   "the repository is not complete; another revision may be"};
    chosen.push_back(*found);
  }
  if (chosen.empty())
    return Error{ErrorCode::kCorrupt, fmt::format("{} lists nothing", kIndexName)};
  return chosen;
}

}  // namespace oc::hub
