#include <mach-o/dyld.h>

#include <cstdint>
#include <string>

#include "base/system/program.h"

namespace oc {

std::filesystem::path program_file() {
  std::uint32_t size = 0;
  ::_NSGetExecutablePath(nullptr, &size);
  std::string path(size, '\0');
  if (::_NSGetExecutablePath(path.data(), &size) != 0) return {};
  std::error_code error;
  std::filesystem::path file = std::filesystem::canonical(path.c_str(), error);
  return error ? std::filesystem::path() : file;
}

std::filesystem::path running_program() { return program_file(); }

}  // namespace oc
