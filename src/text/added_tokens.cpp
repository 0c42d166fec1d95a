#include "text/added_tokens.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/utf8.h"

namespace oc {

std::size_t leading_white_space(std::string_view text) {
  std::size_t bytes = 0;
  for (;;) {
    const CodePoint next = first_code_point(text.substr(bytes));
    if (next.size == 0 || !is_white_space(next.value)) return bytes;
    bytes += next.size;
  }
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  for (const AddedToken& token : tokens_) {
    first_bytes_.set(static_cast<std::uint8_t>(token.content.at(0)));
  }
}

const AddedToken* AddedTokens::match(std::string_view text) const {
  if (text.empty() || !first_bytes_[static_cast<std::uint8_t>(text[0])]) return nullptr;
  // [begin, end): the tokens that agree with the text in the first `depth` bytes. They are sorted,
  // so those that end right here come first.
  auto begin = tokens_.begin();
  auto end = tokens_.end();
  const AddedToken* longest = nullptr;
  for (std::size_t depth = 0; begin != end; ++depth) {
    if (begin->content.size() == depth) longest = &*begin++;
    if (depth == text.size()) break;
    const auto byte = static_cast<std::uint8_t>(text[depth]);
    const auto byte_of = [&](const AddedToken& t) {
      return static_cast<std::uint8_t>(t.content[depth]);
    };
    begin = std::partition_point(begin, end, [&](const auto& t) { return byte_of(t) < byte; });
    end = std::partition_point(begin, end, [&](const auto& t) { return byte_of(t) == byte; });
  }
  return longest;
}

std::vector<TextSegment> AddedTokens::split(std::string_view text) const {
  std::vector<TextSegment> segments;
  std::size_t done = 0;  // end of the last segment
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* token = match(text.substr(at));
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    std::size_t end = at + token->content.size();
    while (token->lstrip && begin > done) {
      const CodePoint before = last_code_point(text.substr(done, begin - done));
      if (before.size == 0 || !is_white_space(before.value)) break;
      begin -= before.size;
    }
    if (token->rstrip) end += leading_white_space(text.substr(end));
    if (done < begin) segments.push_back({text.substr(done, begin - done)});
    segments.push_back({text.substr(begin, end - begin), token->id});
    // Goes on after swallowed white space: a token that starts inside it is not one (the reference
    // panics there).
    at = done = end;
  }
  if (done < text.size()) segments.push_back({text.substr(done)});
  return segments;
}

}  // namespace oc
