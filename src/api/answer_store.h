// Answers that their clients may come back to, each with the turns before it: OpenAI's
// previous_response_id. In memory only, within a bound that pictures count against. What is kept of
// a conversation is all of it or nothing.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/memory_budget.h"

namespace oc {

// What was asked and answered, and the turn before: texts of a dialect's own. Const once it is
// made.
struct KeptTurn {
  KeptTurn() = default;
  KeptTurn(const KeptTurn&) = delete;
  KeptTurn& operator=(const KeptTurn&) = delete;
  ~KeptTurn();

  std::string id;             // of the answer
  std::string input, output;  // JSON: arrays of items
  std::shared_ptr<KeptTurn> previous;
  std::size_t all_bytes = 0;  // with those before it
  Reservation memory;
};

// A turn that may be kept.
struct AnsweredTurn {
  std::string id;
  std::string input, output;           // as of KeptTurn
  std::string document;                // the whole answer
  std::shared_ptr<KeptTurn> previous;  // of this store; null: it is the first
};

// Any thread.
class AnswerStore {
 public:
  explicit AnswerStore(std::size_t max_bytes);

  bool enabled() const { return max_bytes() > 0; }
  std::size_t max_bytes() const { return budget_->limit(); }
  // Makes room where there is none: the oldest answer goes, of the client who has the most kept. A
  // conversation that is larger than the store is not kept, and nothing goes for it.
  void keep(const std::string& client, AnsweredTurn turn);
  // Null and empty: it is not kept, or is another client's.
  std::shared_ptr<KeptTurn> turn(const std::string& client, std::string_view id) const;
  std::shared_ptr<const std::string> document(const std::string& client, std::string_view id) const;
  // False: as above. Answers that went on from it keep what they need of it.
  bool remove(const std::string& client, std::string_view id);

  std::size_t used() const { return budget_->used(); }

 private:
  struct Entry {
    std::shared_ptr<KeptTurn> turn;
    std::shared_ptr<const std::string> document;
    Reservation memory;  // of the document
  };
  struct Client {
    std::list<Entry> entries;  // the oldest first
    std::map<std::string, std::list<Entry>::iterator, std::less<>> by_id;
    std::size_t bytes = 0;  // of the entries
  };
  using Clients = std::map<std::string, Client>;
  static std::size_t bytes_of(const Entry& entry);
  // Under the lock.
  const Entry* find(const std::string& client, std::string_view id) const;
  bool drop_one();
  void drop(Clients::iterator client, std::list<Entry>::iterator entry);
  bool reserve(Reservation& memory, std::size_t bytes);

  const std::shared_ptr<MemoryBudget> budget_;
  mutable std::mutex mutex_;
  Clients clients_;
};

}  // namespace oc
