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

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) {
  for (AddedToken& token : tokens) (token.normalized ? normalized_ : raw_).add(std::move(token));
  raw_.sort();
  normalized_.sort();
}

void AddedTokens::split(std::string_view text, const Visit& visit) const {
  raw_.split(text, [&](const TextSegment& segment) {
    segment.added >= 0 ? visit(segment) : normalized_.split(segment.text, visit);
  });
}

void AddedTokens::Matcher::add(AddedToken token) {
  first_bytes_.set(static_cast<std::uint8_t>(token.content.at(0)));
  tokens_.push_back(std::move(token));
}

void AddedTokens::Matcher::sort() { std::ranges::sort(tokens_, {}, &AddedToken::content); }

const AddedToken* AddedTokens::Matcher::match(std::string_view text) const {
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

void AddedTokens::Matcher::split(std::string_view text, const Visit& visit) const {
  std::size_t done = 0;       // end of the last segment
  std::size_t white_end = 0;  // of the white space that was swallowed last
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* token = match(text.substr(at));
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    // Matching goes on here, also within the white space that this token swallows.
    at += token->content.size();
    std::size_t end = at;
    while (token->lstrip && begin > done) {
      const CodePoint before = last_code_point(text.substr(done, begin - done));
      if (before.size == 0 || !is_white_space(before.value)) break;
      begin -= before.size;
    }
    if (token->rstrip) {
      if (end >= white_end) white_end = end + leading_white_space(text.substr(end));
      end = white_end;
    }
    if (done < begin) visit({text.substr(done, begin - done)});
    visit({text.substr(begin, end - begin), token->id});
    done = end;
  }
  if (done < text.size()) visit({text.substr(done)});
}

}  // namespace oc
