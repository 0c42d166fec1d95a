// A model goes from the models folder: `ocellus rm`, and a client that may.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/hub/store.h"

namespace oc::hub {

struct ToRemove {
  std::string name;  // "org/repo", where a short name was meant
  ModelPlace place;
  Removable what;
};

// By the name that lists show, or a known model's short one. kInvalidArgument: the built-in model;
// kNotFound; kUnsupported: it lies in the Hugging Face cache, which belongs to the programs that
// fill it. Otherwise as place_of() and removable().
Result<ToRemove> find_to_remove(std::string_view name);

// With it go its quantised copies, and its organisation's folder where it was the last one there.
// kUnavailable: another process changes it.
Result<void> remove_found(const ToRemove& found);

}  // namespace oc::hub
