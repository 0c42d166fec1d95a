// Result<T>: a value or an Error. Input errors travel as values up to the place that answers them.
//
//   Result<Image> decode(std::span<const std::byte> bytes);
//   OC_ASSIGN_OR_RETURN(Image image, decode(bytes));   // in a function that returns a Result
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/error.h"

namespace oc {

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT
  template <class U>
    requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result>)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    OC_CHECK(ok(), "value of a failed Result: {}", error_text());
    return std::get<0>(state_);
  }
  const T& value() const& {
    OC_CHECK(ok(), "value of a failed Result: {}", error_text());
    return std::get<0>(state_);
  }
  T&& value() && {
    OC_CHECK(ok(), "value of a failed Result: {}", error_text());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    OC_CHECK(!ok(), "error of a successful Result");
    return std::get<1>(state_);
  }
  Error&& error() && {
    OC_CHECK(!ok(), "error of a successful Result");
    return std::get<1>(std::move(state_));
  }

 private:
  std::string error_text() const { return ok() ? "" : std::get<1>(state_).message; }
  std::variant<T, Error> state_;
};

// Nothing or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT
  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    OC_CHECK(!ok(), "error of a successful Result");
    return *error_;
  }
  Error&& error() && {
    OC_CHECK(!ok(), "error of a successful Result");
    return *std::move(error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace oc

#define OC_CONCAT_INNER(a, b) a##b
#define OC_CONCAT(a, b) OC_CONCAT_INNER(a, b)

// The counter: an expression may hold a lambda that uses the macro too.
#define OC_RETURN_IF_ERROR(expression) \
  OC_RETURN_IF_ERROR_IMPL(OC_CONCAT(oc_status_, __COUNTER__), expression)
#define OC_RETURN_IF_ERROR_IMPL(status, expression)            \
  do {                                                         \
    if (auto status = (expression); !status.ok()) [[unlikely]] \
      return std::move(status).error();                        \
  } while (false)

#define OC_ASSIGN_OR_RETURN(declaration, expression) \
  OC_ASSIGN_OR_RETURN_IMPL(OC_CONCAT(oc_result_, __LINE__), declaration, expression)
#define OC_ASSIGN_OR_RETURN_IMPL(result, declaration, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) [[unlikely]]                                  \
    return std::move(result).error();                             \
  declaration = std::move(result).value()
