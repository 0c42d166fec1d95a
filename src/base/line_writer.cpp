#include "base/line_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/system/files.h"
#include "base/system/sockets.h"

namespace oc {
namespace {

// Writing without waiting. The flags of a descriptor belong to everybody who has it (a shell, a
// child), so O_NONBLOCK is not set on it.
class Output {
 public:
  explicit Output(int fd) {
    struct stat status {};
    const bool known = ::fstat(fd, &status) == 0;
    if (known && S_ISREG(status.st_mode)) way_ = Way::kFile;
    if (known && S_ISSOCK(status.st_mode)) way_ = Way::kSocket;
    if (known && way_ == Way::kPolled) fd_ = open_again_without_waiting(fd);
    if (fd_ >= 0) way_ = Way::kOpenedAgain;
    if (fd_ < 0) fd_ = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  }
  ~Output() {
    if (fd_ >= 0) ::close(fd_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Whether put() can be trusted not to wait, whatever others do to the same pipe.
  bool never_waits() const { return way_ != Way::kPolled; }

  // → bytes written; 0: there is no room now; -1: it cannot be written.
  ssize_t put(std::string_view text) const {
    if (way_ == Way::kPolled) {
      if (!ready(std::chrono::milliseconds(0))) return 0;
      text = text.substr(0, PIPE_BUF);
    }
    ssize_t done = 0;
    do {
      done = way_ == Way::kSocket ? send_without_waiting(fd_, text)
                                  : ::write(fd_, text.data(), text.size());
    } while (done < 0 && errno == EINTR);
    if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
    return done;
  }

  // False: no room within `limit`.
  bool ready(std::chrono::milliseconds limit) const {
    pollfd wanted{fd_, POLLOUT, 0};
    return ::poll(&wanted, 1, static_cast<int>(limit.count())) > 0;
  }

 private:
  enum class Way { kPolled, kFile, kSocket, kOpenedAgain };
  Way way_ = Way::kPolled;
  int fd_ = -1;
};

}  // namespace

struct LineWriter::State {
  State(int fd, Options options_in) : output(fd), options(std::move(options_in)) {}

  const Output output;
  const Options options;
  mutable std::mutex mutex;  // guards all below; a write that may wait is done without it
  std::condition_variable changed, idle;
  std::deque<std::string> lines;
  std::size_t begun = 0;  // bytes of the first line that are written
  std::size_t bytes = 0;
  std::uint64_t dropped = 0, untold = 0;
  bool dropping = false;  // until half of the room is free: one gap, not many
  bool stop = false, ended = false;

  static std::size_t cost(std::string_view line) { return line.size() + sizeof(std::string); }

  void keep(std::string line) {
    bytes += cost(line);
    lines.push_back(std::move(line));
    changed.notify_one();
  }

  void lose() {
    ++dropped;
    ++untold;
  }

  std::string told() {
    const std::uint64_t count = std::exchange(untold, 0);
    return count > 0 && options.gap ? options.gap(count) : std::string();
  }

  void end_gap() {
    if (!dropping || bytes > options.max_bytes / 2) return;
    dropping = false;
    if (std::string line = told(); !line.empty()) keep(std::move(line));
  }

  void write(std::string_view text) {
    const std::lock_guard lock(mutex);
    end_gap();
    if (dropping || bytes + cost(text) > options.max_bytes) {
      dropping = true;
      lose();
      return;
    }
    std::string line = told();
    line += text;
    std::size_t from = 0;
    if (lines.empty() && output.never_waits()) {
      const ssize_t done = output.put(line);
      if (done < 0) return lose();
      from = static_cast<std::size_t>(done);
      if (from == line.size()) return;
    }
    keep(line.substr(from));
  }

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return stop || !lines.empty(); });
      if (stop) break;
      // Others only add behind it, and references stay.
      const std::string_view rest = std::string_view(lines.front()).substr(begun);
      lock.unlock();
      const bool ready = output.ready(std::chrono::milliseconds(100));
      const ssize_t done = ready ? output.put(rest) : 0;
      if (ready && done == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      lock.lock();
      if (done < 0)
        lose();
      else
        begun += static_cast<std::size_t>(done);
      if (done < 0 || begun == lines.front().size()) {
        bytes -= cost(lines.front());
        lines.pop_front();
        begun = 0;
      }
      end_gap();
      if (lines.empty()) idle.notify_all();
    }
    ended = true;
    idle.notify_all();
  }
};

LineWriter::LineWriter(int fd, Options options)
    : state_(std::make_shared<State>(fd, std::move(options))) {
  std::thread([state = state_] { state->run(); }).detach();
}

LineWriter::~LineWriter() {
  std::unique_lock lock(state_->mutex);
  state_->stop = true;
  state_->changed.notify_all();
  state_->idle.wait_for(lock, std::chrono::milliseconds(200), [this] { return state_->ended; });
}

void LineWriter::write(std::string_view text) { state_->write(text); }

bool LineWriter::flush(std::chrono::milliseconds limit) {
  std::unique_lock lock(state_->mutex);
  return state_->idle.wait_for(lock, limit, [this] { return state_->lines.empty(); });
}

std::uint64_t LineWriter::dropped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->dropped;
}

}  // namespace oc
