#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace oc::log {
namespace {

std::atomic<Format> g_format{Format::kText};

spdlog::logger& sink() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("ocellus",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::info);
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
    case Level::kOff:
      return "off";
  }
  return "info";
}

// The code point that begins `text` and its bytes; 0 bytes when they are not UTF-8.
std::size_t code_point(std::string_view text, char32_t* value) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t size = byte(0) < 0x80           ? 1
                           : (byte(0) >> 5) == 0x06 ? 2
                           : (byte(0) >> 4) == 0x0e ? 3
                           : (byte(0) >> 3) == 0x1e ? 4
                                                    : 0;
  if (size == 0 || size > text.size()) return 0;
  *value = size == 1 ? byte(0) : byte(0) & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    *value = *value << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool valid =
      *value >= kSmallest[size] && *value <= 0x10ffff && (*value < 0xd800 || *value > 0xdfff);
  return valid ? size : 0;
}

// What ends a line, drives a terminal or turns the direction of writing.
bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

// JSON string escapes; also what text lines use inside quotes. Bytes that are no text become
// U+FFFD.
std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  while (!text.empty()) {
    char32_t value = 0;
    const std::size_t size = code_point(text, &value);
    if (size == 0)
      out += "\\ufffd";
    else if (value == '"' || value == '\\')
      out += {'\\', text[0]};
    else if (value == '\n')
      out += "\\n";
    else if (is_control(value))
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(value));
    else
      out += text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("._-+:/%,[]").find(c) != std::string_view::npos;
  });
}

}  // namespace

bool level_from_string(std::string_view name, Level* level) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "warn") lower = "warning";
  for (const Level candidate :
       {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError, Level::kOff}) {
    if (name_of(candidate) == lower) {
      *level = candidate;
      return true;
    }
  }
  return false;
}

void configure(Level level, Format format) {
  sink().set_level(to_spdlog(level));
  g_format = format;
}

void configure_from_environment() {
  Level level = Level::kInfo;
  if (const char* name = std::getenv("LOG_LEVEL")) level_from_string(name, &level);
  configure(level, Format::kText);
}

bool enabled(Level level) { return sink().should_log(to_spdlog(level)); }

void event(Level level, std::string_view name, std::initializer_list<Field> fields,
           std::string_view request_id) {
  if (!enabled(level)) return;
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(now);
  const std::time_t calendar = std::chrono::system_clock::to_time_t(seconds);
  std::tm utc{};
  gmtime_r(&calendar, &utc);
  const std::string stamp =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (now - seconds).count());
  std::string line;
  if (g_format == Format::kJson) {
    line = fmt::format("{{\"time\":\"{}\",\"level\":\"{}\"", stamp, name_of(level));
    if (!request_id.empty()) line += fmt::format(",\"req\":\"{}\"", escaped(request_id));
    line += fmt::format(",\"event\":\"{}\"", escaped(name));
    for (const Field& field : fields)
      line += fmt::format(",\"{}\":\"{}\"", escaped(field.key), escaped(field.value));
    line += "}";
  } else {
    line = stamp + " " + std::string(name_of(level));
    if (!request_id.empty())
      line += is_plain(request_id) ? fmt::format(" req={}", request_id)
                                   : fmt::format(" req=\"{}\"", escaped(request_id));
    line += fmt::format(" event={}", name);
    for (const Field& field : fields)
      line += is_plain(field.value) ? fmt::format(" {}={}", field.key, field.value)
                                    : fmt::format(" {}=\"{}\"", field.key, escaped(field.value));
  }
  sink().log(to_spdlog(level), line);
}

}  // namespace oc::log
