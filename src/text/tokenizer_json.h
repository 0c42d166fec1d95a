// The parts of a tokenizer.json that are the same in every kind: vocabulary, merges and added
// tokens. Errors name the document, the field and what was found.
#pragma once

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/json.h"
#include "text/bpe_merges.h"
#include "text/vocabulary.h"

namespace oc {

// Far above any vocabulary there is (Gemma's has 262,144); the id table stays small whatever a file
// claims.
inline constexpr std::int64_t kMaxId = (1 << 20) - 1;
// Some 50 bytes each. A token may come of several (Gemma has 514,906).
inline constexpr std::int64_t kMaxMerges = 1 << 21;

// `what` names the document in errors. The value lives in `memory`.
Result<boost::json::value> parse_document(std::string_view text, std::string_view what,
                                          boost::json::monotonic_resource* memory);

// kUnsupported: `document: "path" is <value>; supported is <supported>`.
Error unsupported_part(const JsonReader& field, std::string_view supported, std::string_view hint);
// A part of the pipeline must be a Sequence whose `list` holds just these steps, as JSON texts.
// kUnsupported otherwise, with `hint`.
Result<void> expect_sequence(const JsonReader& part, std::string_view list,
                             std::initializer_list<std::string_view> expected,
                             std::string_view hint);
// Absent, null, or equal to the value that changes nothing; kUnsupported otherwise, with `hint`.
Result<void> expect_unused(const JsonReader& object, std::string_view key,
                           const boost::json::value& neutral, std::string_view hint);

// "added_tokens": distinct ids are not checked here.
Result<std::vector<AddedToken>> read_added_tokens(const JsonReader& field);
// "model.vocab", with the added tokens in it and marked. Ids and contents are distinct.
Result<Vocabulary> read_vocabulary(const JsonReader& field, const JsonReader& added_field,
                                   const std::vector<AddedToken>& added);
// "model.merges", by rank: strings "a b" or pairs ["a", "b"]. None leads to an added token.
Result<std::vector<Merge>> read_merges(const JsonReader& field, const Vocabulary& vocabulary);

}  // namespace oc
