// Pictures of the network, for a server whose clients say where they lie. What comes is bytes and
// nothing else: neither the type that its server declares nor its texts are looked at.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>
#include <vector>

#include "runtime/sources/name_lookup.h"
#include "runtime/sources/picture_bytes.h"
#include "runtime/sources/remote_policy.h"
#include "runtime/sources/remote_url.h"

namespace oc {

// Const, any thread.
class RemotePictures {
 public:
  static constexpr int kMaxRedirects = 3;

  // `time`: for one picture, from its host's name to its last byte, over all redirects.
  RemotePictures(RemotePolicy policy, std::chrono::milliseconds time,
                 NameLookup names = NameLookup())
      : policy_(std::move(policy)), time_(time), names_(std::move(names)) {}

  // Without asking anybody: an address that may be fetched, but for where its host leads.
  Result<RemoteUrl> read(std::string_view url) const;

  // Blocks until it is there. Each host is looked up once, every address that it has is checked,
  // and only those are connected to; a redirect begins anew. By no proxy, with no cookies and no
  // credentials of anybody. kInvalidArgument: refused, or not to be had; kTooLarge, kMemoryFull,
  // kUnavailable; kCancelled, kDeadline as the interrupt says.
  Result<std::vector<std::byte>> fetch(const RemoteUrl& url, const WantedPicture& wanted) const;

 private:
  struct Hop;
  // `url` becomes the one that was asked last.
  Result<void> ask(const RemoteUrl& url, const Interrupt& interrupt, PictureBytes& bytes,
                   const WantedPicture& wanted, Hop& hop) const;
  Result<std::vector<std::byte>> follow(RemoteUrl& url, const Interrupt& interrupt,
                                        const WantedPicture& wanted) const;

  RemotePolicy policy_;
  std::chrono::milliseconds time_;
  NameLookup names_;
};

}  // namespace oc
