#include "runtime/hosting/memory_plan.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "engines/registry.h"

namespace oc {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20, kGiB = kMiB << 10;

// About Phi-3.5-Vision in 4 bits.
ModelFootprint phi() {
  return {.architecture = "phi3_v",
          .weights = {.quant = QuantSpec{}},
          .context_length = 131072,
          .file_bytes = 2334 * kMiB,
          .mapped_bytes = 2334 * kMiB,
          .kv_token_bytes = 393216,
          .tokenizer_bytes = 6 * kMiB,
          .step_bytes = 80 * kMiB,
          .pictures = {{.knobs = {{"num_crops", 16}},
                        .description = "16 crops",
                        .tokens = 2509,
                        .cached_bytes = 2509 * 3072 * 4,
                        .pixel_bytes = 22 * kMiB,
                        .workspace_bytes = 180 * kMiB}}};
}

MemoryPlan plan(std::size_t machine, const MemorySizes& sizes = {},
                const ModelFootprint& model = phi()) {
  return plan_memory(model, sizes, room_of(machine), 8);
}

TEST(MemoryPlan, ALargeMachineGetsEveryDefault) {
  const MemoryPlan p = plan(64 * kGiB);
  EXPECT_TRUE(p.fits && !p.smaller);
  EXPECT_EQ(p.kv, 16 * kGiB);
  EXPECT_EQ(p.prefixes, 8 * kGiB);
  EXPECT_EQ(p.images, 256 * kMiB);
  EXPECT_EQ(p.requests, kGiB);
  EXPECT_EQ(p.longest_context(), 16 * kGiB / 393216 / 64 * 64);
  EXPECT_EQ(p.sequences_of(16384), 2u);
  EXPECT_EQ(p.sequences_of(1024), 8u);  // no more than run at a time
  EXPECT_EQ(p.images_cached(0), 8u);
  EXPECT_LE(p.total(), p.room.usable);
}

TEST(MemoryPlan, DefaultsShrinkToWhatFits) {
  for (const std::size_t machine : {5 * kGiB, 6 * kGiB, 8 * kGiB, 12 * kGiB}) {
    const MemoryPlan p = plan(machine);
    EXPECT_TRUE(p.fits) << machine;
    EXPECT_LE(p.total(), machine - machine / 10) << machine;
    EXPECT_GE(p.longest_context(), 2048u);
    EXPECT_EQ(p.smaller, machine < 8 * kGiB) << machine;
  }
  EXPECT_LT(plan(5 * kGiB).kv, plan(6 * kGiB).kv);
}

TEST(MemoryPlan, ASmallModelKeepsNoGigabytes) {
  ModelFootprint small = phi();
  small.context_length = 4096;
  small.kv_token_bytes = 3072;
  EXPECT_EQ(plan(64 * kGiB, {}, small).kv, 2u * 8 * 4096 * 3072);
}

TEST(MemoryPlan, OnesOwnSizesAreKeptOrRefused) {
  const MemoryPlan good = plan(16 * kGiB, {.kv = 4 * kGiB, .images = 0});
  EXPECT_TRUE(good.fits);
  EXPECT_EQ(good.kv, 4 * kGiB);
  EXPECT_EQ(good.images, 0u);
  const MemorySizes sizes{.kv = 40 * kGiB};
  MemoryPlan bad = plan(16 * kGiB, sizes);
  EXPECT_FALSE(bad.fits);
  EXPECT_EQ(bad.kv, 40 * kGiB);
  advise(bad, sizes, {});
  ASSERT_EQ(bad.advice.size(), 1u);
  ASSERT_TRUE(bad.advice[0].starts_with("--kv-memory "));
  const std::size_t advised = std::stoul(bad.advice[0].substr(12)) * kMiB;
  EXPECT_TRUE(plan(16 * kGiB, {.kv = advised}).fits);  // as it says
  const auto refused = bad.check();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().hint.find(bad.advice[0]), std::string::npos);
  ServiceOptions service;
  good.apply(service);
  EXPECT_EQ(service.kv_bytes, 4 * kGiB);
  EXPECT_EQ(service.prefix_cache_bytes, 2 * kGiB);
}

TEST(MemoryPlan, OtherOptionsAreAdvisedOnlyWhereTheyHelp) {
  const std::vector<Alternative> others = {{"--kv q8",
                                            []() -> Result<ModelFootprint> {
                                              ModelFootprint half = phi();
                                              half.kv_token_bytes /= 2;
                                              return half;
                                            }},
                                           {"--engine none", []() -> Result<ModelFootprint> {
                                              return Error{ErrorCode::kUnsupported, "no"};
                                            }}};
  const std::size_t middle = (plan(kGiB).minimum - 300 * kMiB) / 9 * 10;
  MemoryPlan p = plan(middle);
  EXPECT_FALSE(p.fits);
  advise(p, {}, others);
  EXPECT_EQ(p.advice, std::vector<std::string>{"--kv q8"});
  MemoryPlan hopeless = plan(kGiB);
  advise(hopeless, {}, others);
  EXPECT_TRUE(hopeless.advice.empty());
  EXPECT_NE(hopeless.table().find("does not fit"), std::string::npos);
  MemoryPlan fine = plan(64 * kGiB);
  advise(fine, {}, others);
  EXPECT_TRUE(fine.advice.empty());
}

TEST(MemoryPlan, WhatOthersTakeIsNotThere) {
  MemoryRoom room = room_of(16 * kGiB);
  room.taken = 10 * kGiB;
  const MemoryPlan second = plan_memory(phi(), {}, room, 8);
  EXPECT_TRUE(second.fits && second.smaller);
  EXPECT_LE(second.total(), room.usable - room.taken);
  room.taken = 14 * kGiB;
  EXPECT_FALSE(plan_memory(phi(), {}, room, 8).fits);
  room.taken = 12 * kGiB;
  EXPECT_FALSE(plan_memory(phi(), {}, room, 8).fits);
  room.count_weights = false;  // --model-memory
  EXPECT_TRUE(plan_memory(phi(), {}, room, 8).fits);
  EXPECT_TRUE(plan_memory(phi(), {}, {}, 8).fits);  // nothing is known of the machine
}

// What the plan says of a token is what a sequence of the engine takes.
TEST(MemoryPlan, TheDemoFromItsHeaders) {
  for (const char* kv : {"f16", "q8", "f32"}) {
    const auto engine = make_engine({.engine = "cpu", .threads = 1, .kv = kv}).value();
    const auto found = measure_model(OC_SOURCE_DIR "/models/demo", *engine, step_of(8));
    ASSERT_TRUE(found.ok());
    const KvSpec spec{.layers = 4, .kv_heads = 6, .head_dim = 32};
    EXPECT_EQ(found->kv_token_bytes, engine->kv_token_bytes(spec));
    EXPECT_EQ(found->context_length, 4096);
    EXPECT_EQ(found->mapped_bytes, found->file_bytes);
    EXPECT_EQ(found->file_bytes,
              std::filesystem::file_size(OC_SOURCE_DIR "/models/demo/model.safetensors"));
    EXPECT_EQ(to_string(found->weights), "4-bit");
  }
  const auto reference = make_engine({.engine = "reference"}).value();
  const auto found = measure_model(OC_SOURCE_DIR "/models/demo", *reference, step_of(8));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->mapped_bytes, 0u);
  EXPECT_GT(found->copied_bytes, 4 * found->file_bytes);  // 4 bits to 32
  EXPECT_EQ(
      measure_model(OC_SOURCE_DIR "/models/demo", *reference, step_of(8), QuantSpec{}).error().code,
      ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace oc
