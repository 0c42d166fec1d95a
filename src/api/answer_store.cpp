#include "api/answer_store.h"

#include <algorithm>
#include <utility>

namespace oc {
namespace {

constexpr std::size_t kRoom = 1024;  // what stands around texts, for a turn or a document

}  // namespace

// One turn after the other: a conversation may be longer than the stack is deep.
KeptTurn::~KeptTurn() {
  std::shared_ptr<KeptTurn> next = std::move(previous);
  while (next && next.use_count() == 1) {
    std::shared_ptr<KeptTurn> before = std::move(next->previous);
    next = std::move(before);
  }
}

AnswerStore::AnswerStore(std::size_t max_bytes)
    : budget_(std::make_shared<MemoryBudget>(max_bytes)) {}

void AnswerStore::keep(const std::string& client, AnsweredTurn turn) {
  auto kept = std::make_shared<KeptTurn>();
  kept->id = std::move(turn.id);
  kept->input = std::move(turn.input);
  kept->output = std::move(turn.output);
  kept->previous = std::move(turn.previous);
  for (std::string* text : {&kept->input, &kept->output, &turn.document}) text->shrink_to_fit();
  const std::size_t own = kRoom + kept->input.capacity() + kept->output.capacity();
  kept->all_bytes = own + (kept->previous ? kept->previous->all_bytes : 0);
  const std::size_t document = kRoom + turn.document.capacity();
  if (kept->all_bytes + document > budget_->limit()) return;
  Entry entry{kept, std::make_shared<const std::string>(std::move(turn.document)),
              Reservation(budget_)};
  kept->memory = Reservation(budget_);
  const std::lock_guard lock(mutex_);
  if (!reserve(kept->memory, own) || !reserve(entry.memory, document)) return;
  Client& all = clients_[client];
  all.bytes += bytes_of(entry);
  all.entries.push_back(std::move(entry));
  all.by_id[kept->id] = std::prev(all.entries.end());
}

std::shared_ptr<KeptTurn> AnswerStore::turn(const std::string& client, std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(client, id);
  return entry == nullptr ? nullptr : entry->turn;
}

std::shared_ptr<const std::string> AnswerStore::document(const std::string& client,
                                                         std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(client, id);
  return entry == nullptr ? nullptr : entry->document;
}

bool AnswerStore::remove(const std::string& client, std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto all = clients_.find(client);
  if (all == clients_.end()) return false;
  const auto found = all->second.by_id.find(id);
  if (found == all->second.by_id.end()) return false;
  drop(all, found->second);
  return true;
}

const AnswerStore::Entry* AnswerStore::find(const std::string& client, std::string_view id) const {
  const auto all = clients_.find(client);
  if (all == clients_.end()) return nullptr;
  const auto found = all->second.by_id.find(id);
  return found == all->second.by_id.end() ? nullptr : &*found->second;
}

bool AnswerStore::reserve(Reservation& memory, std::size_t bytes) {
  while (!memory.grow_to(bytes))
    if (!drop_one()) return false;
  return true;
}

// Who keeps little does not lose it to one who keeps much.
bool AnswerStore::drop_one() {
  const auto most = std::ranges::max_element(
      clients_, {}, [](const auto& client) { return client.second.bytes; });
  if (most == clients_.end()) return false;
  drop(most, most->second.entries.begin());
  return true;
}

void AnswerStore::drop(Clients::iterator client, std::list<Entry>::iterator entry) {
  Client& all = client->second;
  all.bytes -= bytes_of(*entry);
  all.by_id.erase(entry->turn->id);
  all.entries.erase(entry);
  if (all.entries.empty()) clients_.erase(client);
}

std::size_t AnswerStore::bytes_of(const Entry& entry) {
  return entry.turn->memory.bytes() + entry.memory.bytes();
}

}  // namespace oc
