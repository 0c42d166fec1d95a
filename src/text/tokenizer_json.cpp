#include "text/tokenizer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/printable.h"

namespace oc {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxAddedBytes = 256;  // bounds the matching of one position

Result<AddedToken> read_added_token(const JsonReader& field) {
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
  for (const auto& [key, flag] :
       std::initializer_list<std::pair<std::string_view, bool*>>{{"single_word", &single_word},
                                                                 {"lstrip", &token.lstrip},
                                                                 {"rstrip", &token.rstrip},
                                                                 {"normalized", &token.normalized},
                                                                 {"special", &token.special}}) {
    OC_ASSIGN_OR_RETURN(const JsonReader value, field.at(key));
    OC_ASSIGN_OR_RETURN(*flag, value.boolean());
  }
  if (single_word) {
    return field.error(ErrorCode::kUnsupported,
                       "has \"single_word\": true, which is not supported");
  }
  return token;
}

Error duplicate(const Vocabulary& vocabulary, const JsonReader& place, TokenId id) {
  return place.error(ErrorCode::kCorrupt,
                     fmt::format("has id {}, which {} has already", id,
                                 excerpt(vocabulary.content(id).value_or(""))));
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

}  // namespace

Result<json::value> parse_document(std::string_view text, std::string_view what,
                                   json::monotonic_resource* memory) {
  json::parser parser({}, json::parse_options{});
  parser.reset(memory);
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
  return parser.release();
}

Error unsupported_part(const JsonReader& field, std::string_view supported, std::string_view hint) {
  return field.error(
      ErrorCode::kUnsupported,
      fmt::format("is {}; supported is {}", excerpt(json::serialize(field.value())), supported),
      hint);
}

Result<void> expect_sequence(const JsonReader& part, std::string_view list,
                             std::initializer_list<std::string_view> expected,
                             std::string_view hint) {
  std::string wanted;
  for (const std::string_view step : expected) {
    wanted += fmt::format("{}{}", wanted.empty() ? "" : ", ", step);
  }
  const auto unsupported = [&](const JsonReader& field) {
    return unsupported_part(field, "a Sequence of " + wanted, hint);
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

Result<void> expect_unused(const JsonReader& object, std::string_view key,
                           const json::value& neutral, std::string_view hint) {
  OC_ASSIGN_OR_RETURN(const JsonReader field, object.find(key));
  if (field.is_null() || field.value() == neutral) return {};
  return field.error(
      ErrorCode::kUnsupported,
      fmt::format("is {}, which is not supported", excerpt(json::serialize(field.value()))),
      std::string(hint));
}

Result<std::vector<AddedToken>> read_added_tokens(const JsonReader& field) {
  OC_ASSIGN_OR_RETURN(const json::array* list, field.array());
  std::vector<AddedToken> tokens;
  for (std::size_t i = 0; i < list->size(); ++i) {
    OC_ASSIGN_OR_RETURN(AddedToken token, read_added_token(field.element(i)));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

Result<Vocabulary> read_vocabulary(const JsonReader& field, const JsonReader& added_field,
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

Result<std::vector<Merge>> read_merges(const JsonReader& field, const Vocabulary& vocabulary) {
  OC_ASSIGN_OR_RETURN(const json::array* list, field.array());
  if (std::ssize(*list) > kMaxMerges) {
    return field.error(ErrorCode::kUnsupported, fmt::format("has {} merges; supported are up to {}",
                                                            list->size(), kMaxMerges));
  }
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

}  // namespace oc
