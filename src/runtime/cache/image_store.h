// Encoded pictures on disk, so that a restarted server need not encode them again. Several
// processes may share a folder.
//
// A file is written under a temporary name and renamed, so that one is whole or not there; it is
// checked when it is read (image_file.h), and what is not right is removed. Reading is done by the
// thread that asks, never the engine's; writing and evicting by a thread of the store. When the
// disk does not take files, that is one warning, and pictures are encoded as without a store.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/cache/image_file.h"

namespace oc {

// The key of a picture in a store that outlives the model: image_key(), and what computed it
// (the model's fingerprint and Engine::arithmetic()).
std::string stored_image_key(std::string_view computed_by, const std::string& image_key);

struct ImageStoreStats {
  std::uint64_t hits = 0, misses = 0;
  std::uint64_t discarded = 0;  // of misses: files that were not right
  std::uint64_t failures = 0;   // files that could not be written
  std::size_t entries = 0, bytes = 0;
};

class ImageStore {
 public:
  // Makes the folder (0700) if there is none, and removes what a killed process left. At most
  // max_bytes are kept, least recently used out first. Errors say why the folder cannot be used: no
  // folder, not ours, open to others while it holds other files, not writable.
  static Result<std::shared_ptr<ImageStore>> open(const std::filesystem::path& folder,
                                                  std::size_t max_bytes);
  ~ImageStore();  // what waits is written first

  // Any thread; reads the disk.
  std::optional<ImageRows> find(const std::string& key, std::int64_t rows, std::int64_t cols);
  // Whether insert() would take so many bytes now: not while the disk is too slow or full.
  bool accepts(std::size_t bytes) const;
  // Any thread, never waits for the disk.
  void insert(std::string key, ImageRows image);
  void flush();  // returns when everything inserted so far was dealt with

  ImageStoreStats stats() const;

 private:
  struct Waiting {
    std::string key;
    ImageRows image;
  };
  struct File {
    std::filesystem::path path;
    std::filesystem::file_time_type used;
    std::size_t bytes = 0;
  };
  using Clock = std::chrono::steady_clock;

  ImageStore(std::filesystem::path folder, std::size_t max_bytes);
  Result<void> probe();
  std::filesystem::path path_of(const std::string& key) const;
  void work();
  void write(const Waiting& entry);
  Result<void> write_as(const Waiting& entry, const std::filesystem::path& path);
  void make_room(std::size_t bytes);
  std::vector<File> scan();
  void note(const Result<void>& written);

  const std::filesystem::path folder_;
  const std::size_t max_bytes_;
  std::atomic<std::uint64_t> hits_{0}, misses_{0}, discarded_{0}, failures_{0};
  std::atomic<std::size_t> entries_{0},
      bytes_{0};  // as of the last look, and what was written since

  // The store's thread only.
  std::optional<Clock::time_point> scanned_;
  bool failing_ = false;

  mutable std::mutex mutex_;  // guards everything below but the thread
  std::condition_variable wake_, idle_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  Clock::time_point paused_until_{};
  bool writing_ = false, ending_ = false;
  std::thread thread_;
};

}  // namespace oc
