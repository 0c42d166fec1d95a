#include "runtime/cache/image_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/hex.h"
#include "base/log.h"
#include "base/system/files.h"
#include "io/digest.h"
#include "io/file_handle.h"
#include "io/random_text.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".ocimage", kTemporarySuffix = ".tmp";
constexpr std::size_t kNameDigits = 2 * kImageKeyBytes;
constexpr std::size_t kRandomCharacters = 16;  // of a temporary name
// Of pictures that wait to be written, one always may: the disk is slower than the model.
constexpr std::size_t kMaxWaiting = std::size_t{128} << 20;
constexpr std::chrono::seconds kPause{30};      // after a failure
constexpr std::chrono::seconds kLookAgain{10};  // at what other processes did

enum class FileKind { kForeign, kImage, kTemporary };

// Only names that a store gives are ever touched: a folder may hold other things.
FileKind kind_of(const std::string& name) {
  if (name.size() <= kNameDigits ||
      !is_lower_hex(std::string_view(name).substr(0, kNameDigits), kNameDigits))
    return FileKind::kForeign;
  const std::string_view rest = std::string_view(name).substr(kNameDigits);
  if (rest == kSuffix) return FileKind::kImage;
  return rest.starts_with('.') && rest.ends_with(kTemporarySuffix) ? FileKind::kTemporary
                                                                   : FileKind::kForeign;
}

// Removes a temporary file whose writer has gone, which is one that nobody has locked. (A process
// id would say nothing about writers in other containers.)
void remove_if_stale(const fs::path& path) {
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.is_open() && try_lock(file.fd()) == 0) ::unlink(path.c_str());
}

Error unusable(const fs::path& folder, std::string why, std::string hint) {
  return {
      ErrorCode::kInvalidArgument,
      fmt::format("the folder for encoded pictures, {}, cannot be used: {}", folder.string(), why),
      std::move(hint)};
}

constexpr const char* kChooseAnother = "choose another folder with --image-cache-dir";

bool holds_foreign_files(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (kind_of(it->path().filename().string()) == FileKind::kForeign) return true;
  return error.operator bool();
}

Result<void> make_private_folder(const fs::path& folder) {
  std::error_code error;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return unusable(folder, std::strerror(errno), kChooseAnother);
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0)
    return unusable(folder, std::strerror(errno), kChooseAnother);
  if (!S_ISDIR(status.st_mode)) return unusable(folder, "it is no folder", kChooseAnother);
  if (status.st_uid != ::geteuid())
    return unusable(folder, "it belongs to another user", kChooseAnother);
  if ((status.st_mode & 077) == 0) return {};
  // A folder of our own is closed to others; one that serves something else too is left alone.
  if (holds_foreign_files(folder))
    return unusable(folder, "others may look into it, and it holds other files",
                    "take a folder that is for this alone");
  if (::chmod(folder.c_str(), 0700) != 0)
    return unusable(folder, std::strerror(errno), kChooseAnother);
  return {};
}

}  // namespace

std::string stored_image_key(std::string_view computed_by, const std::string& image_key) {
  Digest digest;
  digest.add(fmt::format("{}:", computed_by.size()));
  digest.add(computed_by);
  digest.add(image_key);
  return digest.finish();
}

Result<std::shared_ptr<ImageStore>> ImageStore::open(const fs::path& folder,
                                                     std::size_t max_bytes) {
  OC_RETURN_IF_ERROR(make_private_folder(folder));
  std::shared_ptr<ImageStore> store(new ImageStore(folder, max_bytes));
  OC_RETURN_IF_ERROR(store->probe());
  store->make_room(0);
  store->thread_ = std::thread([self = store.get()] { self->work(); });
  return store;
}

ImageStore::ImageStore(fs::path folder, std::size_t max_bytes)
    : folder_(std::move(folder)), max_bytes_(max_bytes) {}

ImageStore::~ImageStore() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// Whether files can be made here: the only way to know of read-only disks and the like.
Result<void> ImageStore::probe() {
  const fs::path path = folder_ / (std::string(kNameDigits, '0') + "." +
                                   random_text(kRandomCharacters) + std::string(kTemporarySuffix));
  const FileHandle file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) return unusable(folder_, std::strerror(errno), kChooseAnother);
  ::unlink(path.c_str());
  return {};
}

fs::path ImageStore::path_of(const std::string& key) const {
  return folder_ / (to_hex(key) + std::string(kSuffix));
}

std::optional<ImageRows> ImageStore::find(const std::string& key, std::int64_t rows,
                                          std::int64_t cols) {
  const fs::path path = path_of(key);
  Result<ImageRows> read = read_image_file(path, key, rows, cols);
  if (read.ok()) {
    ++hits_;
    return *std::move(read);
  }
  ++misses_;
  if (read.error().code == ErrorCode::kNotFound) return std::nullopt;
  // Whatever it is, the next one shall not stumble over it.
  ++discarded_;
  std::error_code ignored;
  fs::remove(path, ignored);
  log::event(log::Level::kWarning, "image cache",
             {{"removed", path.filename().string()}, {"because", read.error().message}});
  return std::nullopt;
}

bool ImageStore::accepts(std::size_t bytes) const {
  if (bytes + kImageHeaderBytes > max_bytes_) return false;
  const std::lock_guard lock(mutex_);
  return !ending_ && (waiting_.empty() || waiting_bytes_ + bytes <= kMaxWaiting) &&
         Clock::now() >= paused_until_;
}

void ImageStore::insert(std::string key, ImageRows image) {
  const std::size_t bytes = image.bytes();
  if (!accepts(bytes)) return;
  {
    const std::lock_guard lock(mutex_);
    waiting_bytes_ += bytes;
    waiting_.push_back({std::move(key), std::move(image)});
  }
  wake_.notify_one();
}

void ImageStore::flush() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return waiting_.empty() && !writing_; });
}

void ImageStore::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (waiting_.empty()) idle_.notify_all();
    wake_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Waiting entry = std::move(waiting_.front());
    waiting_.pop_front();
    writing_ = true;
    lock.unlock();
    write(entry);
    lock.lock();
    waiting_bytes_ -= entry.image.bytes();
    writing_ = false;
  }
}

void ImageStore::write(const Waiting& entry) {
  const fs::path path = path_of(entry.key);
  std::error_code error;
  if (fs::exists(path, error)) return;  // another process was faster
  const std::size_t bytes = kImageHeaderBytes + entry.image.bytes();
  make_room(bytes);
  Result<void> written = write_as(entry, path);
  // Another process starts just now, and took the file for one left behind: not twice.
  if (!written.ok() && written.error().code == ErrorCode::kCancelled)
    written = write_as(entry, path);
  if (written.ok()) {
    ++entries_;
    bytes_ += bytes;
  }
  note(written);
}

Result<void> ImageStore::write_as(const Waiting& entry, const fs::path& path) {
  fs::path temporary = path;
  temporary.replace_extension("." + random_text(kRandomCharacters) + std::string(kTemporarySuffix));
  OC_RETURN_IF_ERROR(write_image_file(temporary, entry.key, entry.image));
  if (::rename(temporary.c_str(), path.c_str()) == 0) return {};
  const int reason = errno;
  ::unlink(temporary.c_str());
  return Error{reason == ENOENT ? ErrorCode::kCancelled : ErrorCode::kInternal,
               std::strerror(reason)};
}

// One warning when it begins to fail, one line when it has ended.
void ImageStore::note(const Result<void>& written) {
  if (written.ok()) {
    if (std::exchange(failing_, false))
      log::event(log::Level::kInfo, "image cache",
                 {{"folder", folder_.string()}, {"state", "pictures are kept again"}});
    return;
  }
  ++failures_;
  {
    const std::lock_guard lock(mutex_);
    paused_until_ = Clock::now() + kPause;
  }
  if (!std::exchange(failing_, true))
    log::event(log::Level::kWarning, "image cache",
               {{"folder", folder_.string()},
                {"state", "pictures are not kept"},
                {"because", written.error().message}});
}

// All of the store's files, whoever wrote them. Temporary files are removed, or being written.
std::vector<ImageStore::File> ImageStore::scan() {
  std::vector<File> files;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    const FileKind kind = kind_of(it->path().filename().string());
    if (kind == FileKind::kTemporary) remove_if_stale(it->path());
    if (kind != FileKind::kImage) continue;
    std::error_code gone;  // by another process
    File file{it->path(), it->last_write_time(gone), 0};
    if (!gone) file.bytes = it->file_size(gone);
    if (!gone) files.push_back(std::move(file));
  }
  return files;
}

// Evicts until `bytes` more may be written. The folder is looked at again where it is full as far
// as is known, and now and then, for what other processes wrote.
void ImageStore::make_room(std::size_t bytes) {
  const Clock::time_point now = Clock::now();
  if (bytes_ + bytes <= max_bytes_ && scanned_ && now - *scanned_ < kLookAgain) return;
  scanned_ = now;
  std::vector<File> files = scan();
  std::size_t total = 0;
  for (const File& file : files) total += file.bytes;
  auto next = files.begin();
  if (total + bytes > max_bytes_) {
    std::ranges::sort(files, {}, &File::used);
    // A tenth more than needed, or a full folder would be read and sorted for each picture.
    const std::size_t target_bytes = max_bytes_ - max_bytes_ / 10;
    for (; next != files.end() && total + bytes > target_bytes; ++next) {
      std::error_code gone;
      fs::remove(next->path, gone);
      total -= next->bytes;
    }
  }
  entries_ = static_cast<std::size_t>(files.end() - next);
  bytes_ = total;
}

ImageStoreStats ImageStore::stats() const {
  return {hits_, misses_, discarded_, failures_, entries_, bytes_};
}

}  // namespace oc
