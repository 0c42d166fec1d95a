#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>

#include "io/json_text.h"
#include "io/safetensors.h"

namespace oc {
namespace {

namespace json = boost::json;

// Written in whole large pages: they stay so in the page cache (ext4, Linux 6.16), and a model that
// is mapped out of them is read faster (want_large_pages).
constexpr std::size_t kBlockBytes = std::size_t{2} << 20;

std::size_t data_bytes(const PlannedTensor& tensor) {
  return static_cast<std::size_t>(tensor.shape.numel()) * size_of(tensor.dtype);
}

std::string header_text(std::span<const PlannedTensor> tensors,
                        const std::map<std::string, std::string>& metadata) {
  json::object header;
  if (!metadata.empty()) {
    json::object pairs;
    for (const auto& [key, value] : metadata) pairs[key] = value;
    header["__metadata__"] = std::move(pairs);
  }
  std::size_t at = 0;
  for (const PlannedTensor& tensor : tensors) {
    OC_CHECK(!header.contains(tensor.name), "{} twice", tensor.name);
    json::array shape(tensor.shape.dims().begin(), tensor.shape.dims().end());
    const std::size_t end = at + data_bytes(tensor);
    header[tensor.name] = json::object{{"dtype", to_string(tensor.dtype)},
                                       {"shape", std::move(shape)},
                                       {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = json_text(header);
  text.append((8 - text.size() % 8) % 8, ' ');  // so that the data begins aligned
  return text;
}

}  // namespace

Result<std::unique_ptr<SafetensorsWriter>> SafetensorsWriter::create(
    const std::filesystem::path& path, std::span<const PlannedTensor> tensors,
    const std::map<std::string, std::string>& metadata) {
  std::unique_ptr<SafetensorsWriter> writer(new SafetensorsWriter);
  writer->path_ = path;
  for (const PlannedTensor& tensor : tensors) writer->left_ += data_bytes(tensor);
  const std::string text = header_text(tensors, metadata);
  const std::uint64_t length = text.size();
  writer->block_.reserve(kBlockBytes);
  if (writer->file_.open(path) != 0 || !writer->put(std::as_bytes(std::span(&length, 1))) ||
      !writer->put(std::as_bytes(std::span(text))))
    return writer->cannot_write();
  return writer;
}

Error SafetensorsWriter::cannot_write() const {
  return {ErrorCode::kInternal, fmt::format("{} cannot be written", path_.string()),
          "check the folder, its permissions and the free space"};
}

bool SafetensorsWriter::put(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (block_.empty() && bytes.size() >= kBlockBytes) {
      const std::size_t whole = bytes.size() / kBlockBytes * kBlockBytes;
      if (file_.write(bytes.first(whole)) != 0) return false;
      bytes = bytes.subspan(whole);
      continue;
    }
    const auto some = bytes.first(std::min(bytes.size(), kBlockBytes - block_.size()));
    block_.insert(block_.end(), some.begin(), some.end());
    bytes = bytes.subspan(some.size());
    if (block_.size() < kBlockBytes) continue;
    if (file_.write(block_) != 0) return false;
    block_.clear();
  }
  return true;
}

Result<void> SafetensorsWriter::append(std::span<const std::byte> bytes) {
  OC_CHECK(bytes.size() <= left_, "{} bytes more than planned", bytes.size() - left_);
  if (!put(bytes)) return cannot_write();
  left_ -= bytes.size();
  return {};
}

Result<void> SafetensorsWriter::finish() {
  OC_CHECK(left_ == 0, "{} planned bytes were not written", left_);
  if (file_.write(block_) != 0 || file_.finish() != 0 || file_.take_place() != 0)
    return cannot_write();
  return {};
}

Result<void> write_safetensors(const std::filesystem::path& path,
                               std::span<const TensorView> tensors,
                               const std::map<std::string, std::string>& metadata) {
  std::vector<PlannedTensor> plan;
  for (const TensorView& tensor : tensors)
    plan.push_back({tensor.name, tensor.dtype, tensor.shape});
  OC_ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsWriter> writer,
                      SafetensorsWriter::create(path, plan, metadata));
  for (const TensorView& tensor : tensors) OC_RETURN_IF_ERROR(writer->append(tensor.data));
  return writer->finish();
}

}  // namespace oc
