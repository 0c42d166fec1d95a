#include "runtime/hub/pull.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/printable.h"
#include "io/json.h"
#include "runtime/hub/api.h"
#include "runtime/hub/fetch.h"
#include "runtime/hub/part_file.h"
#include "runtime/hub/store.h"
#include "runtime/library/known_models.h"

namespace oc::hub {
namespace {

namespace fs = std::filesystem;

std::uint64_t sum(const std::vector<HubFile>& files) {
  std::uint64_t bytes = 0;
  for (const HubFile& file : files) bytes += file.size;
  return bytes;
}

class Puller {
 public:
  Puller(const ModelRef& ref, const Hub& hub, const PullOptions& options, ModelPlace place)
      : ref_(ref),
        options_(options),
        place_(std::move(place)),
        http_(hub, options.patience.stall_s) {}

  Result<PullReport> run() {
    OC_ASSIGN_OR_RETURN(const Revision revision, resolve_revision(http_, ref_, options_.patience));
    commit_ = revision.commit;
    OC_ASSIGN_OR_RETURN(const std::vector<HubFile> tree,
                        list_files(http_, ref_, commit_, options_.patience));
    OC_ASSIGN_OR_RETURN(Plan plan, plan_files(revision, tree));
    OC_RETURN_IF_ERROR(open_staging());
    if (const BorrowedFile* borrowed = find_borrowed_file(ref_.repo, ref_.revision)) {
      std::erase_if(plan.small, [&](const HubFile& file) { return file.name == borrowed->file; });
      OC_RETURN_IF_ERROR(borrow(*borrowed));
    }
    OC_RETURN_IF_ERROR(check_space(place_.staging, sum(plan.small)));
    OC_RETURN_IF_ERROR(bring(plan.small, ref_, commit_));
    OC_ASSIGN_OR_RETURN(const std::vector<HubFile> weights, weights_of(plan));
    OC_RETURN_IF_ERROR(bring(weights, ref_, commit_));
    OC_RETURN_IF_ERROR(settle());
    return PullReport{.name = ref_.repo,
                      .folder = place_.folder,
                      .commit = commit_,
                      .bytes = sum(files_),
                      .fetched = fetched_,
                      .files = static_cast<int>(files_.size())};
  }

 private:
  Result<void> open_staging() {
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(place_.folder, error)))
      return Error{ErrorCode::kUnavailable,
                   fmt::format("{} is a symbolic link", place_.folder.string()),
                   "ocellus changes nothing behind those; remove it first"};
    if (::mkdir(place_.staging.c_str(), 0755) == 0 || errno == EEXIST) {
      struct stat status = {};
      if (::lstat(place_.staging.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
      return disk_error(place_.staging, ENOTDIR);
    }
    return disk_error(place_.staging, errno);
  }

  Result<std::vector<HubFile>> weights_of(const Plan& plan) {
    std::string index;
    if (plan.has_index) {
      OC_ASSIGN_OR_RETURN(index, read_file(place_.staging / kIndexName, 64u << 20));
    }
    return choose_weights(plan, index);
  }

  // A file out of another repository.
  Result<void> borrow(const BorrowedFile& wanted) {
    const ModelRef from{std::string(wanted.from_repo), std::string(wanted.from_revision)};
    options_.patience.tell(
        fmt::format("{} comes from {}; {}", wanted.file, from.repo, wanted.note));
    OC_ASSIGN_OR_RETURN(const Revision revision, resolve_revision(http_, from, options_.patience));
    OC_ASSIGN_OR_RETURN(const std::vector<HubFile> tree,
                        list_files(http_, from, revision.commit, options_.patience));
    const auto file = std::ranges::find(tree, wanted.file, &HubFile::name);
    if (file == tree.end())
      return Error{ErrorCode::kNotFound, fmt::format("{} has no {}", from.repo, wanted.file),
                   fmt::format("{} at {} cannot be used without it", ref_.repo, ref_.revision)};
    return bring({*file}, from, revision.commit);
  }

  // `files` are in the staging folder, whole and checked.
  Result<void> bring(const std::vector<HubFile>& files, const ModelRef& ref,
                     const std::string& commit) {
    total_ += sum(files);
    files_.insert(files_.end(), files.begin(), files.end());
    std::vector<FetchFile> missing;
    std::uint64_t bytes = 0, held = 0;
    for (const HubFile& file : files) {
      OC_ASSIGN_OR_RETURN(const bool there, adopt(file));
      if (there) continue;
      missing.push_back({file, file_url(http_.hub(), ref, commit, file.name)});
      bytes += file.size;
      held += std::min(PartFile::bytes_on_disk(place_.staging, file.name), file.size);
    }
    if (missing.empty()) return {};
    OC_RETURN_IF_ERROR(may_replace());
    OC_RETURN_IF_ERROR(check_space(place_.staging, bytes - held));
    fetched_ += bytes;
    const FetchOptions fetch_options{.connections = options_.connections,
                                     .patience = options_.patience,
                                     .on_progress = [this](const FetchProgress& p) { fetched(p); },
                                     .on_file =
                                         [this](const HubFile& file) {
                                           if (options_.on_file)
                                             options_.on_file(file.name, file.size);
                                         }};
    OC_RETURN_IF_ERROR(fetch(http_, place_.staging, missing, fetch_options));
    done_ += bytes;
    // A small file may come whole between two reports.
    tell({.phase = PullProgress::Phase::kLoading});
    return {};
  }

  // Whether the file is in the staging folder, or in the model as it is (and now in both).
  Result<bool> adopt(const HubFile& file) {
    const fs::path staged = place_.staging / file.name;
    std::error_code error;
    OC_ASSIGN_OR_RETURN(const bool have, is_right(staged, file));
    if (have) return true;
    fs::remove(staged, error);
    OC_ASSIGN_OR_RETURN(const bool old, is_right(place_.folder / file.name, file));
    if (!old) return false;
    // A second name for the same bytes costs nothing.
    if (::link((place_.folder / file.name).c_str(), staged.c_str()) != 0) {
      fs::copy_file(place_.folder / file.name, staged, error);
      if (error) return disk_error(staged, error.value());
    }
    return true;
  }

  Result<bool> is_right(const fs::path& path, const HubFile& file) {
    struct stat status = {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) ||
        static_cast<std::uint64_t>(status.st_size) != file.size || file.digest.empty())
      return false;
    tell({.phase = PullProgress::Phase::kChecking, .file = file.name, .file_total = file.size});
    const auto digest = digest_file(path, file.kind, file.size, options_.patience.cancelled);
    if (!digest.ok() && digest.error().code == ErrorCode::kCancelled) return stopped();
    if (!digest.ok() || *digest != file.digest) return false;
    done_ += file.size;
    return true;
  }

  // A folder that someone made or changed by hand is not to be lost.
  Result<void> may_replace() {
    if (options_.replace) return {};
    const std::vector<std::string> foreign = foreign_entries(place_.folder);
    if (foreign.empty()) return {};
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("{} holds what no pull has put there: {}{}", place_.folder.string(),
                    shown_name(foreign.front()),
                    foreign.size() > 1 ? fmt::format(" and {} more", foreign.size() - 1) : ""),
        "move it away, or let --replace remove it"};
  }

  Result<void> settle() {
    const Manifest manifest{http_.hub().base, ref_.repo, ref_.revision, commit_, files_};
    std::set<std::string> wanted;
    for (const HubFile& file : files_) wanted.insert(file.name);
    if (fetched_ == 0 && all_in_place(wanted)) {
      OC_RETURN_IF_ERROR(write_manifest(place_.folder, manifest));
      std::error_code error;
      fs::remove_all(place_.staging, error);
      return {};
    }
    OC_RETURN_IF_ERROR(may_replace());
    std::error_code error;
    std::vector<fs::path> strays;  // of another commit
    for (const auto& entry : fs::directory_iterator(place_.staging, error))
      if (!wanted.contains(entry.path().filename().string())) strays.push_back(entry.path());
    for (const fs::path& stray : strays) fs::remove_all(stray, error);
    OC_RETURN_IF_ERROR(write_manifest(place_.staging, manifest));
    return install(place_);
  }

  // Every file of the staging folder is one of the model's, and no pull has left others there.
  bool all_in_place(const std::set<std::string>& wanted) const {
    if (const auto before = read_manifest(place_.folder))
      for (const HubFile& file : before->files)
        if (!wanted.contains(file.name)) return false;
    return std::ranges::all_of(files_, [&](const HubFile& file) {
      std::error_code error;
      return fs::equivalent(place_.staging / file.name, place_.folder / file.name, error) && !error;
    });
  }

  void fetched(const FetchProgress& these) {
    using Phase = PullProgress::Phase;
    tell({.phase = these.checking ? Phase::kChecking : Phase::kLoading,
          .done = these.received,
          .file = these.file,
          .file_done = these.file_received,
          .file_total = these.file_size});
  }

  // `progress.done`: of the files that are being brought.
  void tell(PullProgress progress) {
    progress.done += done_;
    progress.total = total_;
    if (options_.on_progress) options_.on_progress(progress);
  }

  const ModelRef& ref_;
  const PullOptions& options_;
  ModelPlace place_;
  HttpClient http_;
  std::string commit_;
  std::vector<HubFile> files_;  // of the model, as far as they are known
  std::uint64_t done_ = 0, total_ = 0, fetched_ = 0;
};

}  // namespace

Result<PullReport> pull(const ModelRef& ref, const Hub& hub, const PullOptions& options) {
  OC_ASSIGN_OR_RETURN(const ModelPlace wanted, place_of(ref.repo, false));
  const fs::path parent = wanted.folder.parent_path();
  fs::path before = parent;  // the nearest folder that is there
  for (std::error_code error; !fs::exists(before, error) && before.has_relative_path();)
    before = before.parent_path();
  OC_ASSIGN_OR_RETURN(const ModelPlace place, place_of(ref.repo, true));
  const auto run = [&]() -> Result<PullReport> {
    OC_ASSIGN_OR_RETURN(const ModelLock lock, ModelLock::take(place.lock, ref.repo));
    Result<PullReport> report = Puller(ref, hub, options, place).run();
    // What has come so far is kept for the next pull.
    if (!report.ok()) ::rmdir(place.staging.c_str());
    return report;
  };
  Result<PullReport> report = run();
  if (!report.ok()) remove_if_empty(parent, before);
  return report;
}

}  // namespace oc::hub
