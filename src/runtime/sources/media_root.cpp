#include "runtime/sources/media_root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

#include "base/ascii.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/system/open_beneath.h"
#include "io/file_address.h"

namespace oc {
namespace {

constexpr std::size_t kMaxPath = 4096;

Error not_read(std::string_view why) {
  return {ErrorCode::kInvalidArgument, std::string(why),
          "name a file below the server's --media-root, or send the picture itself as "
          "data:image/...;base64,..."};
}

}  // namespace

Result<MediaRoot> MediaRoot::open(const std::filesystem::path& folder) {
  FileHandle opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::error_code error;
  const auto absolute = std::filesystem::absolute(folder, error).lexically_normal();
  const auto real = std::filesystem::canonical(folder, error);
  if (!opened.is_open() || error)
    return Error{ErrorCode::kNotFound,
                 "--media-root: there is no such folder: " + shown_name(folder.string()),
                 "name one that is there and may be read"};
  std::vector<std::string> names;
  for (const auto& one : {absolute, real}) {
    std::string name = one.string();
    while (name.ends_with('/')) name.pop_back();
    names.push_back(name + "/");
  }
  return MediaRoot(std::move(opened), std::move(names));
}

Result<std::string> MediaRoot::read(std::string_view address) const {
  std::string path(address);
  if (starts_with_ignoring_case(address, "file:")) {
    OC_ASSIGN_OR_RETURN(path, path_of_file_uri(address));
  }
  if (path.size() > kMaxPath || path.find('\0') != path.npos)
    return not_read("the address is none of a file");
  if (!path.starts_with('/')) return path;
  for (const std::string& name : names_)
    if (path.starts_with(name)) return path.substr(name.size());
  return not_read("the file is not in the folder that this server reads pictures from");
}

Result<std::vector<std::byte>> MediaRoot::fetch(const std::string& path,
                                                const WantedPicture& wanted) const {
  const FileHandle file(open_beneath(folder_.fd(), path.c_str()));
  if (!file.is_open()) {
    const int reason = errno;
    log::event(log::Level::kInfo, "not read", {{"errno", reason}}, wanted.request_id);
    if (reason == ENOENT || reason == ENOTDIR) return not_read("there is no such file");
    if (reason == EMFILE || reason == ENFILE)
      return Error{ErrorCode::kUnavailable, "too many files are open", "try later"};
    return not_read("the file may not be read");
  }
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0 || !S_ISREG(status.st_mode))
    return not_read("it is no regular file");
  PictureBytes bytes(wanted);
  OC_RETURN_IF_ERROR(bytes.expect(static_cast<std::uint64_t>(status.st_size)));
  std::array<std::byte, 64u << 10> block{};
  while (true) {
    OC_RETURN_IF_ERROR(wanted.interrupt.check("reading a picture"));
    const ssize_t count = ::read(file.fd(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return not_read("the file cannot be read");
    if (count == 0) break;
    OC_RETURN_IF_ERROR(bytes.add(std::span(block).first(static_cast<std::size_t>(count))));
  }
  if (bytes.size() == 0) return not_read("the file is empty");
  log::step("read", wanted.request_id, "bytes", bytes.size());
  return std::move(bytes).take();
}

}  // namespace oc
