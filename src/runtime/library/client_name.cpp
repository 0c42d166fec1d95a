#include "runtime/library/client_name.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "base/nearest.h"

namespace oc {
namespace {

constexpr std::size_t kMeant = 200;  // bytes; nobody mistypes a longer name

// How far one is from the other; none: it was not meant.
std::optional<std::size_t> distance(std::string_view wanted, std::string_view name) {
  const std::size_t apart = edit_distance(wanted, name);
  if (apart <= std::max<std::size_t>(1, std::max(wanted.size(), name.size()) / 4)) return apart;
  // "smolvlm2" of "org/SmolVLM2-500M", "phi-3.5-vision-q4" of "phi-3.5-vision".
  constexpr std::size_t kPart = 3;
  const std::string_view shorter =
      std::min(wanted, name, [](auto a, auto b) { return a.size() < b.size(); });
  const std::string_view longer = shorter.data() == wanted.data() ? name : wanted;
  if (shorter.size() >= kPart && longer.find(shorter) != longer.npos) return kMeant + apart;
  return std::nullopt;
}

}  // namespace

std::string loose_name(std::string_view name) {
  constexpr std::string_view kLatest = ":latest";
  std::string out = lower(name);
  if (out.size() > kLatest.size() && out.ends_with(kLatest))
    out.resize(out.size() - kLatest.size());
  return out;
}

const std::string* find_name(std::string_view wanted, std::span<const std::string> names) {
  auto found = std::ranges::find(names, wanted);
  if (found == names.end())
    found = std::ranges::find_if(names, [loose = loose_name(wanted)](const std::string& name) {
      return loose_name(name) == loose;
    });
  return found == names.end() ? nullptr : &*found;
}

const std::string* nearest_model(std::string_view wanted, std::span<const std::string> names) {
  if (wanted.size() > kMeant) return nullptr;
  const std::string loose = loose_name(wanted);
  const std::string* nearest = nullptr;
  std::size_t best = 0;
  for (const std::string& name : names) {
    if (name.size() > kMeant) continue;
    const std::string known = loose_name(name);
    auto apart = distance(loose, known);
    // Clients often leave out whose model it is.
    if (const std::size_t slash = known.find('/'); slash != known.npos) {
      const auto without = distance(loose, std::string_view(known).substr(slash + 1));
      if (without && (!apart || *without < *apart)) apart = without;
    }
    if (!apart || (nearest != nullptr && *apart >= best)) continue;
    nearest = &name;
    best = *apart;
  }
  return nearest;
}

std::string names_instead(std::string_view wanted, std::span<const std::string> names,
                          std::span<const std::string> more) {
  const std::string* nearest = nearest_model(wanted, names);
  if (nearest == nullptr) nearest = nearest_model(wanted, more);
  std::string out;
  if (nearest != nullptr) out = fmt::format("did you mean \"{}\"? ", *nearest);
  return out + fmt::format("this server has \"{}\"", fmt::join(names, "\", \""));
}

}  // namespace oc
