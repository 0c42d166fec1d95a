#include "models/phi3v/synth_config.h"

#include <fmt/format.h>

#include <array>

namespace oc {
namespace {

namespace json = boost::json;

// The published factors of Phi-3.5-vision-instruct (config.json: rope_scaling), one for each of the
// 48 pairs of a head.
// clang-format off
constexpr std::array<double, 48> kShortFactor = {
    1.08, 1.1, 1.1300000000000001, 1.2800000000000002, 1.3100000000000003, 1.4500000000000004,
    1.4500000000000004, 1.9500000000000008, 2.030000000000001, 2.4299999999999926,
    2.5699999999999896, 2.9499999999999815, 3.729999999999965, 3.869999999999962, 4.189999999999955,
    4.43999999999995, 4.6399999999999455, 4.979999999999938, 5.159999999999934, 5.279999999999932,
    5.759999999999922, 5.889999999999919, 5.889999999999919, 5.969999999999917, 6.089999999999915,
    6.2799999999999105, 6.7699999999999, 6.8899999999998975, 7.109999999999893, 7.129999999999892,
    7.179999999999891, 7.289999999999889, 7.339999999999888, 7.559999999999883, 7.619999999999882,
    7.69999999999988, 7.879999999999876, 7.879999999999876, 7.879999999999876, 7.939999999999875,
    7.949999999999875, 7.979999999999874, 8.19999999999987, 8.439999999999864, 8.469999999999864,
    8.589999999999861, 8.809999999999857, 8.999999999999853};
// clang-format on
// clang-format off
constexpr std::array<double, 48> kLongFactor = {
    1.0800000429153442, 1.1100000143051147, 1.1399999856948853, 1.340000033378601,
    1.5899999141693115, 1.600000023841858, 1.6200000047683716, 2.620000123977661,
    3.2300000190734863, 3.2300000190734863, 4.789999961853027, 7.400000095367432, 7.700000286102295,
    9.09000015258789, 12.199999809265137, 17.670000076293945, 24.46000099182129, 28.57000160217285,
    30.420001983642578, 30.840002059936523, 32.590003967285156, 32.93000411987305,
    42.320003509521484, 44.96000289916992, 50.340003967285156, 50.45000457763672, 57.55000305175781,
    57.93000411987305, 58.21000289916992, 60.1400032043457, 62.61000442504883, 62.62000274658203,
    62.71000289916992, 63.1400032043457, 63.1400032043457, 63.77000427246094, 63.93000411987305,
    63.96000289916992, 63.970001220703125, 64.02999877929688, 64.06999969482422, 64.08000183105469,
    64.12000274658203, 64.41000366210938, 64.4800033569336, 64.51000213623047, 64.52999877929688,
    64.83999633789062};
// clang-format on

// Every (48 / count)-th factor.
json::array factors(const std::array<double, 48>& all, std::size_t count) {
  json::array out;
  for (std::size_t i = 0; i < count; ++i) out.emplace_back(all[i * all.size() / count]);
  return out;
}

constexpr std::int64_t kVocabulary = 32064;

json::object synth_config(std::string_view shape, int bits) {
  const bool full = shape == kPhi3VShapes[0];
  const std::int64_t hidden = full ? 3072 : 128, heads = full ? 32 : 4, vision = full ? 1024 : 64;
  const auto pairs = static_cast<std::size_t>(hidden / heads / 2);
  json::object config{{"architectures", {"Phi3VForCausalLM"}},
                      {"model_type", "phi3_v"},
                      {"hidden_size", hidden},
                      {"num_hidden_layers", full ? 32 : 3},
                      {"num_attention_heads", heads},
                      {"num_key_value_heads", heads},
                      {"intermediate_size", full ? 8192 : 256},
                      {"vocab_size", kVocabulary},
                      {"hidden_act", "silu"},
                      {"rms_norm_eps", 1e-5},
                      {"rope_theta", 10000.0},
                      {"max_position_embeddings", 131072},
                      {"original_max_position_embeddings", 4096},
                      {"rope_scaling",
                       {{"type", "su"},
                        {"short_factor", factors(kShortFactor, pairs)},
                        {"long_factor", factors(kLongFactor, pairs)}}},
                      {"sliding_window", 262144},
                      {"bos_token_id", 1},
                      {"eos_token_id", 2},
                      {"pad_token_id", 32000},
                      {"tie_word_embeddings", false},
                      {"torch_dtype", "bfloat16"},
                      {"embd_layer",
                       {{"embedding_cls", "image"},
                        {"hd_transform_order", "sub_glb"},
                        {"projection_cls", "mlp"},
                        {"use_hd_transform", true},
                        {"with_learnable_separator", true}}},
                      {"img_processor",
                       {{"name", "clip_vision_model"},
                        {"model_name", "openai/clip-vit-large-patch14-336"},
                        {"image_dim_out", vision},
                        {"num_img_tokens", 144}}},
                      {"vision_config",
                       {{"hidden_size", vision},
                        {"num_hidden_layers", full ? 24 : 5},
                        {"num_attention_heads", full ? 16 : 4},
                        {"intermediate_size", full ? 4096 : 128},
                        {"image_size", 336},
                        {"patch_size", 14}}}};
  if (bits > 0) config["quantization"] = {{"group_size", 64}, {"bits", bits}};
  return config;
}

json::object synth_preprocessor() {
  return {{"image_processor_type", "Phi3VImageProcessor"},
          {"processor_class", "Phi3VProcessor"},
          {"num_crops", 4},
          {"num_img_tokens", 144},
          {"do_convert_rgb", true},
          {"image_mean", {0.48145466, 0.4578275, 0.40821073}},
          {"image_std", {0.26862954, 0.26130258, 0.27577711}}};
}

json::object synth_tokenizer(std::int64_t vocab_size) {
  // The added tokens of the real tokenizer, by id from 32000 on, scaled to the vocabulary's end.
  struct Added {
    std::int64_t id;
    const char* content;
    bool rstrip, special;
  };
  const std::int64_t base = vocab_size - 64;  // 32000
  const Added added[] = {{0, "<unk>", false, true},
                         {1, "<s>", false, true},
                         {2, "</s>", true, false},
                         {base, "<|endoftext|>", false, true},
                         {base + 1, "<|assistant|>", true, true},
                         {base + 6, "<|system|>", false, true},
                         {base + 7, "<|end|>", false, true},
                         {base + 10, "<|user|>", false, true},
                         {base + 44, "<|image|>", true, true}};
  json::object vocab{{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  std::int64_t next = 3;
  for (int byte = 0; byte < 256; ++byte) vocab[fmt::format("<0x{:02X}>", byte)] = next++;
  vocab["\u2581"] = next++;
  for (char c = '!'; c <= '~'; ++c) vocab[std::string(1, c)] = next++;
  for (int word = 0; next < base; ++word) vocab[fmt::format("\u2581w{}", word)] = next++;
  json::array tokens;
  for (const Added& token : added)
    tokens.push_back({{"id", token.id},
                      {"content", token.content},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", token.rstrip},
                      {"normalized", false},
                      {"special", token.special}});
  const json::object bos{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(tokens)},
          {"normalizer",
           {{"type", "Sequence"},
            {"normalizers",
             {{{"type", "Prepend"}, {"prepend", "\u2581"}},
              {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}}}}}},
          {"pre_tokenizer", nullptr},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", {bos, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
            {"pair",
             {bos,
              {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
              bos,
              {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}}},
            {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}}},
          {"decoder",
           {{"type", "Sequence"},
            {"decoders",
             {{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
              {{"type", "ByteFallback"}},
              {{"type", "Fuse"}},
              {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", "<unk>"},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", true},
            {"byte_fallback", true},
            {"ignore_merges", false},
            {"vocab", std::move(vocab)},
            {"merges", json::array{}}}}};
}

}  // namespace

SynthCheckpoint synth_phi3v(std::string_view shape, int bits) {
  return {.files = {{"config.json", synth_config(shape, bits)},
                    {"preprocessor_config.json", synth_preprocessor()},
                    {"generation_config.json",
                     {{"bos_token_id", 1}, {"eos_token_id", 2}, {"pad_token_id", 32000}}},
                    {"tokenizer.json", synth_tokenizer(kVocabulary)}},
          .head = "lm_head",
          .small_rows = {{0, 2}, {kVocabulary - 64, kVocabulary - 1}}};  // the special ids
}

}  // namespace oc
