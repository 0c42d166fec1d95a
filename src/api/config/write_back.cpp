#include "api/config/write_back.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "io/json.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

void merge(json::object& into, const json::object& changes) {
  for (const auto& [key, value] : changes) {
    json::value& place = into[key];
    if (place.is_object() && value.is_object())
      merge(place.get_object(), value.get_object());
    else
      place = value;
  }
}

// As people write configurations: a member a line, two spaces deeper.
void print(const json::value& value, std::string& out, int depth) {
  const auto line = [&](int deeper) {
    out += '\n';
    out.append(static_cast<std::size_t>(2 * (depth + deeper)), ' ');
  };
  const char* separator = "";
  if (const json::object* object = value.if_object(); object != nullptr && !object->empty()) {
    out += '{';
    for (const auto& [key, member] : *object) {
      out += std::exchange(separator, ",");
      line(1);
      out += json::serialize(json::string(key)) + ": ";
      print(member, out, depth + 1);
    }
    line(0);
    out += '}';
    return;
  }
  if (const json::array* array = value.if_array(); array != nullptr && !array->empty()) {
    out += '[';
    for (const json::value& element : *array) {
      out += std::exchange(separator, ",");
      line(1);
      print(element, out, depth + 1);
    }
    line(0);
    out += ']';
    return;
  }
  out += json::serialize(value);
}

Error cannot(const fs::path& file, int reason) {
  return {ErrorCode::kInternal,
          fmt::format("cannot write {}: {}", file.string(), std::strerror(reason)),
          "the change holds until the server ends"};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Result<void> write_back(const fs::path& file, const std::string& changes) {
  // A link stays one: what it leads to is replaced.
  std::error_code error;
  const fs::path target = fs::canonical(file, error);
  if (error) return cannot(file, error.value());
  OC_ASSIGN_OR_RETURN(json::object whole, read_json_object(target));
  OC_ASSIGN_OR_RETURN(const json::value parsed, parse_json(changes, "changes"));
  merge(whole, parsed.as_object());
  std::string text;
  print(whole, text, 0);
  text += '\n';

  struct stat old {};
  if (::stat(target.c_str(), &old) != 0) return cannot(file, errno);
  std::string fresh = target.string() + ".XXXXXX";
  const int fd = ::mkostemp(fresh.data(), O_CLOEXEC);
  if (fd < 0) return cannot(file, errno);
  bool good = write_all(fd, text) && ::fchmod(fd, old.st_mode & 07777) == 0 && ::fsync(fd) == 0;
  int reason = good ? 0 : errno;
  ::close(fd);
  if (good && ::rename(fresh.c_str(), target.c_str()) != 0) {
    good = false;
    reason = errno;
  }
  if (good) return {};
  ::unlink(fresh.c_str());
  return cannot(file, reason);
}

}  // namespace oc
