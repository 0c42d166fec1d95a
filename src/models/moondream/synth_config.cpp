#include "models/moondream/synth_config.h"

#include <fmt/format.h>

#include <string>

#include "models/blocks/byte_alphabet.h"
#include "models/moondream/config.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::int64_t kWords = 50256, kVocabulary = 51200;  // of the published tokenizer
constexpr std::int64_t kTinyWords = 512, kTinyVocabulary = 640;
constexpr int kSpaceRuns = 30, kTabRuns = 8;  // CodeGen's: 31 to 2 spaces, 9 to 2 tabs

// Sizes of a page of paper, and ids that the small tokenizer has.
json::object tiny_sections() {
  const auto around = [](json::array prefix, json::array suffix) {
    return json::object{{"prefix", std::move(prefix)}, {"suffix", std::move(suffix)}};
  };
  return {{"text",
           {{"dim", 128},
            {"ff_dim", 256},
            {"n_layers", 3},
            {"n_heads", 2},
            {"n_kv_heads", 2},
            {"vocab_size", kTinyVocabulary},
            {"max_context", 2048},
            {"prefix_attn", 37}}},
          // The tower's MLP is no multiple of a group, as the published one's.
          {"vision",
           {{"enc_dim", 64},
            {"enc_ff_dim", 96},
            {"enc_n_layers", 3},
            {"enc_n_heads", 2},
            {"crop_size", 84},
            {"enc_patch_size", 14},
            {"in_channels", 3},
            {"max_crops", 12},
            {"overlap_margin", 1},
            {"proj_inner_dim", 256},
            {"proj_out_dim", 128}}},
          {"region",
           {{"dim", 128},
            {"coord_feat_dim", 64},
            {"coord_out_dim", 64},
            {"size_feat_dim", 64},
            {"size_out_dim", 128},
            {"inner_dim", 192}}},
          {"tokenizer",
           {{"bos_id", kTinyWords},
            {"eos_id", kTinyWords},
            {"templates",
             {{"query", around({198, 198, 300, 25}, {198, 198, 301, 25})},
              {"detect", around({198, 198, 302, 25}, {256})},
              {"point", around({198, 198, 303, 25}, {256})},
              {"caption",
               {{"short", {198, 198, 304, 305, 25}}, {"normal", {198, 198, 305, 306, 25}}}}}}}}};
}

json::object synth_config(bool tiny, int bits) {
  json::object sections = tiny ? tiny_sections() : json::object();
  sections["revision"] = kMoondreamRevisions[0].name;
  json::object config{{"architectures", {"HfMoondream"}},
                      {"model_type", "moondream1"},
                      {"config", std::move(sections)},
                      {"torch_dtype", "float16"}};
  if (bits > 0) config["quantization"] = {{"group_size", 64}, {"bits", bits}};
  return config;
}

// GPT-2's pipeline with its letters, one merge, of two newlines, and CodeGen's runs of white space.
json::object synth_tokenizer(std::int64_t words) {
  json::object vocab;
  std::int64_t next = 0;
  for (const ByteLetter& letter : byte_alphabet()) vocab[letter.letter] = next++;
  vocab["\u010a\u010a"] = next++;
  for (int word = 0; next < words; ++word) vocab[fmt::format("\u0120w{}", word)] = next++;
  json::array added;
  const auto add = [&](std::string content, bool special) {
    added.push_back({{"id", next++},
                     {"content", content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", !special},
                     {"special", special}});
  };
  add("<|endoftext|>", true);
  for (std::size_t spaces = kSpaceRuns + 1; spaces >= 2; --spaces)
    add(std::string(spaces, ' '), false);
  for (std::size_t tabs = kTabRuns + 1; tabs >= 2; --tabs) add(std::string(tabs, '\t'), false);
  json::array merges;
  merges.emplace_back("\u010a \u010a");
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", ""},
            {"end_of_word_suffix", ""},
            {"fuse_unk", false},
            {"vocab", std::move(vocab)},
            {"merges", std::move(merges)}}}};
}

}  // namespace

SynthCheckpoint synth_moondream(std::string_view shape, int bits) {
  const bool tiny = shape == kMoondreamShapes.back();
  const std::int64_t words = tiny ? kTinyWords : kWords;
  const std::int64_t vocabulary = tiny ? kTinyVocabulary : kVocabulary;
  return {.files = {{"config.json", synth_config(tiny, bits)},
                    {"generation_config.json", {{"bos_token_id", words}, {"eos_token_id", words}}},
                    {"tokenizer.json", synth_tokenizer(words)}},
          .head = "model.text.lm_head",
          .small_rows = {{words, vocabulary - 1}}};
}

}  // namespace oc
