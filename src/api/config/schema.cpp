#include "api/config/schema.h"

#include <algorithm>
#include <array>
#include <vector>

#include "api/config/keys.h"
#include "base/ascii.h"
#include "base/nearest.h"

namespace oc {
namespace {

constexpr std::size_t kLongestName = 64;  // that is compared with others

std::vector<Key> all_keys() {
  std::vector<Key> keys;
  for (const auto part : {honoured_keys(), keys_without_effect()})
    keys.insert(keys.end(), part.begin(), part.end());
  return keys;
}

std::string_view leaf(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

std::string variable(std::string_view name) {
  std::string out = "OCELLUS_";
  for (const char c : name) out += c == '.' || c == '-' ? '_' : upper(c);
  return out;
}

}  // namespace

std::string_view to_string(Unit unit) {
  switch (unit) {
    case Unit::kNone:
      return "";
    case Unit::kMiB:
      return "MiB";
    case Unit::kSeconds:
      return "s";
    case Unit::kMilliseconds:
      return "ms";
    case Unit::kPixels:
      return "pixels";
    case Unit::kTokens:
      return "tokens";
  }
  return "";
}

std::span<const Key> schema() {
  static const std::vector<Key> keys = all_keys();
  return keys;
}

const Key* find_key(std::string_view path) {
  const auto found = std::ranges::find(schema(), path, &Key::path);
  return found == schema().end() ? nullptr : &*found;
}

std::string_view flag_name(const Key& key) {
  const std::size_t start = key.flag.find("--");
  return start == std::string_view::npos ? std::string_view() : key.flag.substr(start);
}

std::string environment_name(const Key& key) {
  if (key.flag.empty()) return variable(key.path);
  if (key.flag.starts_with("!--no-")) return variable(key.flag.substr(6));
  return variable(flag_name(key).substr(2));
}

std::string_view nearest_key(std::string_view path) {
  if (path.size() > kLongestName) return {};
  std::string_view nearest;
  // What differs in more than a third was not mistyped.
  std::size_t nearest_distance = std::max<std::size_t>(1, path.size() / 3) + 1;
  const auto consider = [&](std::string_view known, std::size_t distance) {
    if (distance >= nearest_distance) return;
    nearest_distance = distance;
    nearest = known;
  };
  for (const Key& key : schema()) {
    // The right name in the wrong section is the most likely mistake.
    consider(key.path, leaf(key.path) == leaf(path) ? 1 : edit_distance(path, key.path));
    const std::string_view section = key.path.substr(0, key.path.find('.'));
    if (section.size() < key.path.size()) consider(section, edit_distance(path, section));
  }
  return nearest;
}

std::string nearest_variable(std::string_view name) {
  constexpr std::size_t kClose = 2;
  if (name.size() > kLongestName) return {};
  for (const Key& key : schema())
    if (std::string known = environment_name(key); edit_distance(name, known) <= kClose)
      return known;
  return {};
}

}  // namespace oc
