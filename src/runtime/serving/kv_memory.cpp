#include "runtime/serving/kv_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"

namespace oc {

std::optional<Error> KvMemory::too_long(const Session& session) const {
  const std::int64_t tokens = session.kv_claim().peak;
  const std::size_t needed = bytes_of(tokens);
  if (limit_ == 0 || needed <= limit_) return std::nullopt;
  const std::string units = session.may_set_knobs() ? knob_units(model_.knobs) : std::string();
  std::string less = fmt::format("use fewer pictures{}", units.empty() ? "" : " or " + units);
  if (session.pictures().count() == 0) less = "shorten the text or leave out earlier turns";
  return Error{
      ErrorCode::kContextLength,
      fmt::format("{} tokens of prompt and answer need {} MB of keys and values; this server "
                  "has {} MB for them",
                  tokens, needed >> 20, limit_ >> 20),
      fmt::format("ask for a smaller max_tokens, {}, or give the server more (--kv-memory)", less),
      "max_tokens"};
}

std::size_t KvMemory::reserved(std::span<const EntryPtr> running) const {
  std::size_t total = 0;
  for (const EntryPtr& entry : running) total += bytes_of(entry->session->kv_claim().held);
  return total;
}

std::optional<std::size_t> KvMemory::left(std::span<const EntryPtr> running) const {
  if (limit_ == 0) return std::nullopt;
  return limit_ - std::min(reserved(running), limit_);
}

bool KvMemory::fits(std::span<const EntryPtr> running, std::optional<MemoryClaim> another) const {
  const std::size_t token = model_.kv_token_bytes;
  if (limit_ == 0 || token == 0) return true;
  std::vector<MemoryClaim> claims;
  for (const EntryPtr& entry : running) claims.push_back(entry->session->kv_claim());
  if (another) claims.push_back(*another);
  return all_can_end(std::move(claims), static_cast<std::int64_t>(limit_ / token));
}

bool KvMemory::give(std::span<const EntryPtr> running, RequestEntry& entry,
                    Sequence& sequence) const {
  const std::int64_t before = sequence.kv_given(), needed = sequence.kv_needed();
  if (needed <= before) return true;
  sequence.give_kv(needed);
  if (fits(running, std::nullopt)) return true;
  sequence.give_kv(before);
  entry.short_of_memory = true;
  return false;
}

void KvMemory::note_held(std::span<const EntryPtr> running, RequestEntry& entry) const {
  note(running, entry, bytes_of(entry.session->kv_claim().held));
}

void KvMemory::note_given_back(std::span<const EntryPtr> running, RequestEntry& entry) const {
  note(running, entry, 0);
}

void KvMemory::note(std::span<const EntryPtr> running, RequestEntry& entry,
                    std::size_t held) const {
  if (held > entry.kv_held)
    log::step("memory", entry.request.id, "kv_taken", held - entry.kv_held, "kv_in_use",
              reserved(running), "of", limit_);
  else if (held < entry.kv_held)
    log::step("memory", entry.request.id, "kv_given_back", entry.kv_held - held, "kv_in_use",
              reserved(running));
  entry.kv_held = held;
}

}  // namespace oc
