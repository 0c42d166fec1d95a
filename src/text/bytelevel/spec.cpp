#include "text/bytelevel/spec.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/printable.h"
#include "base/utf8.h"
#include "text/bytelevel/byte_letters.h"
#include "text/tokenizer_json.h"

namespace oc {
namespace json = boost::json;
namespace {

constexpr std::string_view kHint =
    "only byte-level BPE that cuts texts as GPT-2 does, with or without digits apart, is supported";

Error unsupported(const JsonReader& field, std::string_view supported) {
  return unsupported_part(field, supported, kHint);
}

Result<std::string_view> type_of(const JsonReader& part) {
  OC_ASSIGN_OR_RETURN(const JsonReader type, part.at("type"));
  return type.string();
}

// {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}. "trim_offsets" is about
// where tokens lie in the text, which nobody asks.
Result<void> check_byte_level(const JsonReader& step) {
  OC_ASSIGN_OR_RETURN(const std::string_view type, type_of(step));
  if (type != "ByteLevel") return unsupported(step, "ByteLevel");
  OC_ASSIGN_OR_RETURN(const bool prefix, step.boolean("add_prefix_space"));
  OC_ASSIGN_OR_RETURN(const bool regex, step.boolean_or("use_regex", true));
  if (prefix) return unsupported(step, "\"add_prefix_space\": false");
  if (!regex) return unsupported(step, "\"use_regex\": true");
  return {};
}

// ByteLevel, behind Digits or not. → whether digits stand apart.
Result<bool> read_pre_tokenizer(const JsonReader& field) {
  constexpr std::string_view kSupported = "ByteLevel, or a Sequence of Digits and ByteLevel";
  if (field.is_null()) return unsupported(field, kSupported);
  OC_ASSIGN_OR_RETURN(const std::string_view type, type_of(field));
  if (type != "Sequence") {
    if (type != "ByteLevel") return unsupported(field, kSupported);
    OC_RETURN_IF_ERROR(check_byte_level(field));
    return false;
  }
  OC_ASSIGN_OR_RETURN(const JsonReader list, field.at("pretokenizers"));
  OC_ASSIGN_OR_RETURN(const json::array* steps, list.array());
  if (steps->size() != 1 && steps->size() != 2) return unsupported(field, kSupported);
  const bool digits = steps->size() == 2;
  if (digits) {
    const JsonReader step = list.element(0);
    OC_ASSIGN_OR_RETURN(const std::string_view name, type_of(step));
    if (name != "Digits") return unsupported(step, "Digits");
    OC_ASSIGN_OR_RETURN(const bool one_by_one, step.boolean_or("individual_digits", false));
    if (!one_by_one) return unsupported(step, "\"individual_digits\": true");
  }
  OC_RETURN_IF_ERROR(check_byte_level(list.element(steps->size() - 1)));
  return digits;
}

Result<void> check_pipeline(const JsonReader& root) {
  OC_RETURN_IF_ERROR(expect_unused(root, "version", "1.0", kHint));
  // "truncation" and "padding" are not looked at: transformers replaces both on every call.
  OC_RETURN_IF_ERROR(expect_unused(root, "normalizer", nullptr, kHint));
  // The "decoder" is ByteLevel, else it would be another kind; its fields change nothing.
  OC_ASSIGN_OR_RETURN(const JsonReader processor, root.find("post_processor"));
  if (!processor.is_null()) {
    OC_ASSIGN_OR_RETURN(const std::string_view type, type_of(processor));
    if (type != "ByteLevel")
      return unsupported(processor, "none, or ByteLevel, which adds nothing");
  }

  OC_ASSIGN_OR_RETURN(const JsonReader model, root.at("model"));
  OC_ASSIGN_OR_RETURN(const std::string type, model.string_or("type", "BPE"));  // once left out
  if (type != "BPE") {
    OC_ASSIGN_OR_RETURN(const JsonReader field, model.at("type"));
    return unsupported(field, "\"BPE\"");
  }
  OC_RETURN_IF_ERROR(expect_unused(model, "dropout", 0.0, kHint));
  OC_RETURN_IF_ERROR(expect_unused(model, "continuing_subword_prefix", "", kHint));
  OC_RETURN_IF_ERROR(expect_unused(model, "end_of_word_suffix", "", kHint));
  OC_RETURN_IF_ERROR(expect_unused(model, "byte_fallback", false, kHint));
  OC_RETURN_IF_ERROR(expect_unused(model, "ignore_merges", false, kHint));
  return {};
}

// Bytes may be without a token, unless the file says what becomes of them.
Result<std::array<TokenId, 256>> find_bytes(const JsonReader& model, const JsonReader& vocab,
                                            const Vocabulary& vocabulary) {
  OC_ASSIGN_OR_RETURN(const JsonReader unknown, model.find("unk_token"));
  std::array<TokenId, 256> bytes{};
  for (std::size_t byte = 0; byte < bytes.size(); ++byte) {
    const std::string letter = letter_of_byte(static_cast<std::uint8_t>(byte));
    bytes[byte] = vocabulary.find(letter).value_or(-1);
    if (bytes[byte] < 0 && !unknown.is_null()) {
      return vocab.error(
          ErrorCode::kUnsupported,
          fmt::format("has no token \"{}\" (byte 0x{:02X}), for which \"unk_token\" would stand",
                      letter, byte),
          std::string(kHint));
    }
  }
  return bytes;
}

// The merges have been checked one by one; bytes are what merging starts from.
Result<void> check_unreachable(const JsonReader& field, const std::vector<AddedToken>& added) {
  for (std::size_t i = 0; i < added.size(); ++i) {
    const CodePoint first = first_code_point(added[i].content);
    if (first.size != added[i].content.size() || byte_of_letter(first.value) < 0) continue;
    return field.element(i).error(
        ErrorCode::kUnsupported,
        fmt::format("is {}: the token of a byte cannot be an added token, since ordinary text "
                    "would become it",
                    excerpt(added[i].content)));
  }
  return {};
}

}  // namespace

Result<ByteLevelSpec> read_byte_level_spec(const JsonReader& root) {
  OC_RETURN_IF_ERROR(check_pipeline(root));
  OC_ASSIGN_OR_RETURN(const JsonReader pre_tokenizer, root.at("pre_tokenizer"));
  OC_ASSIGN_OR_RETURN(const bool digits_apart, read_pre_tokenizer(pre_tokenizer));
  OC_ASSIGN_OR_RETURN(const JsonReader added_field, root.at("added_tokens"));
  OC_ASSIGN_OR_RETURN(std::vector<AddedToken> added, read_added_tokens(added_field));
  OC_ASSIGN_OR_RETURN(const JsonReader model, root.at("model"));
  OC_ASSIGN_OR_RETURN(const JsonReader vocab_field, model.at("vocab"));
  OC_ASSIGN_OR_RETURN(Vocabulary vocabulary, read_vocabulary(vocab_field, added_field, added));
  OC_ASSIGN_OR_RETURN(const auto bytes, find_bytes(model, vocab_field, vocabulary));
  OC_RETURN_IF_ERROR(check_unreachable(added_field, added));
  OC_ASSIGN_OR_RETURN(const JsonReader merges_field, model.at("merges"));
  OC_ASSIGN_OR_RETURN(std::vector<Merge> merges, read_merges(merges_field, vocabulary));
  return ByteLevelSpec{std::move(vocabulary), std::move(merges), bytes, std::move(added),
                       digits_apart};
}

}  // namespace oc
