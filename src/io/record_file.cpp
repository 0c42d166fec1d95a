#include "io/record_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

#include "base/system/files.h"
#include "io/file_replacement.h"

namespace oc {

namespace fs = std::filesystem;

namespace {

// Behind links: it is the file that is replaced.
fs::path beside(const fs::path& path) {
  std::error_code error;
  fs::path out = fs::canonical(path, error);
  if (error) out = path;
  return out += ".renewed";
}

}  // namespace

RecordFile::RecordFile(fs::path path, FileHandle file)
    : path_(std::move(path)), renewed_(beside(path_)), file_(std::move(file)) {}

Error RecordFile::failed(int error) const {
  return {ErrorCode::kUnavailable,
          fmt::format("{}: {}", path_.string(), std::generic_category().message(error)),
          "check the folder, its permissions and the free space; what was written is kept"};
}

Result<RecordFile> RecordFile::open(const fs::path& path, int flags) {
  FileHandle file(::open(path.c_str(), flags | O_CLOEXEC, 0644));
  const int error = file.is_open() ? 0 : errno;
  RecordFile out(path, std::move(file));
  if (error != 0) return out.failed(error);
  struct stat status {
  }, named{};
  if (::fstat(out.file_.fd(), &status) != 0) return out.failed(errno);
  if (!S_ISREG(status.st_mode))
    return Error{ErrorCode::kInvalidArgument, fmt::format("{} is no file", path.string()),
                 "name one that can be gone on with"};
  // Another process may have put a new file in its place before its lock was free.
  if (try_lock(out.file_.fd()) != 0 || ::stat(path.c_str(), &named) != 0 ||
      named.st_dev != status.st_dev || named.st_ino != status.st_ino)
    return Error{ErrorCode::kUnavailable, fmt::format("{} is in use", path.string()),
                 "another run writes it; let that one end"};
  return out;
}

Result<RecordFile> RecordFile::create(const fs::path& path) {
  OC_ASSIGN_OR_RETURN(RecordFile out, open(path, O_RDWR | O_CREAT));
  std::error_code error;
  const bool renewed = fs::exists(out.renewed_, error);
  if (renewed || ::lseek(out.file_.fd(), 0, SEEK_END) != 0)
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("{} is there already", renewed ? out.renewed_.string() : path.string()),
        "--resume goes on with it; or remove it, or name another one"};
  sync_folder(path.parent_path());
  return out;
}

Result<RecordFile> RecordFile::resume(const fs::path& path, RecordKind kind, std::string_view begin,
                                      const OnRecord& on_record) {
  OC_ASSIGN_OR_RETURN(RecordFile out, open(path, O_RDWR | O_CREAT));
  out.kind_ = kind;
  if (std::error_code error; fs::exists(out.renewed_, error)) {
    OC_RETURN_IF_ERROR(out.begin_renewal(0));
    OC_RETURN_IF_ERROR(out.read(begin, [](std::string_view) { return Result<void>(); }));
    OC_RETURN_IF_ERROR(out.end_renewal());
    out.records_ = 0;
    if (::lseek(out.file_.fd(), 0, SEEK_SET) != 0) return out.failed(errno);
  }
  OC_RETURN_IF_ERROR(out.read(begin, on_record));
  sync_folder(path.parent_path());
  return out;
}

Result<void> RecordFile::read(std::string_view begin, const OnRecord& on_record) {
  RecordReader reader(file_.fd(), kind_);
  for (std::optional<std::string_view> record;; ++records_) {
    if (const int error = reader.next(record)) return failed(error);
    const bool ours =
        records_ > 0 || (record ? record->starts_with(begin)
                                : begin.starts_with(reader.rest().substr(0, begin.size())));
    if (!ours)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} is no file of an earlier run", path_.string()),
                   "name another one"};
    if (!record) break;
    OC_RETURN_IF_ERROR(on_record(*record));
  }
  if (!reader.rest().empty()) torn_at_ = reader.whole();
  const auto end = static_cast<off_t>(reader.whole());
  if (::lseek(file_.fd(), end, SEEK_SET) != end) return failed(errno);
  return {};
}

Result<void> RecordFile::begin_renewal(int flags) {
  OC_ASSIGN_OR_RETURN(RecordFile made, open(renewed_, O_RDWR | O_CREAT | flags));
  struct stat status {};
  if (::fstat(file_.fd(), &status) != 0 ||
      ::fchmod(made.file_.fd(), status.st_mode & mode_t{07777}) != 0)
    return failed(errno);
  old_ = Old{.file = std::exchange(file_, std::move(made.file_)),
             .reader = nullptr,
             .records = std::exchange(records_, 0)};
  torn_at_.reset();
  if (::lseek(old_->file.fd(), 0, SEEK_SET) != 0) return failed(errno);
  old_->reader = std::make_unique<RecordReader>(old_->file.fd(), kind_);
  return {};
}

Result<void> RecordFile::renew() {
  OC_RETURN_IF_ERROR(begin_renewal(O_TRUNC));
  return old_->records > 0 ? Result<void>() : take_place();
}

Result<std::optional<std::string_view>> RecordFile::next_old() {
  std::optional<std::string_view> record;
  if (!old_) return record;
  if (const int error = old_->reader->next(record)) return failed(error);
  return record;
}

// The old records that have no new one yet follow the new ones.
Result<void> RecordFile::end_renewal() {
  OC_RETURN_IF_ERROR(cut());
  if (::lseek(old_->file.fd(), 0, SEEK_SET) != 0) return failed(errno);
  RecordReader reader(old_->file.fd(), kind_);
  const std::size_t renewed = records_;
  for (std::size_t i = 0;; ++i) {
    std::optional<std::string_view> record;
    if (const int error = reader.next(record)) return failed(error);
    if (!record) break;
    if (i < renewed) continue;
    const std::string line = std::string(*record) + '\n';
    if (const int error = write_all(file_.fd(), std::as_bytes(std::span(line))))
      return failed(error);
    ++records_;
  }
  return take_place();
}

Result<void> RecordFile::take_place() {
  OC_RETURN_IF_ERROR(sync());
  std::error_code error;
  fs::path place = renewed_;
  place.replace_extension();
  fs::rename(renewed_, place, error);
  if (error) return failed(error.value());
  sync_folder(place.parent_path());
  old_.reset();
  return {};
}

Result<void> RecordFile::cut() {
  if (torn_at_ && ::ftruncate(file_.fd(), static_cast<off_t>(*torn_at_)) != 0) return failed(errno);
  torn_at_.reset();
  return {};
}

Result<void> RecordFile::append(std::string_view record) {
  OC_RETURN_IF_ERROR(cut());
  std::string line(record);
  line += '\n';
  if (const int error = write_all(file_.fd(), std::as_bytes(std::span(line)))) return failed(error);
  ++records_;
  if (old_ && records_ == old_->records) return take_place();
  if (std::chrono::steady_clock::now() - synced_ < std::chrono::seconds(1)) return {};
  return sync();
}

Result<void> RecordFile::sync() {
  synced_ = std::chrono::steady_clock::now();
  if (::fsync(file_.fd()) != 0) return failed(errno);
  return {};
}

Result<void> RecordFile::finish() {
  if (old_) return end_renewal();
  OC_RETURN_IF_ERROR(cut());
  return sync();
}

}  // namespace oc
