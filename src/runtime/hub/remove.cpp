#include "runtime/hub/remove.h"

#include <fmt/format.h>

#include <vector>

#include "runtime/library/hf_cache.h"
#include "runtime/library/known_models.h"
#include "runtime/library/names.h"
#include "runtime/quantize/on_load.h"

namespace oc::hub {
namespace {

// Its files are linked to each other there.
Result<void> check_ours(std::string_view name) {
  const std::vector<CachedModel> found = find_cached(name);
  if (found.empty()) return {};
  if (found.size() > 1) return may_be_any_of(name, found);
  return Error{ErrorCode::kUnsupported,
               fmt::format("{} lies in the Hugging Face cache, which ocellus only reads",
                           found.front().name),
               fmt::format("`hf cache rm model/{}` removes it there", found.front().name)};
}

}  // namespace

Result<ToRemove> find_to_remove(std::string_view name) {
  if (is_demo_name(name))
    return Error{ErrorCode::kInvalidArgument, "the built-in model cannot be removed"};
  ToRemove out;
  const KnownModel* known = find_known_model(name);
  out.name = known != nullptr ? known->repo : name;
  OC_ASSIGN_OR_RETURN(out.place, place_of(out.name, false));
  const auto what = removable(out.place, out.name);
  if (!what.ok()) {
    OC_RETURN_IF_ERROR(check_ours(out.name));
    return what.error();
  }
  out.what = *what;
  return out;
}

Result<void> remove_found(const ToRemove& found) {
  {
    const auto lock = ModelLock::take(found.place.lock, found.name);
    if (!lock.ok()) return lock.error();
    OC_RETURN_IF_ERROR(remove_model(found.place, found.name));
    if (!found.what.link) remove_quantised_copies(found.place.folder);
  }
  const std::filesystem::path parent = found.place.folder.parent_path();
  remove_if_empty(parent, parent);
  return {};
}

}  // namespace oc::hub
