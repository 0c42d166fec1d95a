// Engines by name, and what is said about options that are none.
#include "engines/registry.h"

#include "tests/engines/support.h"

namespace oc {
namespace {

TEST(Registry, AutoIsTheCpuEngineWithInt8AndHalves) {
  const auto engine = make_engine({.device = "cpu", .threads = 2}).value();
  EXPECT_EQ(engine->info().name, "cpu");
  EXPECT_EQ(engine->info().text(),
            fmt::format("cpu: {}, 2 threads, int8 activations, f32 outliers, f16 kv",
                        kernels::available_targets().front()));
  EXPECT_EQ(reference()->info().name, "reference");
}

TEST(Registry, OptionsAreTaken) {
  for (const std::string& isa : kernels::available_targets()) {
    EXPECT_EQ(exact_cpu(isa, 1)->info().text(),
              fmt::format("cpu: {}, 1 thread, f32 activations, f32 kv", isa));
    EXPECT_EQ(engine_of({.threads = 3, .kv = "f32", .isa = isa})->info().text(),
              fmt::format("cpu: {}, 3 threads, int8 activations, f32 outliers, f32 kv", isa));
  }
  // Full precision has no use for a rounded cache.
  EXPECT_EQ(
      engine_of({.threads = 1, .activations = "f32", .kv = "f16", .isa = "scalar"})->info().text(),
      "cpu: scalar, 1 thread, f32 activations, f32 kv");
  // int8 keys and values are only had by asking, with whatever activations.
  for (const std::string activations : {"f32", "int8"})
    EXPECT_EQ(engine_of({.threads = 1, .activations = activations, .kv = "q8", .isa = "scalar"})
                  ->info()
                  .text(),
              fmt::format("cpu: scalar, 1 thread, {} activations{}, q8 kv", activations,
                          activations == "int8" ? ", f32 outliers" : ""));
}

TEST(Registry, TheOtherInstructionSetIsTheNextLowerOne) {
  const std::vector<std::string> all = kernels::available_targets();
  if (all.size() < 2) {
    EXPECT_FALSE(other_instruction_set({}));
    return;
  }
  EXPECT_EQ(other_instruction_set({}), all[1]);
  EXPECT_EQ(other_instruction_set({.isa = all.front()}), all[1]);
  EXPECT_EQ(other_instruction_set({.isa = all.back()}), all[all.size() - 2]);
  EXPECT_FALSE(other_instruction_set({.isa = "none"}));
}

TEST(Registry, UnknownOptionsNameWhatIsAllowed) {
  const std::vector<std::pair<EngineOptions, std::string>> wrong = {
      {{.engine = "gpu"}, "engine"},
      {{.engine = ""}, "engine"},
      {{.device = "tpu"}, "device"},
      {{.threads = -1}, "threads"},
      {{.threads = 100000}, "threads"},
      {{.activations = "f16"}, "activations"},
      {{.kv = "int8"}, "kv"},
      {{.isa = "sse2"}, "isa"},
      {{.engine = "reference", .isa = "none"}, "isa"}};
  for (const auto& [options, field] : wrong) {
    const auto made = make_engine(options);
    ASSERT_FALSE(made.ok()) << field;
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(made.error().message.find(field), 0u) << made.error().message;
    EXPECT_FALSE(made.error().hint.empty());
  }
  for (const std::string engine : {"cpu", "reference"}) {
    const auto made = make_engine({.engine = engine, .device = "gpu"});
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(made.error().message.find(engine), std::string::npos);
    EXPECT_EQ(make_engine({.engine = engine, .activations = "half"}).error().code,
              ErrorCode::kUnsupported);
  }
  EXPECT_NE(make_engine({.isa = "sse2"}).error().hint.find("scalar"), std::string::npos)
      << "what this machine has";
}

}  // namespace
}  // namespace oc
