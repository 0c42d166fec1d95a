#include "api/config/write_back.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "api/config/config.h"
#include "api/config/edit_json.h"
#include "io/file_replacement.h"
#include "io/json.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

Error cannot(const fs::path& file, std::string_view why) {
  return {ErrorCode::kUnavailable,
          fmt::format("{} cannot be written: {}", file.filename().string(), why),
          "mend that, or change the file by hand and start anew"};
}
Error cannot(const fs::path& file, int reason) { return cannot(file, std::strerror(reason)); }

// `fresh` has all of the text on the disk, and takes the file's place or goes.
Result<void> write(FileReplacement& fresh, const fs::path& file, std::string_view text) {
  struct stat old {};
  if (::stat(file.c_str(), &old) != 0) return cannot(file, errno);
  if ((old.st_mode & 0222) == 0) return cannot(file, "it is read-only");
  if (::access(file.c_str(), W_OK) != 0) return cannot(file, errno);
  int reason = fresh.open_like_the_old_one(file);
  if (reason == 0) reason = fresh.write(text);
  if (reason == 0) reason = fresh.finish();
  return reason == 0 ? Result<void>() : cannot(file, reason);
}

}  // namespace

Result<std::string> changed_text(const fs::path& file, const std::string& changes) {
  const std::string name = file.filename().string();
  const auto unreadable = [&](const std::string& why) {
    return Error{ErrorCode::kUnavailable, why,
                 fmt::format("{} has changed since the server was started: mend it", name)};
  };
  auto text = read_file(file, kMaxConfigBytes);
  if (!text.ok()) return unreadable(fmt::format("{} cannot be read", name));
  OC_ASSIGN_OR_RETURN(const json::value parsed, parse_json(changes, "changes"));
  auto changed = edit_json(*text, parsed.as_object(), name);
  if (!changed.ok()) return unreadable(changed.error().message);
  return changed;
}

Result<void> replace_file(const fs::path& file, const std::string& text) {
  FileReplacement fresh;
  OC_RETURN_IF_ERROR(write(fresh, file, text));
  const int reason = fresh.take_place();
  return reason == 0 ? Result<void>() : cannot(file, reason);
}

Result<void> try_to_replace(const fs::path& file, const std::string& text) {
  FileReplacement fresh;
  return write(fresh, file, text);
}

}  // namespace oc
