// What the tokenizer tests share: the committed tiny tokenizer, the golden one where it is, and a
// decoder that is obviously right.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/base/utf8_reference.h"
#include "text/registry.h"

namespace oc::test {

inline const std::filesystem::path kTinyFolder = OC_SOURCE_DIR "/tests/data/tokenizer";
inline const std::filesystem::path kGolden = OC_SOURCE_DIR "/../shared/golden";

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<boost::json::object> read_lines(const std::filesystem::path& path) {
  const std::string text = read_text(path);
  std::vector<boost::json::object> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(boost::json::parse(text.substr(begin, end - begin)).as_object());
    begin = end + 1;
  }
  return lines;
}

inline std::vector<TokenId> ids_of(const boost::json::value& list) {
  return boost::json::value_to<std::vector<TokenId>>(list);
}

inline std::string text_of(const boost::json::value& value) {
  return boost::json::value_to<std::string>(value);
}

inline std::shared_ptr<const Tokenizer> load(const std::filesystem::path& path) {
  auto loaded = load_tokenizer_json(path);
  if (!loaded.ok()) throw std::runtime_error(loaded.error().describe());
  return *loaded;
}

inline std::shared_ptr<const Tokenizer> tiny() { return load(kTinyFolder / "tiny.json"); }

// Hugging Face's decoder chain on all tokens at once, one stage after the other.
inline std::string decode_plainly(const Tokenizer& tokenizer, std::span<const TokenId> ids,
                                  bool skip_special) {
  std::string text;
  std::string run;
  const auto end_run = [&] {
    if (is_utf8(run)) {
      text += run;
    } else {
      for (std::size_t i = 0; i < run.size(); ++i) text += "\uFFFD";
    }
    run.clear();
  };
  for (const TokenId id : ids) {
    if (!tokenizer.token(id) || (skip_special && tokenizer.is_special(id))) continue;
    std::string token(*tokenizer.token(id));
    if (token.size() == 6 && token.starts_with("<0x") && token.ends_with(">")) {
      run += static_cast<char>(std::stoi(token.substr(3, 2), nullptr, 16));
      continue;
    }
    end_run();
    for (std::size_t at; (at = token.find("▁")) != token.npos;) token.replace(at, 3, " ");
    text += token;
  }
  end_run();
  return text.starts_with(" ") ? text.substr(1) : text;
}

inline std::string decode_in_pieces(const Tokenizer& tokenizer, std::span<const TokenId> ids,
                                    bool skip_special) {
  const auto detokenizer = tokenizer.detokenizer(skip_special);
  std::string text;
  for (const TokenId id : ids) {
    const std::string more = detokenizer->push(id);
    EXPECT_TRUE(is_utf8(more)) << "a piece ends inside a code point";
    text += more;
  }
  const std::string waiting = detokenizer->waiting(), rest = detokenizer->flush();
  EXPECT_EQ(waiting, rest);
  EXPECT_EQ(detokenizer->flush(), "");
  return text + rest;
}

}  // namespace oc::test
