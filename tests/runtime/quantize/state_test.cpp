// The record of a run, by which one that was interrupted goes on.
#include "runtime/quantize/state.h"

#include "tests/io/fixtures.h"

namespace oc {
namespace {

using test::error_of;
using test::has;

class QuantizeStateTest : public test::FolderTest {};

TEST_F(QuantizeStateTest, ComesBackAsItWasWritten) {
  EXPECT_FALSE(read_state(folder_).value().has_value());
  const QuantizeState state{
      .fingerprint = "f",
      .shards =
          {{.file = "model.safetensors",
            .bytes = 7,
            .sha256 = "abc",
            .tensors = {{"x.weight", TensorAction::kQuantize, 12, {.error = 0.5, .signal = 2}},
                        {"y", TensorAction::kCast, 3, {}}}}},
      .complete = true};
  ASSERT_TRUE(write_state(folder_, state).ok());
  const auto back = read_state(folder_).value();
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->fingerprint, "f");
  EXPECT_TRUE(back->complete);
  ASSERT_EQ(back->shards.size(), 1u);
  EXPECT_EQ(back->shards[0].sha256, "abc");
  ASSERT_EQ(back->shards[0].tensors.size(), 2u);
  EXPECT_EQ(back->shards[0].tensors[0].name, "x.weight");
  EXPECT_EQ(back->shards[0].tensors[0].action, TensorAction::kQuantize);
  EXPECT_EQ(back->shards[0].tensors[0].deviation.relative_rms(), 0.5);
  EXPECT_EQ(back->shards[0].tensors[1].action, TensorAction::kCast);
  EXPECT_EQ(names(), std::vector<std::string>{kStateFile}) << "no temporary file is left";
  for (const char* text :
       {"", "{}", "[]", "{\"version\":2}",
        "{\"version\":1,\"fingerprint\":\"\",\"complete\":false,\"shards\":[1]}"}) {
    test::write_bytes(folder_ / kStateFile, text);
    EXPECT_TRUE(has(error_of(read_state(folder_)).message, kStateFile)) << text;
  }
}

TEST_F(QuantizeStateTest, FilesAreTheSameWhenSizeAndHashAre) {
  test::write_bytes(folder_ / "x", "abc");
  FinishedShard shard{.file = "x", .bytes = 3, .tensors = {}};
  shard.sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // FIPS 180-2
  EXPECT_TRUE(is_intact(folder_, shard));
  shard.bytes = 4;
  EXPECT_FALSE(is_intact(folder_, shard));
  shard.bytes = 3;
  test::write_bytes(folder_ / "x", "abd");
  EXPECT_FALSE(is_intact(folder_, shard));
  shard.file = "y";
  EXPECT_FALSE(is_intact(folder_, shard));
}

}  // namespace
}  // namespace oc
