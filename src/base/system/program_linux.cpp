#include "base/system/program.h"

namespace oc {

std::filesystem::path program_file() {
  std::error_code error;
  std::filesystem::path file = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::path() : file;
}

std::filesystem::path running_program() { return "/proc/self/exe"; }

}  // namespace oc
