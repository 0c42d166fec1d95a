#include "runtime/verify/certificate.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "io/digest.h"
#include "io/files.h"
#include "runtime/hub/digest.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

Error unreadable(const fs::path& path, const std::error_code& error) {
  return {ErrorCode::kNotFound, fmt::format("{}: {}", path.string(), error.message()),
          "verify needs to read every file of the model's folder"};
}

// Of the stage of all checkpoints.
int sum_of_tokens(const VerifyReport& report, int StageResult::*count) {
  int total = 0;
  for (const StageResult& stage : report.stages())
    if (stage.name == "model.tokens") total += stage.*count;
  return total;
}

}  // namespace

Result<std::vector<std::string>> certified_files(const fs::path& folder) {
  if (folder == embedded_folder()) return file_names(folder);
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const bool hidden = it->path().filename().string().starts_with('.');
    if (it->is_directory(error)) {
      if (hidden) it.disable_recursion_pending();
    } else if (!hidden && it->is_regular_file(error)) {
      names.push_back(it->path().lexically_relative(folder).generic_string());
    }
    if (error) break;
  }
  if (error) return unreadable(folder, error);
  std::ranges::sort(names);
  return names;
}

Result<std::vector<FileDigest>> digest_folder(
    const fs::path& folder, const std::function<void(const std::string& name)>& progress) {
  OC_ASSIGN_OR_RETURN(const std::vector<std::string> names, certified_files(folder));
  std::vector<FileDigest> out;
  for (const std::string& name : names) {
    if (progress) progress(name);
    if (const EmbeddedFile* file = embedded_file(folder / name)) {
      Digest digest;  // of what is there, not what the build said
      digest.add(file->bytes);
      out.push_back({name, file->bytes.size(), digest.finish_hex()});
      continue;
    }
    std::error_code error;
    const std::uint64_t bytes = fs::file_size(folder / name, error);
    if (error) return unreadable(folder / name, error);
    OC_ASSIGN_OR_RETURN(
        std::string digest,
        hub::digest_file(folder / name, hub::FileDigestKind::kSha256, bytes, [] { return false; }));
    out.push_back({name, bytes, std::move(digest)});
  }
  return out;
}

std::string Certificate::files_sha256() const {
  Digest digest;
  for (const FileDigest& file : files) digest.add(fmt::format("{}  {}\n", file.sha256, file.name));
  return digest.finish_hex();
}

bool Certificate::verified() const {
  return report.failed() == 0 && std::ranges::none_of(checks, [](const Check& check) {
           return check.verdict == Verdict::kWrong;
         });
}

int Certificate::answer_tokens() const { return sum_of_tokens(report, &StageResult::checked); }
int Certificate::equal_tokens() const {
  return answer_tokens() - sum_of_tokens(report, &StageResult::failed);
}

std::string Certificate::summary() const {
  std::uint64_t bytes = 0;
  for (const FileDigest& file : files) bytes += file.bytes;
  std::string out =
      fmt::format("files: {}, {} bytes, sha256 {}\n", files.size(), bytes, files_sha256());
  if (answer_tokens() > 0)
    out += fmt::format("answers: {} of {} greedy tokens equal\n", equal_tokens(), answer_tokens());
  if (report.failed() > 0)
    return out + fmt::format("{} of {} comparisons with golden data failed\n", report.failed(),
                             report.checked());
  return out + (verified() ? checks.empty() ? "verified: every stage within its limit\n"
                                            : "verified: nothing is wrong\n"
                           : "not verified: see above what is wrong\n");
}

json::object Certificate::json() const {
  json::array listed;
  for (const FileDigest& file : files)
    listed.push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  json::object out{
      {"model", model},
      {"verified", verified()},
      {"ocellus", build.version},
      {"commit", build.commit},
      {"machine", machine},
      {"engine", engine.text()},
      {"fingerprint", fingerprint},
      {"files_sha256", files_sha256()},
      {"files", std::move(listed)},
      {"answers", {{"tokens", answer_tokens()}, {"equal", equal_tokens()}}},
  };
  if (!checks.empty()) {
    json::object all;
    for (const Check& check : checks) all[check.name] = check.json();
    out["checks"] = std::move(all);
  }
  for (auto& [key, value] : report.json()) out[key] = value;
  return out;
}

}  // namespace oc
