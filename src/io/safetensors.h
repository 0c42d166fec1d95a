// Reads safetensors files in place (memory map) and writes them. Nothing in a file is trusted: the
// header is checked completely before the first tensor is handed out.
// Format: u64 little-endian header length, JSON header, data;
// https://github.com/huggingface/safetensors
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "base/shape.h"
#include "io/file_replacement.h"
#include "io/mapped_file.h"

namespace oc {

// A tensor where it lies in a mapped file. `data` lives as long as the file that it came from.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  // Row-major, little endian, shape.numel() * size_of(dtype) bytes; at any address: MLX's own
  // writer does not align, so readers load unaligned.
  std::span<const std::byte> data;
  std::string file;  // file name (no folder), for error messages
};

// What a header says about the data that follows it.
struct SafetensorsHeader {
  struct Entry {
    std::string name;
    DType dtype;
    Shape shape;
    std::size_t begin, end;  // bytes within the data section
  };
  std::vector<Entry> entries;  // ordered by begin
  std::map<std::string, std::string> metadata;
  std::size_t data_offset = 0;  // bytes from the start of the file
};

// Parses and checks the header of a file of `file_bytes` bytes that begins with `head`.
// Refuses: length past the file or over 100 MB, broken JSON, unknown dtype, shape overflow,
// byte range unequal to dtype × shape, overlaps, holes, duplicate names, data past or short of the
// end.
Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> head,
                                                   std::size_t file_bytes,
                                                   std::string_view file_name);

class SafetensorsFile {
 public:
  static Result<std::shared_ptr<const SafetensorsFile>> open(const std::filesystem::path& path);

  // nullptr when there is no such tensor.
  const TensorView* find(std::string_view name) const;
  const std::vector<TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::size_t file_bytes() const { return mapping_->bytes().size(); }
  // Where the file lies in memory, as long as this object lives.
  std::span<const std::byte> mapped() const { return mapping_->bytes(); }
  // Whether the file is still what was opened: see io/mapped_file.h.
  Result<void> intact() const { return mapping_->intact(); }

 private:
  std::shared_ptr<const MappedFile> mapping_;
  std::vector<TensorView> tensors_;  // ordered by offset
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::map<std::string, std::string> metadata_;
};

// What a file to be written will hold, in this order; the data follows by append().
struct PlannedTensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
};

// Writes a file of any size with little memory: the header first, then the data in pieces. The file
// appears under its name only with finish(); without it nothing remains.
class SafetensorsWriter {
 public:
  static Result<std::unique_ptr<SafetensorsWriter>> create(
      const std::filesystem::path& path, std::span<const PlannedTensor> tensors,
      const std::map<std::string, std::string>& metadata = {});

  // The next bytes of the data section.
  Result<void> append(std::span<const std::byte> bytes);
  // Checks that all planned bytes were written, syncs and renames.
  Result<void> finish();

 private:
  SafetensorsWriter() = default;
  Error cannot_write() const;
  bool put(std::span<const std::byte> bytes);

  std::filesystem::path path_;
  FileReplacement file_;
  std::vector<std::byte> block_;  // not written yet
  std::size_t left_ = 0;          // bytes of data still to come
};

// Writes `tensors` (in this order) to `path`, through a temporary name and rename, so that a reader
// never sees half a file.
Result<void> write_safetensors(const std::filesystem::path& path,
                               std::span<const TensorView> tensors,
                               const std::map<std::string, std::string>& metadata = {});

}  // namespace oc
