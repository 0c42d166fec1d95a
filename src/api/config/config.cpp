#include "api/config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <cmath>

#include "api/config/edit_json.h"
#include "base/check.h"
#include "base/printable.h"
#include "io/json.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxFindings = 100;

// Of the program, but not of its configuration.
constexpr std::string_view kOtherVariables[] = {"OCELLUS_HOME", "OCELLUS_HUB", "OCELLUS_DEMO_MODEL",
                                                "OCELLUS_CONFIGS"};

bool is_section(std::string_view path) {
  return std::ranges::any_of(schema(), [&](const Key& key) {
    return key.path.size() > path.size() && key.path.starts_with(path) &&
           key.path[path.size()] == '.';
  });
}

std::string in_quotes(std::string_view path) { return excerpt(path); }

}  // namespace

std::string_view to_string(SettingOrigin origin) {
  switch (origin) {
    case SettingOrigin::kDefault:
      return "default";
    case SettingOrigin::kFile:
      return "file";
    case SettingOrigin::kEnvironment:
      return "environment";
    case SettingOrigin::kFlag:
      return "flag";
  }
  return "";
}

Config::Config() : entries_(schema().size()) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Key& key = schema()[i];
    if (key.fallback.empty()) continue;
    auto value = value_from_text(key, std::vector{std::string(key.fallback)});
    OC_CHECK(value.ok(), "configuration: the default of {} {}", key.path, value.error().message);
    entries_[i].value = std::move(*value);
  }
}

Config::Entry& Config::entry(std::string_view path) {
  return const_cast<Entry&>(std::as_const(*this).entry(path));
}

const Config::Entry& Config::entry(std::string_view path) const {
  const Key* key = find_key(path);
  OC_CHECK(key != nullptr, "configuration: there is no key {}", path);
  return entries_[static_cast<std::size_t>(key - schema().data())];
}

const Value& Config::value(std::string_view path) const { return entry(path).value; }
const Source& Config::source(std::string_view path) const { return entry(path).source; }
bool Config::is_set(std::string_view path) const {
  return !std::holds_alternative<std::monostate>(value(path));
}

std::size_t Config::bytes(std::string_view path) const {
  OC_CHECK(find_key(path)->unit == Unit::kMiB, "configuration: {} is not in MiB", path);
  return static_cast<std::size_t>(get<std::int64_t>(path)) << 20;
}

std::chrono::milliseconds Config::milliseconds(std::string_view path) const {
  OC_CHECK(find_key(path)->unit == Unit::kSeconds, "configuration: {} is not in seconds", path);
  return std::chrono::milliseconds(std::llround(get<double>(path) * 1000));
}

void Config::find(Finding::Level level, std::string message, bool typed) {
  if (findings_.size() < kMaxFindings)
    findings_.push_back({level, std::move(message), typed});
  else if (findings_.size() == kMaxFindings)
    findings_.push_back({Finding::Level::kError, "there is more that is wrong"});
}

bool Config::has_errors() const {
  return std::ranges::any_of(
      findings_, [](const Finding& finding) { return finding.level == Finding::Level::kError; });
}

void Config::add_error(std::string_view path, std::string_view text) {
  const Source& from = source(path);
  find(Finding::Level::kError,
       fmt::format("{}: {} {}", from.name.empty() ? to_string(from.origin) : from.name,
                   in_quotes(path), text),
       from.origin == SettingOrigin::kFlag);
}

void Config::set(const Key& key, Result<Value> value, Source source) {
  if (!value.ok()) {
    // A flag or variable says itself which key it is.
    find(Finding::Level::kError,
         key.flag.empty()
             ? fmt::format("{}: {} {}", source.name, in_quotes(key.path), value.error().message)
             : fmt::format("{} {}", source.name, value.error().message),
         source.origin == SettingOrigin::kFlag);
    return;
  }
  if (std::holds_alternative<std::monostate>(*value)) return;
  Entry& old = entry(key.path);
  if (key.adds_up && old.source.origin != SettingOrigin::kDefault) {
    auto& mine = std::get<std::vector<std::string>>(*value);
    const auto& theirs = std::get<std::vector<std::string>>(old.value);
    mine.insert(mine.begin(), theirs.begin(), theirs.end());
    source.name = old.source.name + ", " + source.name;
  }
  old = {std::move(*value), std::move(source)};
}

void Config::unknown(std::string_view path, const std::string& name) {
  // Comparing takes time; what comes behind the last finding is not shown anyway.
  if (findings_.size() > kMaxFindings) return;
  const std::string_view nearest = nearest_key(path);
  find(Finding::Level::kWarning,
       fmt::format("{}: unknown key {} is ignored{}", name, in_quotes(path),
                   nearest.empty() ? "" : fmt::format("; the nearest known is \"{}\"", nearest)));
}

void Config::read_section(const JsonReader& section, const std::string& path,
                          const std::string& name) {
  for (const auto& [raw_name, value] : **section.object()) {
    const std::string key_path = path.empty()
                                     ? std::string(raw_name)
                                     : fmt::format("{}.{}", path, std::string_view(raw_name));
    const JsonReader field = *section.at(raw_name);
    const auto wrong = [&](std::string_view text) {
      find(Finding::Level::kError, field.error(ErrorCode::kInvalidArgument, text).message);
    };
    if (const Key* key = find_key(key_path)) {
      auto read = value_from_json(*key, value);
      if (read.ok())
        set(*key, std::move(read), {SettingOrigin::kFile, name});
      else
        wrong(read.error().message);
    } else if (!is_section(key_path)) {
      unknown(key_path, name);
    } else if (value.is_object()) {
      read_section(field, key_path, name);
    } else if (!value.is_null()) {
      wrong("must be an object of settings");
    }
  }
}

void Config::read_json(std::string_view text, const std::string& name) {
  if (text.size() > kMaxConfigBytes) {
    find(Finding::Level::kError, fmt::format("{}: is over {} bytes", name, kMaxConfigBytes));
    return;
  }
  auto document = parse_json(without_byte_order_mark(text), name, kMaxDepth);
  if (!document.ok()) {
    find(Finding::Level::kError, document.error().message);
    return;
  }
  if (!document->is_object()) {
    find(Finding::Level::kError, fmt::format("{}: must be a JSON object", name));
    return;
  }
  read_section(JsonReader(*document, name, ""), "", name);
}

void Config::read_file(const std::filesystem::path& path) {
  auto text = oc::read_file(path, kMaxConfigBytes);
  if (!text.ok()) {
    find(Finding::Level::kError, text.error().message);
    return;
  }
  read_json(*text, path.filename().string());
}

void Config::read_environment(std::span<const std::string> variables) {
  for (const std::string& variable : variables) {
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos || equals + 1 == variable.size()) continue;
    const std::string name = variable.substr(0, equals);
    const bool log_level = name == "LOG_LEVEL";
    if (!name.starts_with("OCELLUS_") && !log_level) continue;
    const auto key = std::ranges::find_if(schema(), [&](const Key& candidate) {
      return log_level ? candidate.path == "server.log_level" : environment_name(candidate) == name;
    });
    if (key == schema().end()) {
      if (std::ranges::find(kOtherVariables, name) != std::end(kOtherVariables)) continue;
      if (const std::string near = nearest_variable(name); !near.empty())
        find(Finding::Level::kWarning,
             fmt::format("{} is no setting and is ignored; the nearest known is {}", name, near));
      continue;
    }
    // The program's own variable counts over the general one, whichever comes first.
    if (log_level && entry(key->path).source.name == environment_name(*key)) continue;
    set(*key, value_from_text(*key, std::vector{variable.substr(equals + 1)}),
        {SettingOrigin::kEnvironment, name});
  }
}

void Config::set_flag(const Key& key, std::span<const std::string> texts) {
  set(key, value_from_text(key, texts), {SettingOrigin::kFlag, std::string(flag_name(key))});
}

void Config::set_assignment(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view path = text.substr(0, equals);
  const Key* key = find_key(path);
  if (equals == std::string_view::npos || key == nullptr) {
    const std::string_view nearest = nearest_key(path);
    const bool is_name = equals != std::string_view::npos || key != nullptr;
    find(Finding::Level::kError,
         fmt::format("--set wants KEY=VALUE with a known key, found {}{}",
                     is_name ? in_quotes(path) : "a text without =",
                     nearest.empty() ? "" : fmt::format("; the nearest known is \"{}\"", nearest)),
         true);
    return;
  }
  auto value = value_from_text(*key, std::vector{std::string(text.substr(equals + 1))});
  if (!value.ok())
    find(Finding::Level::kError, fmt::format("--set {} {}", path, value.error().message), true);
  else
    set(*key, std::move(value), {SettingOrigin::kFlag, "--set"});
}

std::map<std::string_view, std::vector<std::string_view>> Config::without_effect() const {
  std::map<std::string_view, std::vector<std::string_view>> reasons;
  for (const Key& key : schema())
    if (!key.reason.empty() && is_set(key.path)) reasons[key.reason].push_back(key.path);
  return reasons;
}

std::size_t secrets(const Config& config, const Key& key) {
  if (!config.is_set(key.path)) return 0;
  const auto* list = std::get_if<std::vector<std::string>>(&config.value(key.path));
  return list != nullptr ? list->size() : 1;
}

json::object to_json(const Config& config) {
  json::object out;
  for (const Key& key : schema()) {
    const Source& source = config.source(key.path);
    json::object& shown = out[key.path].emplace_object();
    if (key.secret)
      shown["count"] = secrets(config, key);
    else
      shown["value"] = to_json(config.value(key.path));
    shown["source"] = to_string(source.origin);
    shown["name"] = source.name;
    shown["environment"] = environment_name(key);
    shown["flag"] = flag_name(key);
    shown["meaning"] = key.meaning;
    if (key.unit != Unit::kNone) shown["unit"] = to_string(key.unit);
    if (!key.reason.empty()) shown["without_effect"] = key.reason;
  }
  return out;
}

}  // namespace oc
