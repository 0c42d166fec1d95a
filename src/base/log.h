// One line an event, request id first: `req=7f3a event=done prompt=812 gen=64 ttft_ms=410`.
// Values are escaped, so that nothing a client sends can forge a line. No prompt, answer or picture
// stands in a line, at whatever level. Any thread may log.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace oc::log {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };
enum class Format { kText, kJson };

// Level from LOG_LEVEL (debug, info, warning, error, off; any case) unless set. Goes to stderr.
void configure(Level level, Format format);
void configure_from_environment();
bool level_from_string(std::string_view name, Level* level);
bool enabled(Level level);

// From now on no line waits for the reader of standard error: see base/line_writer.h. For a
// server; never taken back. Before that a line is written before event() returns.
void never_wait();
// What never_wait() has kept back is written, or the time is over (false).
bool flush(std::chrono::milliseconds limit);
std::uint64_t dropped();  // lines, since the start
// Text on standard error as it is, in order with the lines.
void put(std::string_view text);

// One key and value of a line. Numbers and truth values stand in JSON as what they are.
struct Field {
  std::string_view key;
  std::string value;
  bool literal = false;  // `value` is a JSON number, true or false
  template <class T>
  Field(std::string_view k, const T& v) : key(k), value(fmt::format("{}", v)) {
    if constexpr (std::is_floating_point_v<T>)
      literal = std::isfinite(v);
    else
      literal = std::is_arithmetic_v<T> && !std::is_same_v<T, char>;
  }
};
// A number with so many decimals.
Field rounded(std::string_view key, double value, int decimals);

void event(Level level, std::string_view name, std::initializer_list<Field> fields,
           std::string_view request_id = {});

// A step of a request, at debug level: step("tiles", id, "picture", 0, "ms", 12.3). Nothing is
// formatted where such lines are not wanted. No prompt, answer or picture belongs in it.
template <class... KeysAndValues>
void step(std::string_view name, std::string_view request_id, const KeysAndValues&... parts) {
  static_assert(sizeof...(parts) % 2 == 0, "a key without a value");
  if (!enabled(Level::kDebug)) return;
  const auto field = [](std::string_view key, const auto& value) {
    if constexpr (std::is_floating_point_v<std::remove_cvref_t<decltype(value)>>)
      return rounded(key, static_cast<double>(value), 1);
    else
      return Field(key, value);
  };
  const auto all = std::forward_as_tuple(parts...);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    event(Level::kDebug, name, {field(std::get<2 * I>(all), std::get<2 * I + 1>(all))...},
          request_id);
  }(std::make_index_sequence<sizeof...(parts) / 2>());
}

}  // namespace oc::log
