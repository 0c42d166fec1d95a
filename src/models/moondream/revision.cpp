#include "models/moondream/revision.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "io/files.h"
#include "io/json.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxText = 1 << 20, kMaxTokenizer = 64 << 20;
constexpr std::string_view kStarmieToken = "<|md_reserved_0|>";

std::string known_revisions() {
  std::string names;
  for (const MoondreamRevision& one : kMoondreamRevisions)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", one.name);
  return names;
}

Result<FoundRevision> named(std::string_view name, std::string where) {
  if (const MoondreamRevision* const found = moondream_revision(name))
    return FoundRevision{found, std::move(where)};
  return Error{
      ErrorCode::kUnsupported,
      fmt::format("{}: Moondream2's revision \"{}\" is not known", where, name),
      fmt::format("ocellus runs {}; \"revision\" in \"config\" of config.json says which one the "
                  "folder holds",
                  known_revisions())};
}

std::string text_of(const fs::path& path, std::size_t max) {
  if (!is_file(path)) return {};
  const Result<std::string> text = read_file(path, max);
  return text.ok() ? *text : std::string();
}

// The hub's README.md shows how to load its own revision: revision="2025-01-09". Empty where it
// shows none, or several.
std::string revision_of_readme(const std::string& text) {
  constexpr std::string_view kKey = "revision=\"";
  std::string found;
  for (std::size_t at = 0; (at = text.find(kKey, at)) != std::string::npos;) {
    at += kKey.size();
    const std::string name = text.substr(at, text.find('"', at) - at);
    if (!found.empty() && found != name) return {};
    found = name;
  }
  return found;
}

// The hub's versions.txt: one a line, its own the last.
std::string revision_of_versions(std::string text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
  const std::size_t line = text.rfind('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

}  // namespace

const MoondreamRevision* moondream_revision(std::string_view name) {
  const auto* const found = std::ranges::find(kMoondreamRevisions, name, &MoondreamRevision::name);
  return found != kMoondreamRevisions.end() ? found : nullptr;
}

Result<FoundRevision> find_moondream_revision(const fs::path& folder,
                                              const boost::json::object& settings) {
  if (settings.contains("revision")) {
    OC_ASSIGN_OR_RETURN(const std::string name,
                        JsonReader(settings, "config.json: config").string("revision"));
    return named(name, "config.json");
  }
  if (is_file(folder / ".ocellus.json")) {
    // Broken, or of a commit: it does not say.
    const auto manifest = read_json_object(folder / ".ocellus.json");
    if (manifest.ok())
      if (const boost::json::value* const name = manifest->if_contains("revision"))
        if (name->is_string() && moondream_revision(name->as_string()) != nullptr)
          return named(name->as_string(), ".ocellus.json");
  }
  const std::string readme = revision_of_readme(text_of(folder / "README.md", kMaxText));
  if (moondream_revision(readme) != nullptr) return named(readme, "README.md");
  const std::string last = revision_of_versions(text_of(folder / "versions.txt", kMaxText));
  if (!last.empty()) return named(last, "versions.txt");
  const std::string tokenizer = text_of(folder / "tokenizer.json", kMaxTokenizer);
  if (tokenizer.find(kStarmieToken) != std::string::npos)
    return named("2025-06-21", "tokenizer.json, which is starmie's");
  return FoundRevision{&kMoondreamRevisions[0],
                       "nothing in the folder says which; \"revision\" in \"config\" of "
                       "config.json would",
                       true};
}

}  // namespace oc
