#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/line_writer.h"
#include "base/printable.h"

namespace oc::log {
namespace {

std::atomic<Level> g_level{Level::kInfo};
std::atomic<Format> g_format{Format::kText};
// Set once and never freed: threads may log until the process ends. (Libraries' loggers with a
// thread of their own wait at the end for a reader that is stuck, and lose the last lines of a
// process that dies.)
std::atomic<LineWriter*> g_writer{nullptr};

void write_now(std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = ::write(STDERR_FILENO, text.data(), text.size());
    if (done < 0 && errno != EINTR) return;
    if (done > 0) text.remove_prefix(static_cast<std::size_t>(done));
  }
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

bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter_or_digit(c) ||
           std::string_view("._-+:/%,[]").find(c) != std::string_view::npos;
  });
}

std::string composed(Level level, std::string_view name, std::initializer_list<Field> fields,
                     std::string_view request_id) {
  const std::string stamp = utc_timestamp_in_ms();
  std::string line;
  if (g_format == Format::kJson) {
    line = fmt::format("{{\"time\":\"{}\",\"level\":\"{}\"", stamp, name_of(level));
    if (!request_id.empty())
      line += fmt::format(",\"req\":\"{}\"", printable_in_quotes(request_id));
    line += fmt::format(",\"event\":\"{}\"", printable_in_quotes(name));
    for (const Field& field : fields)
      line += field.literal ? fmt::format(",\"{}\":{}", printable_in_quotes(field.key), field.value)
                            : fmt::format(",\"{}\":\"{}\"", printable_in_quotes(field.key),
                                          printable_in_quotes(field.value));
    line += "}";
  } else {
    line = stamp + " " + std::string(name_of(level));
    if (!request_id.empty())
      line += is_plain(request_id) ? fmt::format(" req={}", request_id)
                                   : fmt::format(" req=\"{}\"", printable_in_quotes(request_id));
    line += is_plain(name) ? fmt::format(" event={}", name)
                           : fmt::format(" event=\"{}\"", printable_in_quotes(name));
    for (const Field& field : fields)
      line += is_plain(field.value)
                  ? fmt::format(" {}={}", field.key, field.value)
                  : fmt::format(" {}=\"{}\"", field.key, printable_in_quotes(field.value));
  }
  return line + '\n';
}

}  // namespace

Field rounded(std::string_view key, double value, int decimals) {
  Field field(key, value);
  field.value = fmt::format("{:.{}f}", value, decimals);
  return field;
}

bool level_from_string(std::string_view name, Level* level) {
  if (equal_ignoring_case(name, "warn")) name = "warning";
  for (const Level candidate :
       {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError, Level::kOff}) {
    if (equal_ignoring_case(name_of(candidate), name)) {
      *level = candidate;
      return true;
    }
  }
  return false;
}

void configure(Level level, Format format) {
  g_level = level;
  g_format = format;
}

void configure_from_environment() {
  Level level = Level::kInfo;
  if (const auto name = environment("LOG_LEVEL")) level_from_string(*name, &level);
  configure(level, Format::kText);
}

bool enabled(Level level) { return level >= g_level.load(std::memory_order_relaxed); }

void event(Level level, std::string_view name, std::initializer_list<Field> fields,
           std::string_view request_id) {
  if (enabled(level)) put(composed(level, name, fields, request_id));
}

void put(std::string_view text) {
  if (LineWriter* const writer = g_writer.load())
    writer->write(text);
  else
    write_now(text);
}

void never_wait() {
  if (g_writer.load() != nullptr) return;
  g_writer = new LineWriter(STDERR_FILENO, {.gap = [](std::uint64_t dropped) {
                              return composed(Level::kWarning, "log", {{"dropped", dropped}}, {});
                            }});
}

bool flush(std::chrono::milliseconds limit) {
  LineWriter* const writer = g_writer.load();
  return writer == nullptr || writer->flush(limit);
}

std::uint64_t dropped() {
  const LineWriter* const writer = g_writer.load();
  return writer == nullptr ? 0 : writer->dropped();
}

}  // namespace oc::log
