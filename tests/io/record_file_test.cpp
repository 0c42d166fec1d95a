#include "io/record_file.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class RecordFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path_of_test("records");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = folder_ / "out.jsonl";
  }
  void TearDown() override { fs::remove_all(folder_); }

  void put(std::string_view text) const { std::ofstream(path_, std::ios::binary) << text; }
  std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Result<RecordFile> resume(RecordKind kind = RecordKind::kJsonLines,
                            std::string_view begin = "{") {
    read_.clear();
    return RecordFile::resume(path_, kind, begin, [this](std::string_view record) -> Result<void> {
      read_.emplace_back(record);
      return {};
    });
  }

  fs::path folder_, path_;
  std::vector<std::string> read_;
};

TEST_F(RecordFileTest, RecordsAreThereWhenAppendReturns) {
  auto file = RecordFile::create(path_);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->append("{\"a\":1}").ok());
  EXPECT_EQ(content(), "{\"a\":1}\n");
  ASSERT_TRUE(file->append("{\"a\":2}").ok());
  EXPECT_EQ(content(), "{\"a\":1}\n{\"a\":2}\n");
  EXPECT_EQ(file->records(), 2u);
}

TEST_F(RecordFileTest, AFileThatIsThereIsNotBegunAnew) {
  put("{}\n");
  const auto file = RecordFile::create(path_);
  ASSERT_FALSE(file.ok());
  EXPECT_NE(file.error().hint.find("--resume"), std::string::npos);
  EXPECT_EQ(content(), "{}\n");
  put("");
  EXPECT_TRUE(RecordFile::create(path_).ok());
}

TEST_F(RecordFileTest, GoesOnBehindTheLastWholeRecord) {
  put("{\"a\":1}\n{\"a\":2}\n{\"a\":");
  {
    auto file = resume();
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(read_, (std::vector<std::string>{"{\"a\":1}", "{\"a\":2}"}));
    ASSERT_TRUE(file->append("{\"a\":3}").ok());
    EXPECT_EQ(file->records(), 3u);
  }
  EXPECT_EQ(content(), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
}

TEST_F(RecordFileTest, EveryPlaceOfATornWriteIsMended) {
  const std::string whole = "{\"a\":\"one\"}\n{\"a\":\"two\"}\n";
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    put(whole.substr(0, cut));
    auto file = resume();
    ASSERT_TRUE(file.ok()) << cut;
    for (std::size_t i = file->records(); i < 2; ++i)
      ASSERT_TRUE(file->append(i == 0 ? "{\"a\":\"one\"}" : "{\"a\":\"two\"}").ok());
    EXPECT_EQ(content(), whole) << cut;
  }
}

TEST_F(RecordFileTest, ARecordMayBeLongerThanWhatIsReadAtOnce) {
  const std::string record = "{" + std::string(3 << 20, 'x') + "}";
  put(record + "\n" + record + "\n{torn");
  ASSERT_TRUE(resume()->finish().ok());
  EXPECT_EQ(read_, (std::vector<std::string>{record, record}));
  EXPECT_EQ(content().size(), 2 * record.size() + 2);
}

TEST_F(RecordFileTest, NewlinesInsideQuotesEndNoRow) {
  put("image,answer\na,\"two\nlines\"\nb,\"to");
  ASSERT_TRUE(resume(RecordKind::kCsv, "image,answer")->finish().ok());
  EXPECT_EQ(read_, (std::vector<std::string>{"image,answer", "a,\"two\nlines\""}));
  EXPECT_EQ(content(), "image,answer\na,\"two\nlines\"\n");
}

TEST_F(RecordFileTest, SomebodyElsesFileStaysAsItIs) {
  for (const std::string text : {"my notes\n", "my notes without an end"}) {
    put(text);
    EXPECT_FALSE(resume().ok());
    EXPECT_EQ(content(), text);
  }
  put("image,ans");  // torn in its first row
  EXPECT_TRUE(resume(RecordKind::kCsv, "image,answer")->finish().ok());
  EXPECT_EQ(content(), "");
}

TEST_F(RecordFileTest, WhatIsTornStaysUntilSomethingIsWritten) {
  const std::string torn = "{\"a\":1}\n{\"torn";
  put(torn);
  ASSERT_TRUE(resume().ok());
  EXPECT_EQ(content(), torn);
  ASSERT_TRUE(resume()->finish().ok());
  EXPECT_EQ(content(), "{\"a\":1}\n");
}

TEST_F(RecordFileTest, ARecordOfAnotherRunChangesNothing) {
  put("{\"a\":1}\n{\"torn");
  const auto file =
      RecordFile::resume(path_, RecordKind::kJsonLines, "{", [](std::string_view) -> Result<void> {
        return Error{ErrorCode::kInvalidArgument, "another run's"};
      });
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().message, "another run's");
  EXPECT_EQ(content(), "{\"a\":1}\n{\"torn");
}

TEST_F(RecordFileTest, OneAtATime) {
  const auto first = RecordFile::create(path_);
  ASSERT_TRUE(first.ok());
  const auto second = resume();
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("in use"), std::string::npos);
}

TEST_F(RecordFileTest, RecordsAreRenewedInTheirPlaces) {
  const std::string before = "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n";
  put(before + "{torn");
  fs::permissions(path_, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink(path_, folder_ / "link.jsonl");
  const fs::path file = std::exchange(path_, folder_ / "link.jsonl");
  auto records = resume();
  ASSERT_TRUE(records.ok() && records->renew().ok());
  for (const char* line : {"{\"a\":1}", "{\"a\":2}", "{\"a\":3}"}) {
    EXPECT_EQ(content(), before + "{torn");
    EXPECT_FALSE(resume().ok());  // in use
    EXPECT_EQ(*records->next_old(), line);
    const bool other = line == std::string("{\"a\":2}");
    ASSERT_TRUE(records->append(other ? "{\"b\":2}" : line).ok());
  }
  EXPECT_EQ(content(), "{\"a\":1}\n{\"b\":2}\n{\"a\":3}\n");
  EXPECT_FALSE(resume().ok());
  EXPECT_EQ(*records->next_old(), std::nullopt);
  ASSERT_TRUE(records->append("{\"a\":4}").ok() && records->finish().ok());
  EXPECT_EQ(records->records(), 4u);
  EXPECT_EQ(content(), "{\"a\":1}\n{\"b\":2}\n{\"a\":3}\n{\"a\":4}\n");
  EXPECT_TRUE(fs::is_symlink(path_));
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(fs::exists(file.string() + ".renewed"));
}

TEST_F(RecordFileTest, ARenewalThatEndsEarlyLosesNothing) {
  const std::string before = "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n";
  const std::array<std::string, 3> after = {"{\"b\":1}\n{\"a\":2}\n{\"a\":3}\n",
                                            "{\"b\":1}\n{\"b\":2}\n{\"a\":3}\n",
                                            "{\"b\":1}\n{\"b\":2}\n{\"b\":3}\n"};
  for (const bool killed : {false, true})
    for (std::size_t count = 0; count <= 3; ++count) {
      put(before);
      {
        auto records = resume();
        ASSERT_TRUE(records.ok() && records->renew().ok());
        for (std::size_t i = 1; i <= count; ++i)
          ASSERT_TRUE(records->append("{\"b\":" + std::to_string(i) + "}").ok());
        if (!killed) ASSERT_TRUE(records->finish().ok());
        EXPECT_EQ(records->records(), killed ? count : 3u);
      }
      if (killed && count < 3) {
        EXPECT_EQ(content(), before);
        std::ofstream(path_.string() + ".renewed", std::ios::app) << "{torn";
        EXPECT_FALSE(RecordFile::create(path_).ok());
      }
      const std::string wanted = count == 0 ? before : after[count - 1];
      ASSERT_TRUE(resume().ok());
      EXPECT_EQ(read_.size(), 3u);
      EXPECT_EQ(content(), wanted) << killed << count;
      EXPECT_FALSE(fs::exists(path_.string() + ".renewed"));
    }
}

TEST_F(RecordFileTest, AFolderIsNoFile) {
  EXPECT_FALSE(RecordFile::create(folder_).ok());
  EXPECT_FALSE(RecordFile::create(folder_ / "none" / "out.jsonl").ok());
}

}  // namespace
}  // namespace oc
