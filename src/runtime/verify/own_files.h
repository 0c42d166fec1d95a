// What can be said of the user's own weights by their files alone: are they what the hub has, and
// are all of their values numbers?
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

#include "io/checkpoint.h"
#include "runtime/verify/certificate.h"
#include "runtime/verify/check.h"

namespace oc {

using FileProgress = std::function<void(std::string_view name)>;  // before each; may be empty

// "files": against the digests of the manifest that `ocellus pull` left in the folder, or those of
// the build for the embedded model. Without either: not compared. `origin_intact` of the figures.
Check check_files(const std::filesystem::path& folder, std::span<const FileDigest> files,
                  const FileProgress& progress = {});

// "finite": every float of every tensor, scales and biases of quantised ones too, read in order
// where it is mapped. Wrong names the first tensor, the number of such values in it and where the
// first one is.
Check check_finite(const Checkpoint& checkpoint, const FileProgress& progress = {});

}  // namespace oc
