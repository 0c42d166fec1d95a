// The embeddings of a picture as a file of the image store. A header binds them to their key and
// shape; a SHA-256 over all of it tells whatever is not what was written.
//
//   "OCIMAGE1" | key [32] | rows u64 | cols u64 | digest [32] | f32 [rows, cols]
//
// In the machine's byte order: a store belongs to one machine, and on another one the digest holds
// but the shape does not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace oc {

constexpr std::size_t kImageKeyBytes = 32;     // a SHA-256
constexpr std::size_t kImageHeaderBytes = 88;  // as above

struct ImageRows {
  std::int64_t rows = 0, cols = 0;
  std::vector<float> values;  // [rows, cols]

  std::size_t bytes() const { return values.size() * sizeof(float); }
};

// What stands before the values in the file.
std::string image_file_header(const std::string& key, const ImageRows& image);

// Writes a new file that only its owner may read, and waits until it is on the disk. The file is
// locked (try_lock) while it is written: one that nobody has locked was left behind. Errors have
// the system's reason as message; the file is then gone. kCancelled: another process took it for
// such a one before it was locked.
Result<void> write_image_file(const std::filesystem::path& path, const std::string& key,
                              const ImageRows& image);

// kNotFound: there is no such file. kCorrupt: it is not what was written under this key, or has
// another shape; the message says what is wrong. kInternal: it cannot be read.
Result<ImageRows> read_image_file(const std::filesystem::path& path, const std::string& key,
                                  std::int64_t rows, std::int64_t cols);

}  // namespace oc
