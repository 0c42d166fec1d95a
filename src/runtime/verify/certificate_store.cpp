#include "runtime/verify/certificate_store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <ctime>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/places.h"
#include "base/system/files.h"
#include "io/digest.h"
#include "io/files.h"
#include "io/json.h"
#include "io/json_text.h"
#include "io/whole_file.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kMaxBytes = 4u << 20;
constexpr std::string_view kDocument = "the certificate";

Result<fs::path> place_of(const fs::path& folder, const EngineInfo& engine) {
  const auto home = home_folder();
  if (!home)
    return Error{ErrorCode::kNotFound, "there is no home to keep the certificate in",
                 "set OCELLUS_HOME to a folder"};
  std::error_code error;
  // The program's own is no place on a disk: it must not depend on where this runs.
  const fs::path whole = folder == embedded_folder() ? folder : fs::weakly_canonical(folder, error);
  Digest digest;
  digest.add((error ? folder : whole).string());
  digest.add("\n" + engine.computation());
  return *home / "certificates" / (digest.finish_hex().substr(0, 32) + ".json");
}

json::array to_json(const std::vector<FileStamp>& stamps) {
  json::array out;
  for (const FileStamp& one : stamps)
    out.push_back({{"name", one.name},
                   {"bytes", one.bytes},
                   {"modified_ns", one.modified_ns},
                   {"changed_ns", one.changed_ns}});
  return out;
}

// What fits into a list of models: no files, no failures, only each stage's largest difference.
json::object short_form(const json::object& whole) {
  json::object out;
  for (const char* key : {"verified", "date", "ocellus", "commit", "machine", "engine",
                          "files_sha256", "answers", "failed"})
    if (const json::value* value = whole.if_contains(key)) out[key] = *value;
  json::object largest;
  if (const auto stages = JsonReader(whole, kDocument, "").objects("stages"); stages.ok())
    for (const JsonReader& row : *stages)
      if (const auto stage = row.string("stage"); stage.ok() && row.has("largest")) {
        const auto checkpoint = row.string("checkpoint");
        largest[checkpoint.ok() ? *checkpoint + "." + *stage : *stage] = row.at("largest")->value();
      }
  out["largest"] = std::move(largest);
  if (const json::value* checks = whole.if_contains("checks"); checks && checks->is_object()) {
    json::object verdicts;
    for (const auto& [name, check] : checks->get_object())
      if (const auto verdict = JsonReader(check, kDocument, name).string("verdict"); verdict.ok())
        verdicts[name] = *verdict;
    out["checks"] = std::move(verdicts);
  }
  return out;
}

}  // namespace

Result<std::vector<FileStamp>> stamp_folder(const fs::path& folder) {
  OC_ASSIGN_OR_RETURN(const std::vector<std::string> names, certified_files(folder));
  std::vector<FileStamp> out;
  for (const std::string& name : names) {
    if (const EmbeddedFile* file = embedded_file(folder / name)) {
      // Part of the program, which another build's may differ in: its digest is as good as a time.
      std::int64_t digest = 0;
      for (const char digit : file->sha256.substr(0, 15)) digest = digest * 16 + hex_digit(digit);
      out.push_back({name, file->bytes.size(), digest, digest});
      continue;
    }
    struct stat status = {};
    if (::stat((folder / name).c_str(), &status) != 0)
      return Error{ErrorCode::kNotFound, fmt::format("{} is gone", (folder / name).string())};
    out.push_back({name, static_cast<std::uint64_t>(status.st_size), modified_ns(status),
                   changed_ns(status)});
  }
  return out;
}

Result<fs::path> save_certificate(const Certificate& certificate, const fs::path& folder,
                                  const std::vector<FileStamp>& before) {
  OC_ASSIGN_OR_RETURN(const std::vector<FileStamp> now, stamp_folder(folder));
  if (now != before)
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{} has changed while it was verified", folder.string()),
                 "verify it again when nobody writes to it"};
  OC_ASSIGN_OR_RETURN(const fs::path place, place_of(folder, certificate.engine));
  std::error_code error;
  fs::create_directories(place.parent_path(), error);
  if (error)
    return Error{ErrorCode::kUnavailable,
                 fmt::format("cannot make {}: {}", place.parent_path().string(), error.message()),
                 "OCELLUS_HOME names another place"};
  json::object whole = certificate.json();
  whole["date"] = utc_timestamp();
  whole["stamps"] = to_json(now);
  OC_RETURN_IF_ERROR(write_file_atomically(place, json_text(whole) + "\n"));
  return place;
}

std::optional<json::object> find_certificate(const CertificateQuestion& question) {
  const auto place = place_of(question.folder, question.engine);
  if (!place.ok()) return std::nullopt;
  const auto whole = read_json_object(*place, kMaxBytes);
  if (!whole.ok()) return std::nullopt;
  const JsonReader reader(*whole, kDocument, "");
  const auto is = [&](const char* key, const std::string& wanted) {
    const auto text = reader.string(key);
    return text.ok() && *text == wanted;
  };
  if (!is("fingerprint", question.fingerprint) || !is("ocellus", question.build.version) ||
      !is("commit", question.build.commit))
    return std::nullopt;
  const auto now = stamp_folder(question.folder);
  const json::value* stamps = whole->if_contains("stamps");
  // As text: numbers that were read may have another type than those that were made.
  if (!now.ok() || stamps == nullptr || json_text(*stamps) != json_text(to_json(*now)))
    return std::nullopt;
  return short_form(*whole);
}

}  // namespace oc
