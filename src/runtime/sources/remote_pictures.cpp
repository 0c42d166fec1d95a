#include "runtime/sources/remote_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "base/address_range.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/log.h"
#include "runtime/hub/transfer.h"

namespace oc {
namespace {

constexpr std::size_t kMaxHeaderBytes = 32u << 10;

Error refused(std::string message, std::string_view hint = kSendThePicture) {
  return {ErrorCode::kInvalidArgument, std::move(message), std::string(hint)};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// "example.org:443:192.0.2.1,[2001:db8::1]"; none for a host that is an address.
std::string pinned(const RemoteUrl& url, const std::vector<std::string>& addresses) {
  if (url.is_address) return {};
  std::string out = fmt::format("{}:{}:", url.host, url.port);
  for (const std::string& one : addresses) {
    if (!out.ends_with(':')) out += ',';
    out += one.find(':') == one.npos ? one : fmt::format("[{}]", one);
  }
  return out;
}

// However each of the two is written.
bool is_same_address(const std::string& a, std::string_view b) {
  const auto range = AddressRange::parse(a);
  return range && range->contains(b);
}

}  // namespace

// One request and its response's head.
struct RemotePictures::Hop {
  long status = 0;
  std::string location;
  std::optional<std::uint64_t> length;
  std::size_t header_bytes = 0;

  bool take(std::string_view whole_line) {
    header_bytes += whole_line.size();
    if (header_bytes > kMaxHeaderBytes) return false;
    const std::string_view line = trimmed(whole_line);
    if (line.starts_with("HTTP/")) {  // also after a 100 Continue
      status = 0;
      location.clear();
      length.reset();
      if (const std::size_t space = line.find(' '); space != line.npos) {
        const std::string_view digits = line.substr(space + 1, 3);
        std::from_chars(digits.data(), digits.data() + digits.size(), status);
      }
      return true;
    }
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return true;
    const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
    if (equal_ignoring_case(name, "location")) location = value;
    if (equal_ignoring_case(name, "content-length")) {
      std::uint64_t bytes = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), bytes);
      if (error == std::errc() && end == value.data() + value.size()) length = bytes;
    }
    return true;
  }
};

Result<RemoteUrl> RemotePictures::read(std::string_view url) const {
  OC_ASSIGN_OR_RETURN(RemoteUrl out, parse_remote_url(url));
  OC_RETURN_IF_ERROR(policy_.check_scheme(out));
  return out;
}

Result<void> RemotePictures::ask(const RemoteUrl& url, const Interrupt& interrupt,
                                 PictureBytes& bytes, const WantedPicture& wanted, Hop& hop) const {
  std::vector<std::string> addresses = {url.host};
  if (!url.is_address) {
    OC_ASSIGN_OR_RETURN(addresses, names_.addresses(url.host, interrupt));
  }
  OC_RETURN_IF_ERROR(policy_.check_addresses(url, addresses));
  std::optional<Error> why;  // that it was stopped here
  const auto keep = [&why](const Result<void>& result) {
    if (!result.ok()) why = result.error();
    return result.ok();
  };
  TransferOptions options;
  options.url = url.text();
  options.headers = {"Accept: image/*, */*;q=0.1", "Accept-Encoding: identity"};
  options.connection_of_its_own = true;
  options.many_threads = true;
  options.direct = true;
  options.resolved = pinned(url, addresses);
  options.may_connect = [&](std::string_view address, int port) {
    return port == url.port && std::ranges::any_of(addresses, [&](const std::string& one) {
             return is_same_address(one, address);
           });
  };
  options.on_header = [&](std::string_view line) {
    return hop.take(line) || keep(refused("its server's answer has too long a head"));
  };
  options.on_body = [&](std::string_view body) {
    if (hop.status != 200) return false;  // its text is for browsers
    if (bytes.size() == 0 && hop.length && !keep(bytes.expect(*hop.length))) return false;
    return keep(bytes.add(std::as_bytes(std::span(body))));
  };
  Transfer transfer;
  transfer.prepare(std::move(options));
  const Stopwatch watch;
  const auto failure = transfer.perform([&] { return interrupt.stop(); });
  log::step("fetch", wanted.request_id, "host", url.host, "addresses", addresses.size(), "status",
            hop.status, "bytes", bytes.size(), "ms", watch.ms(), "failure",
            failure ? failure->text : "");
  if (why) return *why;
  OC_RETURN_IF_ERROR(interrupt.check("fetching a picture"));
  if (!failure || (hop.status > 200 && hop.status < 600)) return {};
  if (failure->hopeless)
    return refused("its server's certificate, or what it speaks, cannot be trusted");
  return refused(hop.status == 0 ? "its server gave no answer" : "its server's answer broke off");
}

Result<std::vector<std::byte>> RemotePictures::follow(RemoteUrl& url, const Interrupt& interrupt,
                                                      const WantedPicture& wanted) const {
  for (int redirects = 0;; ++redirects) {
    PictureBytes bytes(wanted);
    Hop hop;
    OC_RETURN_IF_ERROR(ask(url, interrupt, bytes, wanted, hop));
    if (hop.status == 200 && bytes.size() == 0) return refused("its server sent no bytes");
    if (hop.status == 200) return std::move(bytes).take();
    if (!is_redirect(hop.status))
      return refused(fmt::format("its server answered with status {}", hop.status));
    if (redirects == kMaxRedirects)
      return refused(fmt::format("it is redirected more than {} times", kMaxRedirects));
    if (hop.location.empty()) return refused("it is redirected to nowhere");
    OC_ASSIGN_OR_RETURN(RemoteUrl to, resolve_remote_url(url, hop.location));
    OC_RETURN_IF_ERROR(policy_.check_scheme(to));
    if (url.https && !to.https) return refused("it is redirected from https to http");
    url = std::move(to);
  }
}

Result<std::vector<std::byte>> RemotePictures::fetch(const RemoteUrl& url,
                                                     const WantedPicture& wanted) const {
  Interrupt both = wanted.interrupt;
  const auto end = std::chrono::steady_clock::now() + time_;
  both.deadline = both.deadline ? std::min(*both.deadline, end) : end;
  RemoteUrl at = url;
  auto bytes = follow(at, both, wanted);
  if (bytes.ok()) return bytes;
  log::event(log::Level::kInfo, "not fetched", {{"host", at.host}, {"why", bytes.error().message}},
             wanted.request_id);
  if (bytes.error().code != ErrorCode::kDeadline) return bytes;
  OC_RETURN_IF_ERROR(wanted.interrupt.check("fetching a picture"));
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("the picture did not come within {} s",
                           std::chrono::duration<double>(time_).count()),
               fmt::format("{}, or raise --remote-image-seconds", kSendThePicture)};
}

}  // namespace oc
