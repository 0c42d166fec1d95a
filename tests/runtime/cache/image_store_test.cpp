// Encoded pictures on disk: what was written comes back, whatever else does not.
#include "runtime/cache/image_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <fstream>
#include <future>
#include <thread>

#include "base/log.h"
#include "runtime/serving/service.h"
#include "tests/runtime/fake_model.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

ImageRows rows_of(float first, std::int64_t rows = 3, std::int64_t cols = 4) {
  ImageRows image{rows, cols, {}};
  for (std::int64_t i = 0; i < rows * cols; ++i)
    image.values.push_back(first + static_cast<float>(i));
  return image;
}

std::string key_of(int number) { return stored_image_key("model", std::to_string(number)); }

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

class ImageStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    log::configure(log::Level::kOff, log::Format::kText);
    base_ = scratch_path_of_test("store");
    fs::remove_all(base_);
    folder_ = base_ / "pictures";
  }
  void TearDown() override {
    fs::remove_all(base_);
    log::configure_from_environment();
  }
  std::shared_ptr<ImageStore> open(std::size_t max_bytes = 1 << 20) {
    auto store = ImageStore::open(folder_, max_bytes);
    EXPECT_TRUE(store.ok()) << store.error().message;
    return *std::move(store);
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(folder_)) all.push_back(entry.path());
    return all;
  }
  void keep(int number, float first) {
    const auto store = open();
    store->insert(key_of(number), rows_of(first));
  }

  fs::path base_, folder_;
};

TEST_F(ImageStoreTest, WhatWasWrittenComesBackAfterARestart) {
  keep(1, 7);
  ASSERT_EQ(files().size(), 1u);
  EXPECT_EQ(mode_of(folder_), 0700u);
  EXPECT_EQ(mode_of(files()[0]), 0600u);
  const auto store = open();
  EXPECT_EQ(store->stats().entries, 1u);
  EXPECT_EQ(store->stats().bytes, fs::file_size(files()[0]));
  const auto found = store->find(key_of(1), 3, 4);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->values, rows_of(7).values);
  EXPECT_FALSE(store->find(key_of(2), 3, 4).has_value());
  EXPECT_EQ(store->stats().hits, 1u);
  EXPECT_EQ(store->stats().misses, 1u);
  EXPECT_EQ(store->stats().discarded, 0u);
}

// Every byte counts: one that is changed, wherever it is, makes the file worthless.
TEST_F(ImageStoreTest, AChangedFileIsRemoved) {
  keep(1, 7);
  const std::uintmax_t size = fs::file_size(files()[0]);
  for (std::uintmax_t at = 0; at < size; at += 5) {
    keep(1, 7);
    const fs::path path = files()[0];
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(at));
      const int old = file.get();
      file.seekp(static_cast<std::streamoff>(at));
      file.put(static_cast<char>(old ^ 0x10));
    }
    const auto store = open();
    EXPECT_FALSE(store->find(key_of(1), 3, 4).has_value()) << "byte " << at;
    EXPECT_EQ(store->stats().discarded, 1u) << "byte " << at;
    EXPECT_FALSE(fs::exists(path)) << "byte " << at;
  }
}

TEST_F(ImageStoreTest, ACutOrGrownFileIsRemoved) {
  for (const int change : {-1, -50, -1000, 1}) {
    keep(1, 7);
    const fs::path path = files()[0];
    const auto size = static_cast<std::intmax_t>(fs::file_size(path));
    fs::resize_file(path, static_cast<std::uintmax_t>(std::max<std::intmax_t>(0, size + change)));
    EXPECT_FALSE(open()->find(key_of(1), 3, 4).has_value()) << change;
    EXPECT_FALSE(fs::exists(path)) << change;
  }
}

TEST_F(ImageStoreTest, AnotherShapeOrAnotherPicturesFileIsRemoved) {
  keep(1, 7);
  EXPECT_FALSE(open()->find(key_of(1), 4, 3).has_value()) << "as many bytes, another shape";
  EXPECT_TRUE(files().empty());
  keep(1, 7);
  const fs::path mine = files()[0];
  keep(2, 8);
  for (const fs::path& path : files())
    if (path != mine) fs::rename(mine, path);  // number 2 is now number 1's
  EXPECT_FALSE(open()->find(key_of(2), 3, 4).has_value());
  EXPECT_TRUE(files().empty());
}

TEST_F(ImageStoreTest, ALinkIsNotFollowed) {
  keep(1, 7);
  const fs::path path = files()[0], elsewhere = base_ / "elsewhere";
  fs::rename(path, elsewhere);
  fs::create_symlink(elsewhere, path);
  EXPECT_FALSE(open()->find(key_of(1), 3, 4).has_value());
  EXPECT_FALSE(fs::is_symlink(path));
  EXPECT_TRUE(fs::exists(elsewhere)) << "only the link is ours";
}

TEST_F(ImageStoreTest, TheLeastRecentlyUsedGoes) {
  const std::size_t each = kImageHeaderBytes + rows_of(0).bytes();
  const auto store = open(10 * each);
  for (int i = 0; i < 10; ++i) {
    store->insert(key_of(i), rows_of(static_cast<float>(i)));
    store->flush();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // file times may be coarse
  }
  EXPECT_EQ(files().size(), 10u);
  EXPECT_TRUE(store->find(key_of(0), 3, 4).has_value());
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  store->insert(key_of(10), rows_of(10));
  store->flush();
  EXPECT_LE(files().size(), 10u);
  EXPECT_LE(store->stats().bytes, 10 * each);
  EXPECT_EQ(store->stats().entries, files().size());
  EXPECT_TRUE(store->find(key_of(0), 3, 4).has_value()) << "it was used just now";
  EXPECT_TRUE(store->find(key_of(10), 3, 4).has_value());
  EXPECT_FALSE(store->find(key_of(1), 3, 4).has_value()) << "it was not";
  EXPECT_FALSE(store->accepts(11 * each)) << "more than may be kept at all";
}

TEST_F(ImageStoreTest, AFolderThatIsTooFullAtStartIsEmptiedToItsBound) {
  for (int i = 0; i < 10; ++i) keep(i, static_cast<float>(i));
  const std::size_t each = kImageHeaderBytes + rows_of(0).bytes();
  open(3 * each);
  EXPECT_LE(files().size(), 3u);
  EXPECT_GE(files().size(), 2u);
}

TEST_F(ImageStoreTest, WhatAKilledWriterLeftIsRemovedAndWhatIsBeingWrittenIsNot) {
  open();
  const std::string name(64, 'a');
  const fs::path stale = folder_ / (name + ".0123456789abcdef.tmp"),
                 live = folder_ / (name + ".fedcba9876543210.tmp"),
                 other = folder_ / "somebody.tmp";
  for (const fs::path& path : {stale, live, other}) std::ofstream(path) << "half of a pict";
  const int lock = ::open(live.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(lock, LOCK_EX | LOCK_NB), 0);
  open();
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(live));
  EXPECT_TRUE(fs::exists(other)) << "no name of ours";
  ::close(lock);
  open();
  EXPECT_FALSE(fs::exists(live));
}

TEST_F(ImageStoreTest, TwoStoresOfOneFolderDoNoHarm) {
  const std::size_t each = kImageHeaderBytes + rows_of(0).bytes();
  const auto one = open(20 * each), two = open(20 * each);
  const auto use = [](ImageStore& store, int salt) {
    for (int i = 0; i < 200; ++i) {
      const int number = (i * 7 + salt) % 30;
      if (const auto found = store.find(key_of(number), 3, 4)) {
        EXPECT_EQ(found->values, rows_of(static_cast<float>(number)).values);
      } else {
        store.insert(key_of(number), rows_of(static_cast<float>(number)));
      }
    }
    store.flush();
  };
  std::thread first([&] { use(*one, 0); }), second([&] { use(*two, 11); });
  first.join();
  second.join();
  EXPECT_EQ(one->stats().discarded + two->stats().discarded, 0u);
  for (const fs::path& path : files()) EXPECT_EQ(path.extension(), ".ocimage") << path;
}

TEST_F(ImageStoreTest, AFolderThatVanishesOnlyCostsTheCache) {
  const auto store = open();
  fs::remove_all(folder_);
  store->insert(key_of(1), rows_of(1));
  store->flush();
  EXPECT_EQ(store->stats().failures, 1u);
  EXPECT_FALSE(store->accepts(100)) << "it is not tried again at once";
  store->insert(key_of(2), rows_of(2));
  store->flush();
  EXPECT_EQ(store->stats().failures, 1u);
  EXPECT_FALSE(store->find(key_of(1), 3, 4).has_value());
}

TEST_F(ImageStoreTest, AnUnusableFolderIsAnError) {
  fs::create_directories(base_);
  std::ofstream(folder_) << "a file";
  auto refused = ImageStore::open(folder_, 1000);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("it is no folder"), std::string::npos);
  EXPECT_FALSE(ImageStore::open(folder_ / "below", 1000).ok());
  EXPECT_FALSE(ImageStore::open("/proc/ocellus", 1000).ok());
  fs::remove(folder_);
  fs::create_directory(folder_);
  fs::permissions(folder_, fs::perms(0755));
  EXPECT_TRUE(ImageStore::open(folder_, 1000).ok()) << "an empty folder is closed to others";
  EXPECT_EQ(mode_of(folder_), 0700u);
  fs::permissions(folder_, fs::perms(0755));
  std::ofstream(folder_ / "thesis.txt") << "all of it";
  refused = ImageStore::open(folder_, 1000);
  ASSERT_FALSE(refused.ok()) << "one with other files is left as it is";
  EXPECT_EQ(mode_of(folder_), 0755u);
}

// --- through the service

class StoredImagesTest : public ImageStoreTest {
 protected:
  struct Server {
    fake::FakeModel* model = nullptr;
    std::unique_ptr<Service> service;
    std::shared_ptr<ImageStore> store;

    GenerateResult ask(std::uint8_t shade, const std::string& owner = "", bool anew = false) {
      auto image = std::make_shared<Image>();
      image->width = image->height = 4;
      image->rgb.assign(48, shade);
      GenerateRequest request;
      request.cache_scope = owner;
      request.compute_anew = anew;
      request.messages = {{Role::kUser, {ImagePart{0}, TextPart{"hello"}}}};
      request.images = {{std::move(image), fake::crops(2)}};
      auto promise = std::make_shared<std::promise<Result<GenerateResult>>>();
      auto future = promise->get_future();
      const auto job = service->submit(std::move(request), nullptr, [promise](auto result) {
        promise->set_value(std::move(result));
      });
      EXPECT_TRUE(job.ok());
      Result<GenerateResult> result = future.get();
      EXPECT_TRUE(result.ok());
      store->flush();
      return *std::move(result);
    }
  };

  Server serve(const std::string& fingerprint = "one", std::size_t memory = 1 << 20) {
    auto model = fake::FakeModel::answering({100, 101, fake::kEnd});
    Server server;
    server.model = model.get();
    model->mutable_info().fingerprint = fingerprint;
    model->mutable_info().width = 6;
    auto loaded = std::make_shared<LoadedModel>();
    loaded->model = std::move(model);
    server.store = open();
    server.service = std::make_unique<Service>(
        std::move(loaded),
        ServiceOptions{.image_cache_bytes = memory, .image_store = server.store});
    return server;
  }
};

TEST_F(StoredImagesTest, APictureIsEncodedOnceInTwoLives) {
  for (const std::size_t memory : {std::size_t{1} << 20, std::size_t{0}}) {
    fs::remove_all(base_);
    const GenerateResult first = serve("one", memory).ask(7);
    Server again = serve("one", memory);
    const GenerateResult second = again.ask(7);
    EXPECT_EQ(again.model->tiles, 0);
    EXPECT_EQ(again.store->stats().hits, 1u);
    EXPECT_EQ(again.model->joined, std::vector<float>(60, 7.0f)) << "ten rows of six";
    EXPECT_EQ(second.text, first.text);
    again.ask(8);
    EXPECT_EQ(again.model->tiles, 2);
  }
}

TEST_F(StoredImagesTest, ModelsAndOwnersDoNotShare) {
  serve().ask(7, "a");
  Server again = serve();
  again.ask(7, "b");
  EXPECT_EQ(again.model->tiles, 2);
  Server other = serve("two");
  other.ask(7, "a");
  EXPECT_EQ(other.model->tiles, 2);
}

TEST_F(StoredImagesTest, AWarmUpComputes) {
  serve().ask(7);
  Server again = serve();
  again.ask(7, "", true);
  EXPECT_EQ(again.model->tiles, 2);
  EXPECT_EQ(again.store->stats().hits, 0u);
}

TEST_F(StoredImagesTest, ADamagedPictureIsEncodedAgainAndKept) {
  serve().ask(7);
  const fs::path path = files().at(0);
  fs::resize_file(path, fs::file_size(path) - 3);
  Server again = serve();
  again.ask(7);
  EXPECT_EQ(again.model->tiles, 2);
  EXPECT_EQ(again.store->stats().discarded, 1u);
  Server third = serve();
  third.ask(7);
  EXPECT_EQ(third.model->tiles, 0);
}

// What memory has let go is read from the disk, not encoded.
TEST_F(StoredImagesTest, APictureThatLeftMemoryIsStillOnDisk) {
  Server server = serve("one", 250);  // one picture of 240 bytes
  server.ask(1);
  server.ask(2);
  EXPECT_EQ(server.model->tiles, 4);
  server.ask(1);
  EXPECT_EQ(server.model->tiles, 4);
  EXPECT_EQ(server.store->stats().hits, 1u);
}

}  // namespace
}  // namespace oc
