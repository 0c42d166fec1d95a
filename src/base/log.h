// One line an event, request id first: `req=7f3a event=done prompt=812 gen=64 ttft_ms=410`.
// Values are escaped, so that nothing a client sends can forge a line. Prompts and pictures are
// never logged at info level. Any thread may log.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace oc::log {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };
enum class Format { kText, kJson };

// Level from LOG_LEVEL (debug, info, warning, error, off; any case) unless set. Goes to stderr.
void configure(Level level, Format format);
void configure_from_environment();
bool level_from_string(std::string_view name, Level* level);
bool enabled(Level level);

// One key and value of a line.
struct Field {
  std::string_view key;
  std::string value;
  template <class T>
  Field(std::string_view k, const T& v) : key(k), value(fmt::format("{}", v)) {}
};

void event(Level level, std::string_view name, std::initializer_list<Field> fields,
           std::string_view request_id = {});

}  // namespace oc::log
