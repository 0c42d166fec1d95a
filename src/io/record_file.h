// A file to which records are added one by one, and which can be gone on with after any end of the
// process or the machine: whole records are kept, one that was cut off is not.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/file_handle.h"

namespace oc {

enum class RecordKind {
  kJsonLines,  // a JSON value on a line of its own
  kCsv,        // RFC 4180: newlines may stand inside quotes
};

// One process at a time, which holds the file's lock. One thread.
class RecordFile {
 public:
  // Without its newline. An error ends the reading, and nothing of the file is changed.
  using OnRecord = std::function<Result<void>(std::string_view record)>;

  // A new file. kInvalidArgument: there is one of this name that is not empty.
  static Result<RecordFile> create(const std::filesystem::path& path);
  // The file of an earlier run, or a new one where there is none: each whole record is told in
  // order, and what stands behind the last one is cut off. `begin`: of every such file; one that
  // begins otherwise is somebody else's. Errors: of `on_record`; kInvalidArgument; kUnavailable
  // where another process writes it.
  static Result<RecordFile> resume(const std::filesystem::path& path, RecordKind kind,
                                   std::string_view begin, const OnRecord& on_record);

  // Without its newline. It is in the file when this returns, so that it outlives the process; each
  // second, and with sync(), it is on the disk as well.
  Result<void> append(std::string_view record);
  Result<void> sync();

  std::size_t records() const { return records_; }

 private:
  RecordFile(std::filesystem::path path, FileHandle file)
      : path_(std::move(path)), file_(std::move(file)) {}
  static Result<RecordFile> open(const std::filesystem::path& path, int flags);
  Result<void> read(RecordKind kind, std::string_view begin, const OnRecord& on_record);
  Error failed(int error) const;

  std::filesystem::path path_;
  FileHandle file_;
  std::size_t records_ = 0;
  std::chrono::steady_clock::time_point synced_ = std::chrono::steady_clock::now();
};

// Where the first record of `text` ends: behind its newline. npos: it does not end.
std::size_t record_end(std::string_view text, RecordKind kind);

}  // namespace oc
