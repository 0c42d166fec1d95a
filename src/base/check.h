// OC_CHECK: for what only our own mistake can break. It throws, so that a server answers one
// request with "internal error" and lives on; input errors are Result (result.h) instead.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace oc {

class CheckFailure : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const std::string& detail);

}  // namespace oc

// OC_CHECK(x.dim(1) == w.in, "linear: [T, {}] x [{}, {}]", ...): the text is only built on failure.
#define OC_CHECK(condition, ...)                                                         \
  do {                                                                                   \
    if (!(condition)) [[unlikely]]                                                       \
      ::oc::check_failed(__FILE__, __LINE__, #condition, ::fmt::format("" __VA_ARGS__)); \
  } while (false)
