// A tokenizer of another kind than Llama's, within the fake model's ids: byte-level BPE has a token
// for every byte, no mark for spaces, no space that a text begins without, no "<0x0A>", and nothing
// that stands in front of a text.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "tests/runtime/fake_model.h"
#include "text/bytelevel/byte_letters.h"
#include "text/registry.h"

namespace oc::fake {

// Ids 0 to 2 have no token, then come the bytes, then what the merges make (" yes", "yes", " no",
// "no", " hello", "hello", the first two bytes of "€", "\n\n" and JSON's pairs of signs), kEnd is
// "<|end|>".
inline std::shared_ptr<const Tokenizer> byte_level_tokenizer() {
  constexpr TokenId kFirstByte = 3;
  boost::json::object vocab;
  for (int byte = 0; byte < 256; ++byte)
    vocab[letter_of_byte(static_cast<std::uint8_t>(byte))] = kFirstByte + byte;
  boost::json::array merges;
  TokenId next = kFirstByte + 256;
  for (const auto& [left, right] :
       std::initializer_list<std::pair<const char*, const char*>>{{"y", "e"},
                                                                  {"ye", "s"},
                                                                  {"Ġ", "yes"},
                                                                  {"n", "o"},
                                                                  {"Ġ", "no"},
                                                                  {"h", "e"},
                                                                  {"l", "l"},
                                                                  {"he", "ll"},
                                                                  {"hell", "o"},
                                                                  {"Ġ", "hello"},
                                                                  {"â", "Ĥ"},
                                                                  {"Ċ", "Ċ"},
                                                                  {"{", "\""},
                                                                  {"\"", ":"},
                                                                  {"\"", "}"},
                                                                  {"\"", ","},
                                                                  {"Ġ", "\""},
                                                                  {"[", "\""},
                                                                  {"\"", "]"}}) {
    merges.push_back(boost::json::array{left, right});
    vocab[std::string(left) + right] = next++;
  }
  OC_CHECK(next <= kEnd, "{} tokens", next);
  const boost::json::object end = {
      {"id", kEnd},      {"content", "<|end|>"}, {"special", true},    {"single_word", false},
      {"lstrip", false}, {"rstrip", false},      {"normalized", false}};
  const boost::json::object document = {
      {"added_tokens", boost::json::array{end}},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", std::move(merges)}}}};
  return parse_tokenizer_json(boost::json::serialize(document), "byte level").value();
}

}  // namespace oc::fake
