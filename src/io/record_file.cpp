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

std::size_t record_end(std::string_view text, RecordKind kind) {
  if (kind == RecordKind::kJsonLines) {
    const std::size_t at = text.find('\n');
    return at == text.npos ? at : at + 1;
  }
  bool quoted = false;  // a doubled quote inside quotes ends and begins them again
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == '\n' && !quoted) return i + 1;
  }
  return text.npos;
}

Error RecordFile::failed(int error) const {
  return {ErrorCode::kUnavailable,
          fmt::format("{}: {}", path_.string(), std::generic_category().message(error)),
          "check the folder, its permissions and the free space; what was written is kept"};
}

Result<RecordFile> RecordFile::open(const fs::path& path, int flags) {
  RecordFile out(path, FileHandle(::open(path.c_str(), flags | O_CLOEXEC, 0644)));
  if (!out.file_.is_open()) return out.failed(errno);
  struct stat status {};
  if (::fstat(out.file_.fd(), &status) != 0) return out.failed(errno);
  if (!S_ISREG(status.st_mode))
    return Error{ErrorCode::kInvalidArgument, fmt::format("{} is no file", path.string()),
                 "name one that can be gone on with"};
  if (try_lock(out.file_.fd()) != 0)
    return Error{ErrorCode::kUnavailable, fmt::format("{} is in use", path.string()),
                 "another run writes it; let that one end"};
  return out;
}

Result<RecordFile> RecordFile::create(const fs::path& path) {
  OC_ASSIGN_OR_RETURN(RecordFile out, open(path, O_RDWR | O_CREAT));
  if (::lseek(out.file_.fd(), 0, SEEK_END) != 0)
    return Error{ErrorCode::kInvalidArgument, fmt::format("{} is there already", path.string()),
                 "--resume goes on with it; or remove it, or name another one"};
  sync_folder(path.parent_path());
  return out;
}

Result<RecordFile> RecordFile::resume(const fs::path& path, RecordKind kind, std::string_view begin,
                                      const OnRecord& on_record) {
  OC_ASSIGN_OR_RETURN(RecordFile out, open(path, O_RDWR | O_CREAT));
  OC_RETURN_IF_ERROR(out.read(kind, begin, on_record));
  sync_folder(path.parent_path());
  return out;
}

Result<void> RecordFile::read(RecordKind kind, std::string_view begin, const OnRecord& on_record) {
  constexpr std::size_t kBlock = 1 << 20;
  std::string text;  // what no record was made of yet
  std::size_t whole = 0;
  for (;;) {
    const std::size_t held = text.size();
    text.resize(held + kBlock);
    const ssize_t count = ::read(file_.fd(), text.data() + held, kBlock);
    text.resize(held + (count > 0 ? static_cast<std::size_t>(count) : 0));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(errno);
    if (count == 0) break;
    std::string_view rest = text;
    if (whole == 0 && !begin.starts_with(rest.substr(0, begin.size())))
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} is no file of an earlier run", path_.string()),
                   "name another one"};
    for (std::size_t end = record_end(rest, kind); end != rest.npos; end = record_end(rest, kind)) {
      OC_RETURN_IF_ERROR(on_record(rest.substr(0, end - 1)));
      ++records_;
      whole += end;
      rest.remove_prefix(end);
    }
    text.erase(0, text.size() - rest.size());
  }
  const auto end = static_cast<off_t>(whole);
  if (!text.empty() && ::ftruncate(file_.fd(), end) != 0) return failed(errno);
  if (::lseek(file_.fd(), end, SEEK_SET) != end) return failed(errno);
  return {};
}

Result<void> RecordFile::append(std::string_view record) {
  std::string line(record);
  line += '\n';
  if (const int error = write_all(file_.fd(), std::as_bytes(std::span(line)))) return failed(error);
  ++records_;
  if (std::chrono::steady_clock::now() - synced_ < std::chrono::seconds(1)) return {};
  return sync();
}

Result<void> RecordFile::sync() {
  synced_ = std::chrono::steady_clock::now();
  if (::fsync(file_.fd()) != 0) return failed(errno);
  return {};
}

}  // namespace oc
