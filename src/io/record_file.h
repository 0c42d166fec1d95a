// A file to which records are added one by one, and which can be gone on with after any end of the
// process or the machine: whole records are kept, one that was cut off is not.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/file_handle.h"
#include "io/record_reader.h"

namespace oc {

// One process at a time, which holds the file's lock. One thread.
class RecordFile {
 public:
  // Without its newline. An error ends the reading, and no record is changed.
  using OnRecord = std::function<Result<void>(std::string_view record)>;

  // A new file. kInvalidArgument: there is one of this name that is not empty.
  static Result<RecordFile> create(const std::filesystem::path& path);
  // The file of an earlier run, or a new one where there is none: each whole record is told in
  // order. What stands behind the last one is cut off by the first append(), or by finish().
  // `begin`: of every such file; one that begins otherwise is somebody else's. Errors: of
  // `on_record`; kInvalidArgument; kUnavailable where another process writes it.
  static Result<RecordFile> resume(const std::filesystem::path& path, RecordKind kind,
                                   std::string_view begin, const OnRecord& on_record);

  // All records are written once more, so that some can be others: from here on they go into a new
  // file beside this one, FILE.renewed, which takes its place when it has as many, or with
  // finish(). Where the process ends before, resume() puts both together: the new records, and
  // behind them the old ones that have none yet.
  Result<void> renew();
  // The old records, one by one; nullopt: there are no more. One is asked for before the new one of
  // its place is appended.
  Result<std::optional<std::string_view>> next_old();

  // Without its newline. It is in the file when this returns, so that it outlives the process; each
  // second, and with sync(), it is on the disk as well.
  Result<void> append(std::string_view record);
  Result<void> sync();
  // At the end of a run: nothing is torn, nothing is left beside the file, all is on the disk.
  Result<void> finish();

  std::size_t records() const { return records_; }

 private:
  RecordFile(std::filesystem::path path, FileHandle file);
  static Result<RecordFile> open(const std::filesystem::path& path, int flags);
  Result<void> begin_renewal(int flags);
  Result<void> end_renewal();
  Result<void> read(std::string_view begin, const OnRecord& on_record);
  Result<void> cut();
  Result<void> take_place();
  Error failed(int error) const;

  struct Old {
    FileHandle file;
    std::unique_ptr<RecordReader> reader;
    std::size_t records = 0;
  };

  std::filesystem::path path_, renewed_;
  FileHandle file_;
  RecordKind kind_ = RecordKind::kJsonLines;
  std::size_t records_ = 0;
  std::optional<std::size_t> torn_at_;  // from there on it is no record
  std::optional<Old> old_;              // while they are renewed
  std::chrono::steady_clock::time_point synced_ = std::chrono::steady_clock::now();
};

}  // namespace oc
