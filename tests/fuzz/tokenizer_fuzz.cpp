// Three forms of input: "T" or "B" and a text goes through a small fixed tokenizer of Llama's or
// GPT-2's kind; anything else is a tokenizer.json up to the first NUL byte, and a text behind it
// for that tokenizer, if it loads.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/fuzz/require.h"
#include "text/registry.h"

namespace {

using oc::TokenId;
using oc::Tokenizer;

std::string added_token(int id, const char* content, bool lstrip, bool rstrip, bool normalized,
                        bool special) {
  return fmt::format(R"({{"id":{},"content":"{}","single_word":false,"lstrip":{},"rstrip":{},)"
                     R"("normalized":{},"special":{}}})",
                     id, content, lstrip, rstrip, normalized, special);
}

// All bytes, a few characters and merges, and added tokens with every flag; no file is needed.
std::string small_sentencepiece() {
  std::string vocab = R"("<unk>":0,"<s>":1,"</s>":2)";
  for (int byte = 0; byte < 256; ++byte) vocab += fmt::format(",\"<0x{:02X}>\":{}", byte, byte + 3);
  int next = 259;
  for (const char* piece :
       {"▁", "a", "b", "é", "<", "|", ">", "▁▁", "▁a", "ab", "aa", "ééé", "éé", "<|", "|>"}) {
    vocab += fmt::format(",\"{}\":{}", piece, next++);
  }
  std::string added;
  const auto add = [&](int id, const char* content, bool lstrip, bool rstrip, bool special) {
    added += (added.empty() ? "" : ",") + added_token(id, content, lstrip, rstrip, false, special);
  };
  add(0, "<unk>", false, false, true);
  add(1, "<s>", false, false, true);
  add(2, "</s>", false, true, false);
  add(next++, "<|a|>", true, false, true);
  add(next++, "<|a|>b", false, true, true);
  add(next++, "<|b|>", true, true, false);
  return R"({"version":"1.0","added_tokens":[)" + added +
         R"(],"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},)"
         R"({"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":null,)"
         R"("post_processor":{"type":"TemplateProcessing","single":[)"
         R"({"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],)"
         R"("special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}},)"
         R"("decoder":{"type":"Sequence","decoders":[)"
         R"({"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},)"
         R"({"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},)"
         R"("model":{"type":"BPE","byte_fallback":true,"vocab":{)" +
         vocab + R"(},"merges":["▁ ▁","a b","▁ a",["a","a"],"é é","éé é","< |","| >"]}})";
}

// Not all bytes, digits apart, merges, runs of white space and added tokens with every flag.
std::string small_byte_level() {
  std::string vocab = R"("<|x|>":0)";
  int next = 1;
  for (const char* letter : {"Ġ",  "ĉ",  "Ċ",  "a",   "b",  "s",  "t",  "'",  "<",  "|",   ">",
                             "1",  "2",  "Ã",  "©",   "Â",  "ł",  "ð",  "Ł",  "¦",  "Ļ",   "ÿ",
                             "ab", "Ġa", "ĠĠ", "Ġab", "Ã©", "<|", "|>", "'s", "aa", "aaaa"})
    vocab += fmt::format(",\"{}\":{}", letter, next++);
  std::string added = added_token(0, "<|x|>", false, false, false, true);
  const auto add = [&](const char* content, bool lstrip, bool rstrip, bool normalized,
                       bool special) {
    added += "," + added_token(next++, content, lstrip, rstrip, normalized, special);
  };
  add("   ", false, false, true, false);
  add("\\t\\t", false, false, true, false);
  add("<|l|>", true, false, false, true);
  add("<|r|>", false, true, true, true);
  add("<|x|>a", true, true, false, true);
  add("<a>", false, false, true, false);
  return R"({"version":"1.0","added_tokens":[)" + added +
         R"(],"normalizer":null,"pre_tokenizer":{"type":"Sequence","pretokenizers":[)"
         R"({"type":"Digits","individual_digits":true},)"
         R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true}]},)"
         R"("post_processor":null,"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{)" +
         vocab +
         R"(},"merges":["a b",["Ġ","a"],"Ġ Ġ","Ġ ab","Ã ©","< |","| >","' s","a a","aa aa"]}})";
}

void check_text(const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view text) {
  for (const bool added : {false, true}) {
    std::vector<TokenId> ids = tokenizer->encode(text, added);
    // Bytes without a token vanish, and are not counted either.
    const std::size_t bytes = tokenizer->normalised_bytes(text);
    const std::size_t longest = tokenizer->longest_token();
    require(!ids.empty() || bytes == 0);
    require(added || (bytes + longest - 1) / longest <= ids.size());
    for (const TokenId id : ids) {
      require(id >= 0 && id < tokenizer->vocab_size() && tokenizer->token(id).has_value());
      // Ordinary text never becomes a control token.
      require(added || !tokenizer->is_special(id));
    }
    // Besides what encode() makes, the text's own bytes as ids: broken runs, ids without a token.
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c) * 5 - 7);
    for (const bool skip : {false, true}) {
      const auto detokenizer = tokenizer->detokenizer(skip);
      std::string joined;
      for (const TokenId id : ids) joined += detokenizer->push(id);
      const std::string waiting = detokenizer->waiting();
      require(waiting == detokenizer->flush());
      joined += waiting;
      require(joined == tokenizer->decode(ids, skip));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = as_text(data, size);
  if (input.starts_with('T') || input.starts_with('B')) {
    static const auto sentencepiece = oc::parse_tokenizer_json(small_sentencepiece(), "T").value();
    static const auto byte_level = oc::parse_tokenizer_json(small_byte_level(), "B").value();
    check_text(input.starts_with('T') ? sentencepiece : byte_level, input.substr(1));
    return 0;
  }
  const std::size_t end = input.find('\0');
  const auto parsed = oc::parse_tokenizer_json(input.substr(0, end), "fuzz");
  if (!parsed.ok()) {
    require(parsed.error().message.starts_with("fuzz: "));
  } else {
    check_text(*parsed, end == input.npos ? input.substr(0, 2000) : input.substr(end + 1));
  }
  return 0;
}
