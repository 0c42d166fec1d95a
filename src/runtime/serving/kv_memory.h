// Memory for keys and values as running requests claim it: fair_shares.h says who may have more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/serving/fair_shares.h"
#include "runtime/serving/request_entry.h"

namespace oc {

// Engine thread, but what is const and static. Tokens are counted in whole blocks.
class KvMemory {
 public:
  // limit: bytes, of running requests and kept prefixes together; 0: none. `model` outlives it.
  KvMemory(std::size_t limit, const ModelInfo& model) : limit_(limit), model_(model) {}

  std::size_t bytes_of(std::int64_t tokens) const {
    return static_cast<std::size_t>(whole_kv_blocks(tokens)) * model_.kv_token_bytes;
  }
  // Why a request could never be admitted, if so. Any thread.
  std::optional<Error> too_long(const Session& session) const;
  // What these have been given, and what is left of the limit, if there is one.
  std::size_t reserved(std::span<const EntryPtr> running) const;
  std::optional<std::size_t> left(std::span<const EntryPtr> running) const;
  // Whether what runs, with another one beside it, can go on to its end, one after the other.
  bool fits(std::span<const EntryPtr> running, std::optional<MemoryClaim> another) const;
  // Gives what the next step of one of them needs. False: it cannot have it, and stands still.
  bool give(std::span<const EntryPtr> running, RequestEntry& entry, Sequence& sequence) const;
  // For the log: that the request holds what it holds now, or nothing any more.
  void note_held(std::span<const EntryPtr> running, RequestEntry& entry) const;
  void note_given_back(std::span<const EntryPtr> running, RequestEntry& entry) const;

 private:
  void note(std::span<const EntryPtr> running, RequestEntry& entry, std::size_t held) const;

  const std::size_t limit_;
  const ModelInfo& model_;
};

}  // namespace oc
