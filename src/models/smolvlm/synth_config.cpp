#include "models/smolvlm/synth_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/check.h"
#include "models/blocks/byte_alphabet.h"
#include "models/smolvlm/config.h"

namespace oc {
namespace {

namespace json = boost::json;

struct Sizes {
  std::string_view shape;
  std::int64_t hidden, mlp, layers, heads, kv_heads;  // of the decoder
  std::int64_t words;                                 // of the vocabulary, added ones left out
  double rope_theta;
  std::int64_t vision_hidden, vision_mlp, vision_layers, vision_heads, image, patch, scale;
};

// Of the 2.2B nobody here has seen the rotation: it is as in SmolLM2-1.7B.
constexpr Sizes kSizes[] = {
    {kSmolVlmShapes[0], 960, 2560, 32, 15, 5, 49152, 1e5, 768, 3072, 12, 12, 512, 16, 4},
    {kSmolVlmShapes[1], 576, 1536, 30, 9, 3, 49152, 1e5, 768, 3072, 12, 12, 512, 16, 4},
    {kSmolVlmShapes[2], 2048, 8192, 24, 32, 32, 49152, 1.3e5, 1152, 4304, 27, 16, 384, 14, 3},
    // The tower's MLP is no multiple of a group, as the 2.2B's.
    {kSmolVlmShapes[3], 128, 256, 3, 4, 2, 512, 1e5, 64, 96, 3, 2, 56, 14, 2}};

constexpr std::int64_t kReserved = 88;  // tokens
// Behind the words: the global view, tiles, around and in pictures, reserved ones, the end.
constexpr std::int64_t kAdded = 1 + kMaxTilesOfSide * kMaxTilesOfSide + 2 + kReserved + 1;

json::object longest_edge(std::int64_t pixels) { return {{"longest_edge", pixels}}; }

json::object synth_config(const Sizes& s, int bits) {
  const std::int64_t vocabulary = s.words + kAdded;
  json::object config{{"architectures", {"SmolVLMForConditionalGeneration"}},
                      {"model_type", "smolvlm"},
                      {"image_token_id", s.words + kAdded - kReserved - 2},
                      {"scale_factor", s.scale},
                      {"tie_word_embeddings", false},
                      {"torch_dtype", "bfloat16"},
                      {"vocab_size", vocabulary},
                      {"text_config",
                       {{"model_type", "llama"},
                        {"hidden_size", s.hidden},
                        {"intermediate_size", s.mlp},
                        {"num_hidden_layers", s.layers},
                        {"num_attention_heads", s.heads},
                        {"num_key_value_heads", s.kv_heads},
                        {"head_dim", s.hidden / s.heads},
                        {"max_position_embeddings", 8192},
                        {"rms_norm_eps", 1e-5},
                        {"rope_theta", s.rope_theta},
                        {"vocab_size", vocabulary}}},
                      {"vision_config",
                       {{"model_type", "smolvlm_vision"},
                        {"hidden_size", s.vision_hidden},
                        {"intermediate_size", s.vision_mlp},
                        {"num_hidden_layers", s.vision_layers},
                        {"num_attention_heads", s.vision_heads},
                        {"image_size", s.image},
                        {"patch_size", s.patch}}}};
  if (bits > 0) config["quantization"] = {{"group_size", 64}, {"bits", bits}};
  return config;
}

json::object synth_preprocessor(const Sizes& s) {
  return {{"image_processor_type", "SmolVLMImageProcessor"},
          {"processor_class", "SmolVLMProcessor"},
          {"do_convert_rgb", true},
          {"do_image_splitting", true},
          {"do_normalize", true},
          {"do_rescale", true},
          {"do_resize", true},
          {"image_mean", {0.5, 0.5, 0.5}},
          {"image_std", {0.5, 0.5, 0.5}},
          {"max_image_size", longest_edge(s.image)},
          {"resample", 1},
          {"rescale_factor", 0.00392156862745098},
          {"size", longest_edge(4 * s.image)}};
}

// The 21 bytes that the published vocabulary has no letter for.
bool is_missing(int byte) {
  constexpr int kMissing[] = {0x04, 0x06, 0x13, 0x14, 0x16, 0x1d, 0xc0, 0xc1, 0xf1, 0xf2};
  return byte >= 0xf5 || std::ranges::find(kMissing, byte) != std::end(kMissing);
}

// The published pipeline with its added tokens, letters and one merge, of two newlines.
json::object synth_tokenizer(const Sizes& s) {
  std::vector<std::pair<std::int64_t, std::string>> added = {
      {0, "<|endoftext|>"},     {1, "<|im_start|>"},    {2, "<|im_end|>"},
      {3, "<repo_name>"},       {4, "<reponame>"},      {5, "<file_sep>"},
      {6, "<filename>"},        {7, "<gh_stars>"},      {8, "<issue_start>"},
      {9, "<issue_comment>"},   {10, "<issue_closed>"}, {11, "<jupyter_start>"},
      {12, "<jupyter_text>"},   {13, "<jupyter_code>"}, {14, "<jupyter_output>"},
      {15, "<jupyter_script>"}, {16, "<empty_output>"}};
  json::object vocab;
  for (const auto& [id, content] : added) vocab[content] = id;
  auto next = std::ssize(added);
  for (const ByteLetter& one : byte_alphabet())
    if (!is_missing(one.byte)) vocab[one.letter] = next++;
  vocab["\u010a\u010a"] = next++;
  for (int word = 0; next < s.words; ++word) vocab[fmt::format("\u0120w{}", word)] = next++;

  added.emplace_back(next++, "<global-img>");
  for (int row = 1; row <= kMaxTilesOfSide; ++row)
    for (int col = 1; col <= kMaxTilesOfSide; ++col)
      added.emplace_back(next++, fmt::format("<row_{}_col_{}>", row, col));
  added.emplace_back(next++, "<fake_token_around_image>");
  added.emplace_back(next++, "<image>");
  for (std::int64_t i = 0; i < kReserved; ++i)
    added.emplace_back(next++, fmt::format("<|reserved_special_token_{}|>", i));
  added.emplace_back(next++, "<end_of_utterance>");
  json::array merges;
  merges.emplace_back(json::array{"\u010a", "\u010a"});
  json::array tokens;
  for (const auto& [id, content] : added)
    tokens.push_back({{"id", id},
                      {"content", content},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", true}});
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(tokens)},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "Sequence"},
            {"pretokenizers",
             {{{"type", "Digits"}, {"individual_digits", true}},
              {{"type", "ByteLevel"},
               {"add_prefix_space", false},
               {"trim_offsets", true},
               {"use_regex", true}}}}}},
          {"post_processor", nullptr},
          {"decoder",
           {{"type", "ByteLevel"},
            {"add_prefix_space", true},
            {"trim_offsets", true},
            {"use_regex", true}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", std::move(vocab)},
            {"merges", std::move(merges)}}}};
}

}  // namespace

SynthCheckpoint synth_smolvlm(std::string_view shape, int bits) {
  const auto* const sizes = std::ranges::find(kSizes, shape, &Sizes::shape);
  OC_CHECK(sizes != std::end(kSizes), "no such shape: {}", shape);
  const std::int64_t vocabulary = sizes->words + kAdded;
  return {.files = {{"config.json", synth_config(*sizes, bits)},
                    {"preprocessor_config.json", synth_preprocessor(*sizes)},
                    {"generation_config.json",
                     {{"bos_token_id", 0}, {"eos_token_id", vocabulary - 1}, {"pad_token_id", 2}}},
                    {"tokenizer.json", synth_tokenizer(*sizes)}},
          .head = "lm_head",
          .small_rows = {{0, 16}, {sizes->words, vocabulary - 1}}};  // the special ids
}

}  // namespace oc
