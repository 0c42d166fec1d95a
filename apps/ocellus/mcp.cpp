// ocellus mcp: eyes for programs that have none. A server of the Model Context Protocol on standard
// input and output, which a program starts for itself.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "answer_config.h"
#include "answerers.h"
#include "api/config/schema.h"
#include "api/mcp/session.h"
#include "api/mcp/tools.h"
#include "base/ascii.h"
#include "base/log.h"
#include "images.h"
#include "io/base64.h"
#include "io/file_address.h"
#include "runtime/sources/media_root.h"
#include "terminal.h"
#include "version.h"

namespace oc {
namespace {

struct McpFlags : AnswerFlags {
  std::vector<std::string> roots;
  int parallel = 4;
};

constexpr std::size_t kMaxLine = 96u << 20;  // a picture of 64 MiB in base64, and words
constexpr std::size_t kMostWaiting = 256;    // calls
constexpr std::size_t kMostWaitingBytes = 256u << 20;

// Lines of standard input. What is longer than kMaxLine is passed over, and told.
class InputLines {
 public:
  struct InputLine {
    std::string text;
    bool too_long = false;
  };

  // None at the end of the input, or when the program is to end. The last line may be without its
  // end.
  std::optional<InputLine> next() {
    InputLine out;
    for (;;) {
      const std::size_t end = pending_.find('\n');
      if (end != pending_.npos) {
        if (!out.too_long) out.text += pending_.substr(0, end);
        out.too_long = out.too_long || out.text.size() > kMaxLine;
        pending_.erase(0, end + 1);
        return out;
      }
      if (!out.too_long) out.text += pending_;
      pending_.clear();
      if (out.text.size() > kMaxLine) {
        out.too_long = true;
        out.text = {};
      }
      CatchInterrupt::wait_to_read(STDIN_FILENO);
      if (CatchInterrupt::caught()) return std::nullopt;
      char block[64 << 10];
      const ssize_t got = ::read(STDIN_FILENO, block, sizeof block);
      if (got < 0 && errno == EINTR && !CatchInterrupt::caught()) continue;
      if (got == 0 && !out.text.empty()) return out;
      if (got <= 0) return std::nullopt;
      pending_.assign(block, static_cast<std::size_t>(got));
    }
  }

 private:
  std::string pending_;
};

// Calls are run by threads of their own, so that a ping is answered while one of them looks at a
// picture; replies go out whole, in the order in which they are there.
class Calls {
 public:
  Calls(McpSession& session, int threads) : session_(session) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  // What waits is done first.
  ~Calls() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void send(const std::string& line) {
    const std::lock_guard lock(output_);
    show_line(line);
    std::cout.flush();  // who asks waits for it
  }
  // False: there are too many.
  bool add(McpCall call) {
    const std::lock_guard lock(mutex_);
    const std::size_t bytes = call.tool.arguments.size();
    if (waiting_.size() >= kMostWaiting || waiting_bytes_ + bytes > kMostWaitingBytes) return false;
    waiting_bytes_ += bytes;
    waiting_.push_back(std::move(call));
    wake_.notify_one();
    return true;
  }

 private:
  void work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      if (waiting_.empty() || CatchInterrupt::caught()) return;
      const McpCall call = std::move(waiting_.front());
      waiting_.pop_front();
      waiting_bytes_ -= call.tool.arguments.size();
      lock.unlock();
      if (const std::string reply = session_.run(call); !reply.empty()) send(reply);
    }
  }

  McpSession& session_;
  std::mutex mutex_, output_;
  std::condition_variable wake_;
  std::deque<McpCall> waiting_;
  std::size_t waiting_bytes_ = 0;  // of their arguments
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

// How PNG, JPEG, GIF and WebP begin in base64.
constexpr auto kBeginnings =
    std::to_array<std::string_view>({"iVBORw0KGgo", "/9j/", "_9j_", "R0lGOD", "UklGR"});

// Base64 has no dot, and a picture's file has one. As the server reads it: also with spaces, and
// with the letters for URLs, which a path may have as well.
bool looks_like_base64(std::string_view text) {
  const auto is_of = [&](std::string_view others) {
    return std::ranges::all_of(
        text, [&](char c) { return is_letter_or_digit(c) || others.find(c) != others.npos; });
  };
  const auto begins = [&](std::string_view beginning) { return text.starts_with(beginning); };
  return (text.size() >= 64 && is_of("+/=\r\n")) ||
         (std::ranges::any_of(kBeginnings, begins) && is_of("+/-_=\r\n\t "));
}

class Pictures {
 public:
  Pictures(const std::vector<std::string>& roots, std::size_t max_bytes) : max_bytes_(max_bytes) {
    for (const std::string& root : roots) {
      auto opened = MediaRoot::open(local_path(root));
      if (!opened.ok())
        throw ExitError{2, "--root " + root + " is no folder", "name one that is there"};
      roots_.push_back(*std::move(opened));
    }
  }

  Result<std::string> read(const std::string& picture) const {
    if (starts_with_ignoring_case(picture, "data:") || is_network_address(picture)) return picture;
    if (looks_like_base64(picture)) return "data:image/png;base64," + picture;
    return read_file(picture);
  }

 private:
  // The first folder that has it counts; where none has, what the first one says whose path it is.
  Result<std::string> read_file(const std::string& name) const {
    Error why{ErrorCode::kInvalidArgument, "no folder is allowed"};
    bool found = false;
    const Interrupt interrupt{&CatchInterrupt::caught};
    for (const MediaRoot& root : roots_) {
      const auto path = root.read(name);
      const auto bytes = path.ok() ? root.fetch(*path, {.request_id = "mcp",
                                                        .interrupt = interrupt,
                                                        .max_bytes = max_bytes_,
                                                        .limit = "--max-picture-mb"})
                                   : Result<std::vector<std::byte>>(path.error());
      if (bytes.ok()) return picture_data_uri(*bytes, "png");  // what it is is seen from its bytes
      if (!found) why = bytes.error();
      found = found || path.ok();
    }
    return Error{why.code, "the picture was not read: " + why.message,
                 roots_.empty() ? "start the server with --root FOLDER, or send it in base64"
                                : "name a file below a folder that was given as --root, or send it "
                                  "in base64"};
  }

  std::vector<MediaRoot> roots_;
  const std::size_t max_bytes_;
};

void mcp(McpFlags flags) {
  quiet_logs();
  apply_config(flags);
  check_answer_flags(flags);
  const Pictures pictures(flags.roots, flags.defaults.pictures.limits.max_bytes);
  const CatchInterrupt interrupt;
  const auto answerer = load_answerer(
      flags, {.parallel = flags.parallel, .each_picture_once = false, .fetches = true});
  const TaskSupport tasks = answerer->tasks();
  PictureTools tools(
      *answerer, {.question = question_settings(flags),
                  .detect = tasks.detect,
                  .point = tasks.point,
                  .picture = [&](const std::string& picture) { return pictures.read(picture); }});
  McpSession session(tools, this_build().version);
  Calls calls(session, flags.parallel);
  InputLines lines;
  while (auto line = lines.next()) {
    if (line->too_long) {
      calls.send(McpSession::too_long(kMaxLine));
      continue;
    }
    if (line->text.find_first_not_of(" \t\r") == std::string::npos) continue;
    McpTaken taken = session.take(line->text);
    if (!taken.reply.empty()) calls.send(taken.reply);
    if (taken.call && !calls.add(*taken.call)) calls.send(session.busy(*taken.call));
  }
  if (CatchInterrupt::caught()) throw ExitError{130, "interrupted"};
}

}  // namespace

void add_mcp(CLI::App& app) {
  auto flags = std::make_shared<McpFlags>();
  CLI::App& verb = *app.add_subcommand(
      "mcp", "Give eyes to agents: a server of the Model Context Protocol on standard input");
  verb.add_option("--root", flags->roots,
                  "A folder whose pictures may be read, those below it too; may be given again")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false)
      ->option_text("FOLDER");
  add_parallel_flag(verb, flags->parallel);
  add_many_flags(verb, *flags, true);
  add_setting_flags(verb, flags->config, takers::kAgents);
  verb.footer(
      "An agent starts it and speaks first; typed at a terminal it waits. It ends with its input.");
  add_examples(verb, {"ocellus mcp --root ~/Pictures",
                      "ocellus mcp --model moondream2 --root ~/Pictures --root /tmp"});
  verb.callback([flags] { mcp(*flags); });
}

}  // namespace oc
