// Lines to a descriptor whose reader may have stopped reading: a pipe, a terminal, a socket. No
// call waits for the reader but flush(), and that no longer than it is told.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace oc {

// A line is written at once where nothing waits and there is room, so that it is out even if the
// process dies next. Else it waits in memory, and a thread writes it when there is room. Lines over
// the limit are dropped and counted; `gap` stands where they are missing. The order is kept.
class LineWriter {
 public:
  struct Options {
    std::size_t max_bytes = std::size_t{1} << 20;  // that wait
    // The line that tells of `dropped` missing ones; empty: none does.
    std::function<std::string(std::uint64_t dropped)> gap = {};
  };

  // Of the descriptor a copy is kept, or where the system allows it a way of its own to the same
  // file, so that its flags stay as they are for whoever shares it.
  LineWriter(int fd, Options options);
  ~LineWriter();  // what is not written is lost
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  void write(std::string_view text);  // whole lines, newlines included; any thread
  // True: everything is written. Any thread.
  bool flush(std::chrono::milliseconds limit);
  std::uint64_t dropped() const;  // over the limit, or refused by the system (a full disk)

 private:
  struct State;
  std::shared_ptr<State> state_;  // the thread's too: it may be stuck in the system for ever
};

}  // namespace oc
