// The input is a file. Its header is parsed twice: for a file of the size that its last eight bytes
// name, however large, and for the file as it is, which is also opened.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <string>
#include <string_view>

#include "io/safetensors.h"
#include "tests/fuzz/require.h"

namespace {

using oc::ErrorCode;

void check_failure(const oc::Error& error, std::string_view file) {
  require(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kUnsupported);
  require(error.message.starts_with(fmt::format("{}: ", file)) ||
          error.message.starts_with(fmt::format("{} ", file)));
}

void check_header(const oc::SafetensorsHeader& header, std::size_t head_bytes,
                  std::size_t file_bytes) {
  require(header.data_offset >= 8 && header.data_offset <= head_bytes);
  require(header.data_offset <= file_bytes);
  std::set<std::string_view> names;
  std::size_t at = 0;
  for (const auto& entry : header.entries) {
    require(names.insert(entry.name).second);
    require(entry.begin == at && entry.end >= entry.begin);
    at = entry.end;
    // Without the product of the dimensions: dividing cannot overflow.
    std::size_t left = (entry.end - entry.begin) / oc::size_of(entry.dtype);
    require(left * oc::size_of(entry.dtype) == entry.end - entry.begin);
    for (const std::int64_t dim : entry.shape.dims()) {
      require(dim >= 0);
      if (left == 0 || dim == 0) {
        left = 0;
        break;
      }
      require(left % static_cast<std::size_t>(dim) == 0);
      left /= static_cast<std::size_t>(dim);
    }
    require(left == (entry.begin == entry.end ? 0u : 1u));
  }
  require(at == file_bytes - header.data_offset);
}

void check_whole_file(std::string_view bytes, const oc::Result<oc::SafetensorsHeader>& header) {
  static const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  require(fd >= 0 && ::ftruncate(fd, 0) == 0);
  require(::pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  const auto file = oc::SafetensorsFile::open(fmt::format("/proc/self/fd/{}", fd));
  require(file.ok() == header.ok());
  if (!file.ok()) return check_failure(file.error(), fmt::format("{}", fd));
  require((*file)->file_bytes() == bytes.size());
  require((*file)->tensors().size() == header->entries.size());
  std::string data;
  for (const oc::TensorView& tensor : (*file)->tensors()) {
    require((*file)->find(tensor.name) == &tensor);
    require(tensor.data.size() ==
            static_cast<std::size_t>(tensor.shape.numel()) * oc::size_of(tensor.dtype));
    data.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
  }
  require(data == bytes.substr(header->data_offset));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kName = "fuzz.safetensors";
  const std::string_view bytes = as_text(data, size);
  const auto head = std::as_bytes(std::span(data, size));

  std::uint64_t claimed = 0;
  if (size >= 8) std::memcpy(&claimed, data + size - 8, 8);
  for (const std::size_t file_bytes : {static_cast<std::size_t>(claimed), size}) {
    const auto header = oc::parse_safetensors_header(head, file_bytes, kName);
    if (header.ok())
      check_header(*header, size, file_bytes);
    else
      check_failure(header.error(), kName);
    if (file_bytes == size) check_whole_file(bytes, header);
  }
  return 0;
}
