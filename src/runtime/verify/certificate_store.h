// Certificates that `ocellus verify` leaves behind, and whether one belongs to the files that are
// served now. They lie in $OCELLUS_HOME/certificates, outside of the model's folder, which may be
// read-only: one for each folder and way of computing, the latest.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/verify/certificate.h"

namespace oc {

// A file as the system knows it, without reading it: when size and both times are the same, so are
// the bytes. (The time of change cannot be set back by hand.)
struct FileStamp {
  std::string name;  // below the folder, with '/'
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
// Of the files that digest_folder() lists, in its order.
Result<std::vector<FileStamp>> stamp_folder(const std::filesystem::path& folder);

// Keeps the certificate of a model folder. `before`: its stamps from before the model was loaded.
// kCorrupt: a file has changed since; kNotFound: there is no home; writing.
Result<std::filesystem::path> save_certificate(const Certificate& certificate,
                                               const std::filesystem::path& folder,
                                               const std::vector<FileStamp>& before);

// The short form, where `folder` holds the very files that were verified, computed by the same
// engine with the same precision (threads do not count) and the same build of ocellus. Whatever is
// in doubt is not shown.
struct CertificateQuestion {
  std::filesystem::path folder;
  EngineInfo engine;
  std::string fingerprint;
  ProgramBuild build;
};
std::optional<boost::json::object> find_certificate(const CertificateQuestion& question);

}  // namespace oc
