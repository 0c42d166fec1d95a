#include "runtime/verify/own_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <cstring>

#include "base/units.h"
#include "io/files.h"
#include "runtime/hub/store.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kNamed = 3;  // of what is wrong

// "a, b, c and 4 more"
std::string some_of(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kNamed; ++i)
    out += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kNamed) out += fmt::format(" and {} more", names.size() - kNamed);
  return out;
}

// Empty: the file is what the manifest says.
std::string difference(const fs::path& folder, const hub::HubFile& expected,
                       const FileDigest* found) {
  if (found == nullptr) return "is missing";
  if (found->bytes != expected.size)
    return fmt::format("has {} bytes instead of {}", found->bytes, expected.size);
  if (expected.digest.empty()) return "";
  if (expected.kind == hub::FileDigestKind::kSha256)
    return found->sha256 == expected.digest ? "" : "has another content";
  const auto digest =
      hub::digest_file(folder / expected.name, expected.kind, expected.size, [] { return false; });
  if (!digest.ok()) return digest.error().message;
  return *digest == expected.digest ? "" : "has another content";
}

Check of_manifest(const fs::path& folder, const hub::Manifest& manifest,
                  std::span<const FileDigest> files, const FileProgress& progress) {
  Check check{.name = "files",
              .figures = {{"hub", manifest.hub},
                          {"repo", manifest.repo},
                          {"revision", manifest.revision},
                          {"commit", manifest.commit}}};
  std::vector<std::string> wrong;
  json::array names;
  for (const hub::HubFile& expected : manifest.files) {
    if (progress) progress(expected.name);
    const auto found = std::ranges::find(files, expected.name, &FileDigest::name);
    const std::string other =
        difference(folder, expected, found == files.end() ? nullptr : &*found);
    if (other.empty()) continue;
    wrong.push_back(fmt::format("{} {}", expected.name, other));
    names.emplace_back(expected.name);
  }
  check.figures["compared"] = manifest.files.size();
  check.figures["wrong"] = std::move(names);
  if (!wrong.empty()) {
    check.verdict = Verdict::kWrong;
    check.text = fmt::format("not what {} has: {}. `ocellus pull {}` puts them right", manifest.hub,
                             some_of(wrong), manifest.repo);
    return check;
  }
  check.text = fmt::format("all {} are what {} has of {}, commit {}", manifest.files.size(),
                           manifest.hub, manifest.repo, manifest.commit.substr(0, 12));
  return check;
}

Check of_embedded(std::span<const FileDigest> files) {
  Check check{.name = "files", .figures = {{"compared", files.size()}}};
  std::vector<std::string> wrong;
  for (const FileDigest& file : files) {
    const EmbeddedFile* const built = embedded_file(embedded_folder() / file.name);
    if (built == nullptr || built->sha256 != file.sha256) wrong.push_back(file.name);
  }
  check.text = fmt::format("all {} are as they were built into the program", files.size());
  if (wrong.empty()) return check;
  check.verdict = Verdict::kWrong;
  check.text =
      fmt::format("not as they were built into the program: {}. Install it again", some_of(wrong));
  return check;
}

// All bits of the exponent set: infinite, or no number.
template <typename Word>
std::size_t not_finite(std::span<const std::byte> bytes, Word exponent, std::size_t& first) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < bytes.size() / sizeof(Word); ++i) {
    Word word = 0;
    std::memcpy(&word, bytes.data() + i * sizeof(Word), sizeof(Word));
    if ((word & exponent) == exponent && count++ == 0) first = i;
  }
  return count;
}

std::size_t not_finite(const TensorView& tensor, std::size_t& first) {
  switch (tensor.dtype) {
    case DType::kF32:
      return not_finite<std::uint32_t>(tensor.data, 0x7f800000u, first);
    case DType::kF16:
      return not_finite<std::uint16_t>(tensor.data, 0x7c00u, first);
    case DType::kBF16:
      return not_finite<std::uint16_t>(tensor.data, 0x7f80u, first);
    default:
      return 0;  // integers
  }
}

}  // namespace

Check check_files(const fs::path& folder, std::span<const FileDigest> files,
                  const FileProgress& progress) {
  if (folder == embedded_folder()) return of_embedded(files);
  if (const auto manifest = hub::read_manifest(folder))
    return of_manifest(folder, *manifest, files, progress);
  return {.name = "files",
          .verdict = Verdict::kNotCompared,
          .text = "`ocellus pull` has not put them there, so nothing says what they should be"};
}

Check check_finite(const Checkpoint& checkpoint, const FileProgress& progress) {
  Check check{.name = "finite"};
  std::vector<std::string> wrong;
  std::size_t tensors = 0, bytes = 0, values = 0;
  json::array names;
  for (const TensorView* tensor : checkpoint.tensors()) {
    if (progress) progress(tensor->name);
    std::size_t first = 0;
    const std::size_t count = not_finite(*tensor, first);
    ++tensors;
    bytes += tensor->data.size();
    values += count;
    if (count == 0) continue;
    wrong.push_back(fmt::format("{} in {}: {} of {} values, the first at {}", tensor->name,
                                tensor->file, count, tensor->shape.numel(), first));
    names.emplace_back(tensor->name);
  }
  check.figures = {
      {"tensors", tensors}, {"bytes", bytes}, {"not_finite", values}, {"wrong", std::move(names)}};
  if (const auto intact = checkpoint.intact(); !intact.ok()) {
    check.verdict = Verdict::kWrong;
    check.text = intact.error().describe();
  } else if (!wrong.empty()) {
    check.verdict = Verdict::kWrong;
    check.text =
        fmt::format("values that are infinite or no numbers: {}. The file is damaged: get it again",
                    some_of(wrong));
  } else {
    check.text =
        fmt::format("every value of {} tensors ({}) is a number", tensors, human_bytes(bytes));
  }
  return check;
}

}  // namespace oc
