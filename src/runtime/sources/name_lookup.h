// Names of hosts to addresses, without waiting for a name server longer than one wants to.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"

namespace oc {

class NameLookup {
 public:
  // Blocks; on a thread of its own. kInvalidArgument: there is no such name; kUnavailable: nobody
  // could say.
  using Resolve = std::function<Result<std::vector<std::string>>(const std::string& host)>;

  explicit NameLookup(Resolve resolve = system_resolve);

  // Errors as Resolve; kUnavailable as well where too many names are being looked up, kDeadline and
  // kCancelled by the interrupt. The system's resolver cannot be interrupted: it goes on by itself
  // then, and counts until it has ended.
  Result<std::vector<std::string>> addresses(const std::string& host,
                                             const Interrupt& interrupt) const;

  static Result<std::vector<std::string>> system_resolve(const std::string& host);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace oc
