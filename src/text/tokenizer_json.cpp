#include "text/tokenizer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "base/printable.h"
#include "base/utf8.h"
#include "io/json.h"

namespace oc {
namespace json = boost::json;
namespace {

// Far above any vocabulary there is (Gemma's has 262,144); the id table stays small whatever a file
// claims.
constexpr std::int64_t kMaxId = (1 << 20) - 1;
constexpr std::size_t kMaxAddedBytes = 256;  // bounds the matching of one position

constexpr std::string_view kHint = "only Llama-style byte-fallback BPE tokenizers are supported";

// A part of the pipeline must be a Sequence of just these steps.
Result<void> expect_sequence(const JsonReader& part, std::string_view list,
                             std::initializer_list<std::string_view> expected) {
  std::string wanted;
  for (const std::string_view step : expected) {
    wanted += fmt::format("{}{}", wanted.empty() ? "" : ", ", step);
  }
  const auto unsupported = [&](const JsonReader& field) {
    return field.error(ErrorCode::kUnsupported,
                       fmt::format("is {}; supported is a Sequence of {}",
                                   excerpt(json::serialize(field.value())), wanted),
                       kHint);
  };
  if (part.is_null()) return unsupported(part);
  OC_ASSIGN_OR_RETURN(const JsonReader type, part.at("type"));
  OC_ASSIGN_OR_RETURN(const std::string_view name, type.string());
  if (name != "Sequence") return unsupported(part);
  OC_ASSIGN_OR_RETURN(const JsonReader steps, part.at(list));
  OC_ASSIGN_OR_RETURN(const json::array* found, steps.array());
  for (std::size_t i = 0; i < found->size(); ++i) {
    if (i >= expected.size() || (*found)[i] != json::parse(expected.begin()[i])) {
      return unsupported(steps.element(i));
    }
  }
  if (found->size() < expected.size()) return unsupported(steps);
  return {};
}

// Absent, null, or equal to the value that changes nothing.
Result<void> expect_unused(const JsonReader& object, std::string_view key,
                           const json::value& neutral) {
  OC_ASSIGN_OR_RETURN(const JsonReader field, object.find(key));
  if (field.is_null() || field.value() == neutral) return {};
  return field.error(
      ErrorCode::kUnsupported,
      fmt::format("is {}, which is not supported", excerpt(json::serialize(field.value()))), kHint);
}

Result<void> check_pipeline(const JsonReader& root) {
  OC_RETURN_IF_ERROR(expect_unused(root, "version", "1.0"));
  // "truncation" and "padding" are not looked at: transformers replaces both on every call.
  OC_ASSIGN_OR_RETURN(const JsonReader normalizer, root.at("normalizer"));
  OC_RETURN_IF_ERROR(
      expect_sequence(normalizer, "normalizers",
                      {R"({"type":"Prepend","prepend":"▁"})",
                       R"({"type":"Replace","pattern":{"String":" "},"content":"▁"})"}));
  OC_RETURN_IF_ERROR(expect_unused(root, "pre_tokenizer", nullptr));
  OC_ASSIGN_OR_RETURN(const JsonReader decoder, root.at("decoder"));
  OC_RETURN_IF_ERROR(expect_sequence(
      decoder, "decoders",
      {R"({"type":"Replace","pattern":{"String":"▁"},"content":" "})", R"({"type":"ByteFallback"})",
       R"({"type":"Fuse"})", R"({"type":"Strip","content":" ","start":1,"stop":0})"}));

  OC_ASSIGN_OR_RETURN(const JsonReader model, root.at("model"));
  OC_ASSIGN_OR_RETURN(const JsonReader type, model.at("type"));
  OC_ASSIGN_OR_RETURN(const std::string_view name, type.string());
  if (name != "BPE") {
    return type.error(ErrorCode::kUnsupported,
                      fmt::format("is {}; supported is \"BPE\"", excerpt(name)), kHint);
  }
  OC_RETURN_IF_ERROR(expect_unused(model, "dropout", 0.0));
  OC_RETURN_IF_ERROR(expect_unused(model, "continuing_subword_prefix", ""));
  OC_RETURN_IF_ERROR(expect_unused(model, "end_of_word_suffix", ""));
  OC_RETURN_IF_ERROR(expect_unused(model, "ignore_merges", false));
  // With a token for every byte nothing is ever unknown, so "fuse_unk" cannot matter.
  OC_ASSIGN_OR_RETURN(const JsonReader byte_fallback, model.at("byte_fallback"));
  OC_ASSIGN_OR_RETURN(const bool has_bytes, byte_fallback.boolean());
  if (!has_bytes) {
    return byte_fallback.error(ErrorCode::kUnsupported, "is false; supported is true", kHint);
  }
  return {};
}

Result<AddedToken> parse_added_token(const JsonReader& field) {
  AddedToken token;
  OC_ASSIGN_OR_RETURN(const JsonReader id, field.at("id"));
  OC_ASSIGN_OR_RETURN(const std::int64_t number, id.integer(0, kMaxId));
  token.id = static_cast<TokenId>(number);
  OC_ASSIGN_OR_RETURN(const JsonReader content, field.at("content"));
  OC_ASSIGN_OR_RETURN(const std::string_view text, content.string());
  if (text.empty() || text.size() > kMaxAddedBytes) {
    return content.error(ErrorCode::kUnsupported, fmt::format("has {} bytes; supported are 1 to {}",
                                                              text.size(), kMaxAddedBytes));
  }
  token.content = text;
  bool single_word = false;
  bool normalized = false;
  for (const auto& [key, flag] :
       std::initializer_list<std::pair<std::string_view, bool*>>{{"single_word", &single_word},
                                                                 {"lstrip", &token.lstrip},
                                                                 {"rstrip", &token.rstrip},
                                                                 {"normalized", &normalized},
                                                                 {"special", &token.special}}) {
    OC_ASSIGN_OR_RETURN(const JsonReader value, field.at(key));
    OC_ASSIGN_OR_RETURN(*flag, value.boolean());
  }
  if (single_word || normalized) {
    return field.error(ErrorCode::kUnsupported,
                       fmt::format("has \"{}\": true, which is not supported",
                                   single_word ? "single_word" : "normalized"));
  }
  return token;
}

Result<std::vector<AddedToken>> parse_added_tokens(const JsonReader& field) {
  OC_ASSIGN_OR_RETURN(const json::array* list, field.array());
  std::vector<AddedToken> tokens;
  for (std::size_t i = 0; i < list->size(); ++i) {
    OC_ASSIGN_OR_RETURN(AddedToken token, parse_added_token(field.element(i)));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

Error duplicate(const Vocabulary& vocabulary, const JsonReader& place, TokenId id) {
  return place.error(ErrorCode::kCorrupt,
                     fmt::format("has id {}, which {} has already", id,
                                 excerpt(vocabulary.content(id).value_or(""))));
}

Result<Vocabulary> parse_vocabulary(const JsonReader& field, const JsonReader& added_field,
                                    const std::vector<AddedToken>& added) {
  OC_ASSIGN_OR_RETURN(const json::object* members, field.object());
  TokenId largest = 0;
  for (const auto& [key, value] : *members) {
    const std::int64_t* id = value.if_int64();
    if (id == nullptr || *id < 0 || *id > kMaxId) {
      OC_ASSIGN_OR_RETURN(const JsonReader token, field.at(std::string_view(key)));
      return token.wrong(fmt::format("an integer from 0 to {}", kMaxId));
    }
    largest = std::max(largest, static_cast<TokenId>(*id));
  }
  for (const AddedToken& token : added) largest = std::max(largest, token.id);

  Vocabulary vocabulary(members->size() + added.size(), largest + 1);
  for (const auto& [key, value] : *members) {
    const auto id = static_cast<TokenId>(value.get_int64());
    if (!vocabulary.add(id, std::string_view(key))) {
      OC_ASSIGN_OR_RETURN(const JsonReader token, field.at(std::string_view(key)));
      return duplicate(vocabulary, token, id);
    }
  }
  for (std::size_t i = 0; i < added.size(); ++i) {
    const AddedToken& token = added[i];
    const std::optional<TokenId> known = vocabulary.find(token.content);
    if (known && vocabulary.is_added(*known)) {
      return added_field.element(i).error(ErrorCode::kCorrupt,
                                          fmt::format("repeats {}", excerpt(token.content)));
    }
    if (known && *known != token.id) {
      return added_field.element(i).error(ErrorCode::kCorrupt,
                                          fmt::format("gives {} the id {}, the vocabulary {}",
                                                      excerpt(token.content), token.id, *known));
    }
    if (!known && !vocabulary.add(token.id, token.content)) {
      return duplicate(vocabulary, added_field.element(i), token.id);
    }
    vocabulary.mark_added(token);
  }
  return vocabulary;
}

// The two sides of "a b" or ["a", "b"].
std::optional<std::pair<std::string_view, std::string_view>> merge_sides(const json::value& value) {
  if (const json::string* text = value.if_string()) {
    const std::string_view whole(text->data(), text->size());
    const std::size_t space = whole.find(' ');
    if (space == whole.npos || whole.find(' ', space + 1) != whole.npos) return std::nullopt;
    return std::pair(whole.substr(0, space), whole.substr(space + 1));
  }
  const json::array* pair = value.if_array();
  if (pair == nullptr || pair->size() != 2) return std::nullopt;
  const json::string* left = (*pair)[0].if_string();
  const json::string* right = (*pair)[1].if_string();
  if (left == nullptr || right == nullptr) return std::nullopt;
  return std::pair(std::string_view(left->data(), left->size()),
                   std::string_view(right->data(), right->size()));
}

Result<std::vector<Merge>> parse_merges(const JsonReader& field, const Vocabulary& vocabulary) {
  OC_ASSIGN_OR_RETURN(const json::array* list, field.array());
  std::vector<Merge> merges;
  merges.reserve(list->size());
  std::string joined;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto sides = merge_sides((*list)[i]);
    if (!sides || sides->first.empty() || sides->second.empty()) {
      return field.element(i).wrong("two tokens, as \"a b\" or [\"a\", \"b\"]");
    }
    joined.assign(sides->first);
    joined += sides->second;
    const std::optional<TokenId> left = vocabulary.find(sides->first);
    const std::optional<TokenId> right = vocabulary.find(sides->second);
    const std::optional<TokenId> result = vocabulary.find(joined);
    if (!left || !right || !result) {
      const std::string_view missing = !left ? sides->first : !right ? sides->second : joined;
      return field.element(i).error(
          ErrorCode::kCorrupt,
          fmt::format("needs {}, which is not in the vocabulary", excerpt(missing)));
    }
    if (vocabulary.is_added(*result)) {
      return field.element(i).error(
          ErrorCode::kUnsupported,
          fmt::format("makes {}, an added token, out of ordinary text", excerpt(joined)));
    }
    merges.push_back({*left, *right, *result});
  }
  return merges;
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
    return place.error(ErrorCode::kUnsupported,
                       fmt::format("is {}; supported is a TemplateProcessing of one special token "
                                   "and the text",
                                   excerpt(json::serialize(place.value()))),
                       kHint);
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
Result<void> check_unreachable(const JsonReader& field, const std::vector<AddedToken>& added,
                               const Vocabulary& vocabulary) {
  for (std::size_t i = 0; i < added.size(); ++i) {
    const std::string& content = added[i].content;
    if (first_code_point(content).size == content.size() ||
        vocabulary.byte_value(added[i].id) >= 0) {
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

Result<TokenizerSpec> parse_tokenizer_json(std::string_view text, std::string_view what) {
  json::monotonic_resource memory;  // the document lives as long as this function
  json::parser parser({}, json::parse_options{});
  parser.reset(&memory);
  boost::system::error_code status;
  const std::size_t consumed = parser.write_some(text.data(), text.size(), status);
  if (!status && consumed < text.size() &&
      text.find_first_not_of(" \t\r\n", consumed) != text.npos) {
    status = json::error::extra_data;
  }
  if (status) {
    return Error{ErrorCode::kCorrupt, fmt::format("{}: not valid JSON at byte {}: {}", what,
                                                  consumed, status.message())};
  }
  const json::value document = parser.release();

  const JsonReader root(document, what);
  OC_RETURN_IF_ERROR(check_pipeline(root));
  OC_ASSIGN_OR_RETURN(const JsonReader added_field, root.at("added_tokens"));
  OC_ASSIGN_OR_RETURN(std::vector<AddedToken> added, parse_added_tokens(added_field));
  OC_ASSIGN_OR_RETURN(const JsonReader model, root.at("model"));
  OC_ASSIGN_OR_RETURN(const JsonReader vocab_field, model.at("vocab"));
  OC_ASSIGN_OR_RETURN(Vocabulary vocabulary, parse_vocabulary(vocab_field, added_field, added));
  OC_ASSIGN_OR_RETURN(const auto bytes, find_bytes(vocab_field, vocabulary));
  OC_RETURN_IF_ERROR(check_unreachable(added_field, added, vocabulary));
  OC_ASSIGN_OR_RETURN(const JsonReader merges_field, model.at("merges"));
  OC_ASSIGN_OR_RETURN(std::vector<Merge> merges, parse_merges(merges_field, vocabulary));
  OC_ASSIGN_OR_RETURN(const JsonReader processor, root.at("post_processor"));
  OC_ASSIGN_OR_RETURN(const TokenId bos, parse_bos(processor, vocabulary));
  return TokenizerSpec{std::move(vocabulary), std::move(merges), bytes, std::move(added), bos};
}

}  // namespace oc
