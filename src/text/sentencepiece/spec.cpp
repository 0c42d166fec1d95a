#include "text/sentencepiece/spec.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/printable.h"
#include "base/utf8.h"
#include "text/sentencepiece/token_forms.h"
#include "text/tokenizer_json.h"

namespace oc {
namespace json = boost::json;
namespace {

constexpr std::string_view kHint = "only Llama-style byte-fallback BPE tokenizers are supported";

Result<void> check_pipeline(const JsonReader& root) {
  OC_RETURN_IF_ERROR(expect_unused(root, "version", "1.0", kHint));
  // "truncation" and "padding" are not looked at: transformers replaces both on every call.
  OC_ASSIGN_OR_RETURN(const JsonReader normalizer, root.at("normalizer"));
  OC_RETURN_IF_ERROR(
      expect_sequence(normalizer, "normalizers",
                      {R"({"type":"Prepend","prepend":"▁"})",
                       R"({"type":"Replace","pattern":{"String":" "},"content":"▁"})"},
                      kHint));
  OC_RETURN_IF_ERROR(expect_unused(root, "pre_tokenizer", nullptr, kHint));
  OC_ASSIGN_OR_RETURN(const JsonReader decoder, root.at("decoder"));
  OC_RETURN_IF_ERROR(expect_sequence(
      decoder, "decoders",
      {R"({"type":"Replace","pattern":{"String":"▁"},"content":" "})", R"({"type":"ByteFallback"})",
       R"({"type":"Fuse"})", R"({"type":"Strip","content":" ","start":1,"stop":0})"},
      kHint));

  OC_ASSIGN_OR_RETURN(const JsonReader model, root.at("model"));
  OC_ASSIGN_OR_RETURN(const JsonReader type, model.at("type"));
  OC_ASSIGN_OR_RETURN(const std::string_view name, type.string());
  if (name != "BPE") {
    return type.error(ErrorCode::kUnsupported,
                      fmt::format("is {}; supported is \"BPE\"", excerpt(name)),
                      std::string(kHint));
  }
  OC_RETURN_IF_ERROR(expect_unused(model, "dropout", 0.0, kHint));
  OC_RETURN_IF_ERROR(expect_unused(model, "continuing_subword_prefix", "", kHint));
  OC_RETURN_IF_ERROR(expect_unused(model, "end_of_word_suffix", "", kHint));
  OC_RETURN_IF_ERROR(expect_unused(model, "ignore_merges", false, kHint));
  // With a token for every byte nothing is ever unknown, so "fuse_unk" cannot matter.
  OC_ASSIGN_OR_RETURN(const JsonReader byte_fallback, model.at("byte_fallback"));
  OC_ASSIGN_OR_RETURN(const bool has_bytes, byte_fallback.boolean());
  if (!has_bytes) {
    return byte_fallback.error(ErrorCode::kUnsupported, "is false; supported is true",
                               std::string(kHint));
  }
  return {};
}

Result<std::array<TokenId, 256>> find_bytes(const JsonReader& field, const Vocabulary& vocabulary) {
  std::array<TokenId, 256> bytes{};
  for (std::size_t byte = 0; byte < bytes.size(); ++byte) {
    const std::string name = fmt::format("<0x{:02X}>", byte);
    const std::optional<TokenId> id = vocabulary.find(name);
    if (!id) {
      return field.error(ErrorCode::kUnsupported,
                         fmt::format("has no token \"{}\"; byte fallback needs all 256", name));
    }
    bytes[byte] = *id;
  }
  return bytes;
}

// What the reference puts in front of a text: "single" must be that token, then the text.
Result<TokenId> parse_bos(const JsonReader& field, const Vocabulary& vocabulary) {
  const auto unsupported = [](const JsonReader& place) {
    return unsupported_part(place, "a TemplateProcessing of one special token and the text", kHint);
  };
  if (field.is_null()) return unsupported(field);
  OC_ASSIGN_OR_RETURN(const JsonReader type, field.at("type"));
  OC_ASSIGN_OR_RETURN(const std::string_view type_name, type.string());
  if (type_name != "TemplateProcessing") return unsupported(field);
  OC_ASSIGN_OR_RETURN(const JsonReader single, field.at("single"));
  OC_ASSIGN_OR_RETURN(const json::array* pieces, single.array());
  const json::value text = json::parse(R"({"Sequence":{"id":"A","type_id":0}})");
  if (pieces->size() != 2 || (*pieces)[1] != text) return unsupported(single);
  const JsonReader piece = single.element(0);
  OC_ASSIGN_OR_RETURN(const JsonReader special, piece.find("SpecialToken"));
  if (special.is_null()) return unsupported(single);
  OC_ASSIGN_OR_RETURN(const JsonReader special_id, special.at("id"));
  OC_ASSIGN_OR_RETURN(const std::string_view name, special_id.string());

  OC_ASSIGN_OR_RETURN(const JsonReader tokens, field.at("special_tokens"));
  OC_ASSIGN_OR_RETURN(const JsonReader token, tokens.at(name));
  OC_ASSIGN_OR_RETURN(const JsonReader ids, token.at("ids"));
  OC_ASSIGN_OR_RETURN(const json::array* list, ids.array());
  if (list->size() != 1) return ids.wrong("an array of one id");
  const JsonReader id = ids.element(0);
  OC_ASSIGN_OR_RETURN(const std::int64_t bos, id.integer(0, kMaxId));
  if (vocabulary.find(name) != static_cast<TokenId>(bos)) {
    return id.error(ErrorCode::kCorrupt,
                    fmt::format("is {}, which is not the id of {}", bos, excerpt(name)));
  }
  return static_cast<TokenId>(bos);
}

// The merges have been checked one by one; characters and bytes are what merging starts from.
Result<void> check_added(const JsonReader& field, const std::vector<AddedToken>& added) {
  for (std::size_t i = 0; i < added.size(); ++i) {
    const std::string& content = added[i].content;
    if (added[i].normalized) {
      return field.element(i).error(ErrorCode::kUnsupported,
                                    "has \"normalized\": true, which is not supported");
    }
    if (first_code_point(content).size == content.size() || byte_of_token(content) >= 0) {
      return field.element(i).error(
          ErrorCode::kUnsupported,
          fmt::format("is {}: a single character or byte cannot be an added token, since ordinary "
                      "text would become it",
                      excerpt(content)));
    }
  }
  return {};
}

}  // namespace

Result<SentencePieceSpec> read_sentencepiece_spec(const JsonReader& root) {
  OC_RETURN_IF_ERROR(check_pipeline(root));
  OC_ASSIGN_OR_RETURN(const JsonReader added_field, root.at("added_tokens"));
  OC_ASSIGN_OR_RETURN(std::vector<AddedToken> added, read_added_tokens(added_field));
  OC_ASSIGN_OR_RETURN(const JsonReader model, root.at("model"));
  OC_ASSIGN_OR_RETURN(const JsonReader vocab_field, model.at("vocab"));
  OC_ASSIGN_OR_RETURN(Vocabulary vocabulary, read_vocabulary(vocab_field, added_field, added));
  OC_ASSIGN_OR_RETURN(const auto bytes, find_bytes(vocab_field, vocabulary));
  OC_RETURN_IF_ERROR(check_added(added_field, added));
  OC_ASSIGN_OR_RETURN(const JsonReader merges_field, model.at("merges"));
  OC_ASSIGN_OR_RETURN(std::vector<Merge> merges, read_merges(merges_field, vocabulary));
  OC_ASSIGN_OR_RETURN(const JsonReader processor, root.at("post_processor"));
  OC_ASSIGN_OR_RETURN(const TokenId bos, parse_bos(processor, vocabulary));
  return SentencePieceSpec{std::move(vocabulary), std::move(merges), bytes, std::move(added), bos};
}

}  // namespace oc
