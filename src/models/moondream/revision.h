// Moondream2's revisions: one network, several ways to ask it. A checkpoint does not hold which one
// it is, so a setting, a file of the folder or the tokenizer has to say so.
#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace oc {

struct MoondreamRevision {
  std::string_view name;       // of the hub: a date
  bool space_before_question;  // of a query
  bool space_before_object;    // of detect and point
  bool logarithmic_sizes;      // bins of a box's width and height
  bool long_captions;
  bool starmie;  // the tokenizer, and prompts of control tokens
};

inline constexpr std::array<MoondreamRevision, 4> kMoondreamRevisions = {{
    {"2025-01-09", false, false, false, false, false},
    {"2025-03-27", true, true, true, true, false},
    {"2025-04-14", true, true, true, true, false},
    {"2025-06-21", false, true, true, true, true},
}};

// Null: there is none of this name.
const MoondreamRevision* moondream_revision(std::string_view name);

struct FoundRevision {
  const MoondreamRevision* revision = nullptr;
  std::string why;       // where it was found, for people: "config.json"
  bool assumed = false;  // nowhere: 2025-01-09 is taken
};
// In this order: "revision" of `settings`, which is "config" of config.json; .ocellus.json of
// `ocellus pull`; README.md and versions.txt of the hub; starmie's tokens in tokenizer.json.
// kUnsupported: one that is not known, and which there are.
Result<FoundRevision> find_moondream_revision(const std::filesystem::path& folder,
                                              const boost::json::object& settings);

}  // namespace oc
