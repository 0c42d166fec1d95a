// One request's way back to its connection: handlers on any thread put the answer in, the
// connection takes it out on the io thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "http/types.h"

namespace oc::http {

class Exchange final : public Responder {
 public:
  // wake: called from any thread when there is something to take. A stream that is more than
  // max_pending bytes ahead of its reader is given up. So is one for which `budget` has no room; it
  // becomes an error where nothing of it has been taken. `unsent` bounds what all answers together
  // hold while they wait for their readers; null: nothing does. Errors are told in `dialect`.
  Exchange(std::function<void()> wake, const Dialect& dialect, std::size_t max_pending,
           std::shared_ptr<MemoryBudget> budget, std::shared_ptr<MemoryBudget> unsent = nullptr);

  bool respond(Response response) override;
  bool fail(const ApiError& error) override;
  bool offer_stream(StreamOffer offer) override;
  bool write(std::string bytes) override;
  void finish() override;
  void on_closed(std::function<void()> callback) override;
  bool closed() const override;

  // The connection's side.
  struct Output {
    std::optional<Response> whole;  // the complete answer
    std::optional<Response> head;   // a stream begins
    std::string bytes;              // more of it
    bool finished = false;          // and its end
    bool closed = false;            // given up: the reader is too slow
  };
  Output take();  // what was taken before has been sent
  // How long to wait before tick() is due; nullopt: no stream on offer, or one without pings.
  std::optional<std::chrono::milliseconds> ping_every() const;
  void tick();      // silence: begins an offered stream, or pings
  void close();     // the client has gone, or the answer is complete
  void complete();  // the answer is on its way: on_closed will not be called any more

 private:
  std::function<void()> wake_;
  const Dialect& dialect_;
  const std::size_t max_pending_;
  const std::shared_ptr<MemoryBudget> budget_, all_unsent_;
  mutable std::mutex mutex_;
  std::optional<Response> whole_;
  std::optional<StreamOffer> offer_;
  std::string pending_;
  std::size_t sending_ = 0;      // bytes of the stream that were taken last
  Reservation memory_, unsent_;  // of the stream
  bool begun_ = false;           // the stream has a first byte
  bool head_taken_ = false;
  bool finished_ = false;
  bool closed_ = false;
  std::function<void()> closed_callback_;

  void begin();  // under the lock
};

}  // namespace oc::http
