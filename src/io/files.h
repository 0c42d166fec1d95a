// The files of a model folder, which lies on a disk or, the embedded model's, in the program
// itself. Whatever reads a model's files asks here, so that a copied program answers without
// anything beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace oc {

struct EmbeddedFile {
  std::string_view name;  // "config.json"
  std::span<const std::byte> bytes;
  std::string_view sha256;  // of the bytes, in hex
};
// The files of models/demo, put there by cmake/embed_model.cmake when the program is built.
std::span<const EmbeddedFile> embedded_model();
// The name of the folder of those files. It is on no disk: no client's name and no path that
// std::filesystem made leads there.
const std::filesystem::path& embedded_folder();
// Null: the path does not lead into the program.
const EmbeddedFile* embedded_file(const std::filesystem::path& path);

bool is_folder(const std::filesystem::path& path);
bool is_file(const std::filesystem::path& path);  // regular; links are followed
// The regular files of a folder by name, sorted.
std::vector<std::string> file_names(const std::filesystem::path& folder);
Result<std::uint64_t> file_bytes(const std::filesystem::path& path);
// Bytes of all files of a model folder; links are followed.
std::uint64_t model_bytes(const std::filesystem::path& folder);

}  // namespace oc
