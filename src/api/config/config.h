// The configuration of the program in layers: defaults, file, environment, flags; the later one
// counts, and each value knows where it came from. Wrong input becomes findings, all of them.
//
//   Config config;
//   config.read_file("phi3_vision.json");
//   config.read_environment(variables);
//   config.set_flag(*find_key("server.port"), {{"9000"}});
//   if (config.has_errors()) …   // config.findings()
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/config/value.h"

namespace oc {

class JsonReader;

inline constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;  // of a file

enum class SettingOrigin { kDefault, kFile, kEnvironment, kFlag };
std::string_view to_string(SettingOrigin origin);  // "default", "file", "environment", "flag"

struct Source {
  SettingOrigin origin = SettingOrigin::kDefault;
  std::string name;  // "phi3_vision.json", "OCELLUS_PORT", "--port"
};

struct Finding {
  enum class Level { kError, kWarning };
  Level level = Level::kError;
  std::string message;  // names place and key, and says what is allowed
  bool typed = false;   // about a flag, of which --help says more
};

class Config {
 public:
  Config();  // the defaults

  // `name` stands for the document in findings.
  void read_json(std::string_view text, const std::string& name);
  void read_file(const std::filesystem::path& path);
  // The file comes with the program; nobody has written it for this server.
  void set_stock(bool stock) { stock_ = stock; }
  bool is_stock() const { return stock_; }
  // "NAME=VALUE" each; only OCELLUS_… and LOG_LEVEL are looked at. An empty value counts as none.
  void read_environment(std::span<const std::string> variables);
  void set_flag(const Key& key, std::span<const std::string> texts);
  // "server.port=9000", for --set. Findings show no value of a key that is not known: it may be a
  // secret under a mistyped name.
  void set_assignment(std::string_view text);

  // OC_CHECK: the schema has the path.
  const Value& value(std::string_view path) const;
  const Source& source(std::string_view path) const;
  bool is_set(std::string_view path) const;
  // OC_CHECK: the key is set and of this type.
  template <class T>
  const T& get(std::string_view path) const {
    const T* held = std::get_if<T>(&value(path));
    OC_CHECK(held != nullptr, "configuration: {} has another type or no value", path);
    return *held;
  }
  template <class T>
  T get_or(std::string_view path, T otherwise) const {
    return is_set(path) ? get<T>(path) : otherwise;
  }

  // OC_CHECK: the key is set, and in MiB or in seconds.
  std::size_t bytes(std::string_view path) const;
  std::chrono::milliseconds milliseconds(std::string_view path) const;

  void add_error(std::string_view path, std::string_view text);  // names the value's source
  const std::vector<Finding>& findings() const { return findings_; }
  bool has_errors() const;

  // Keys that were set and do nothing here: reason → keys.
  std::map<std::string_view, std::vector<std::string_view>> without_effect() const;

 private:
  struct Entry {
    Value value;
    Source source;
  };

  void read_section(const JsonReader& section, const std::string& path, const std::string& name);
  void set(const Key& key, Result<Value> value, Source source);
  void unknown(std::string_view path, const std::string& name);
  void find(Finding::Level level, std::string message, bool typed = false);
  Entry& entry(std::string_view path);
  const Entry& entry(std::string_view path) const;

  std::vector<Entry> entries_;  // as schema()
  bool stock_ = false;
  std::vector<Finding> findings_;
};

// How many secrets the key holds, which is all that is ever shown of them.
std::size_t secrets(const Config& config, const Key& key);

// Every value with its source ({"server.port": {"value": 9000, "source": "flag", "name": "--port",
// …}}), and how the key is called elsewhere and what it means. Secrets are only counted.
boost::json::object to_json(const Config& config);

}  // namespace oc
