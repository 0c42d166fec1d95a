// What a hub knows a file by: SHA-256 for large ones, git's blob SHA-1 for those in git itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace oc::hub {

enum class FileDigestKind { kSha256, kGitBlob };

// Hex digest of a file that must have exactly `size` bytes (kCorrupt otherwise). Reads through a
// small buffer; kCancelled as soon as `stop` is true; `read` counts bytes as they are read.
Result<std::string> digest_file(const std::filesystem::path& path, FileDigestKind kind,
                                std::uint64_t size, const std::function<bool()>& stop,
                                std::atomic<std::uint64_t>* read = nullptr);

}  // namespace oc::hub
