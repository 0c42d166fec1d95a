#include "image/isolated/process.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>

#include "base/system/child_process.h"
#include "base/system/program.h"
#include "image/isolated/helper.h"

namespace oc {
namespace {

using namespace std::chrono_literals;

// What it computes is bounded by its limit of CPU; this is for one that computes nothing.
constexpr auto kMaxWait = 120s;
// Between two looks at whether anybody still wants the picture.
constexpr int kLookMs = 5;

Error unavailable(std::string_view what) {
  return {ErrorCode::kUnavailable, std::string(what), "try again later"};
}

// What an end by a signal means. The picture is to blame for what the helper does itself.
Error of_signal(int signal, const Decoding& task) {
  switch (signal) {
    case SIGXCPU:
      return {ErrorCode::kTooLarge,
              fmt::format("the {} picture takes more than {} s of CPU to decode",
                          to_string(task.info.format), kMaxCpuSeconds),
              "send a smaller one, or save it as an ordinary JPEG"};
    case SIGKILL:
    case SIGTERM:
    case SIGINT:
    case SIGHUP:
    case SIGQUIT:
      return unavailable("the picture's decoder was ended from outside");
    default:
      return damaged(task.info.format);
  }
}

Error of_status(int status, const Decoding& task) {
  const std::string_view format = to_string(task.info.format);
  switch (static_cast<HelperStatus>(status)) {
    case HelperStatus::kUnsupported:
      return {ErrorCode::kUnsupported,
              fmt::format("the {} picture is of an unusual kind that is not supported", format),
              "save it as JPEG or PNG"};
    case HelperStatus::kNoDecoder:
      return {
          ErrorCode::kUnsupported,
          fmt::format("this is a {} picture, for which this program was built without a decoder",
                      format),
          "save it as JPEG or PNG"};
    case HelperStatus::kOutOfMemory:
      return {ErrorCode::kTooLarge,
              fmt::format("the {} picture takes more memory to decode than one of {}x{} pixels "
                          "does",
                          format, task.info.width, task.info.height),
              "save it again, as an ordinary JPEG"};
    case HelperStatus::kNotLocked:
    case HelperStatus::kNotAsked:
      return {ErrorCode::kUnavailable,
              fmt::format("{} pictures are not decoded: this system does not let the decoder lock "
                          "itself in",
                          format),
              "seccomp filters must be allowed; or save it as JPEG or PNG"};
    case HelperStatus::kDone:  // but the block is not as it should be
    case HelperStatus::kDamaged:
      break;
  }
  return damaged(task.info.format);
}

RequestHeader header_of(const PixelRequest& request, std::size_t file_bytes,
                        std::size_t memory_bytes) {
  RequestHeader header;
  header.asker = ::getpid();
  header.block_bytes = block_bytes(request, file_bytes);
  header.file_bytes = file_bytes;
  header.memory_bytes = memory_bytes;
  header.coder = static_cast<std::uint32_t>(request.coder);
  header.samples = static_cast<std::uint32_t>(request.samples);
  header.width = request.width;
  header.height = request.height;
  return header;
}

// Nobody writes to it any more. Only that it says so itself is believed, nothing of its sizes.
bool is_done(const SharedBlock& block, RequestHeader expected) {
  RequestHeader header;
  std::memcpy(&header, block.bytes().data(), sizeof header);
  expected.done = 1;
  return std::memcmp(&header, &expected, sizeof header) == 0;
}

// Its wait status, as ChildProcess::ended().
Result<int> wait_for(ChildProcess& child, int life, const Decoding& task) {
  const auto last = std::chrono::steady_clock::now() + kMaxWait;
  for (bool closed = false;;) {
    if (closed) {  // it is about to end
      if (const auto status = child.ended()) return *status;
      ::poll(nullptr, 0, 1);
    } else {
      pollfd end{.fd = life, .events = POLLIN, .revents = 0};
      closed = ::poll(&end, 1, kLookMs) == 1;
    }
    if (task.interrupt.stop()) return failure(Outcome::kStopped, task);
    if (std::chrono::steady_clock::now() > last)
      return unavailable("the picture's decoder did not end");
  }
}

}  // namespace

Result<HelperPixels> run_helper(const Decoding& task, const PixelRequest& request,
                                std::size_t memory_bytes) {
  if (!can_be_image_helper())
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("{} pictures are not decoded by this program", to_string(task.info.format)),
        "save it as JPEG or PNG"};
  const RequestHeader header = header_of(request, task.bytes.size(), memory_bytes);
  SharedBlock block = SharedBlock::make(header.block_bytes);
  const Descriptor shared = above_child_descriptors(block.descriptor());
  Pipe life = make_pipe();
  life.write = above_child_descriptors(life.write.get());
  if (block.empty() || !shared.open() || !life.write.open())
    return unavailable("out of memory while the picture was decoded");
  std::memcpy(block.bytes().data(), &header, sizeof header);
  std::memcpy(block.bytes().data() + kFileAt, task.bytes.data(), task.bytes.size());

  auto child =
      ChildProcess::start(running_program(), kHelperArgument, {shared.get(), life.write.get()});
  if (!child) return unavailable("the picture's decoder could not be started");
  life.write.close();
  OC_ASSIGN_OR_RETURN(const int status, wait_for(*child, life.read.get(), task));

  if (status != -1 && WIFSIGNALED(status)) return of_signal(WTERMSIG(status), task);
  const bool done = is_done(block, header);
  if (status == -1 && !done) return unavailable("how the picture's decoder ended is not known");
  if (!done || (status != -1 && WEXITSTATUS(status) != 0))
    return of_status(status == -1 ? 0 : WEXITSTATUS(status), task);
  return HelperPixels(std::move(block), pixels_at(task.bytes.size()), request.pixel_bytes());
}

}  // namespace oc
