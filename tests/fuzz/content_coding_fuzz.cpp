// The input as a packed body, in both codings: it is as long as allowed or refused, memory is
// counted, and what was packed comes out again.
#include "http/content_coding.h"

#include <memory>
#include <string>

#include "tests/fuzz/require.h"
#include "tests/http/packed.h"

namespace {

using oc::MemoryBudget;
using oc::http::Coding;
using oc::http::Request;

constexpr std::size_t kMax = 1u << 17, kBudget = 1u << 20;

void unpack(const std::string& bytes, Coding coding, const std::string* wanted) {
  const auto budget = std::make_shared<MemoryBudget>(kBudget);
  {
    Request request;
    request.body = bytes;
    request.memory = oc::Reservation(budget);
    require(request.memory.grow_to(request.body.capacity()));
    const auto refused = oc::http::unpack_body(request, coding, kMax);
    require(budget->used() <= request.body.capacity());
    if (refused) {
      require(refused->status == 400 || refused->status == 413 || refused->status == 429);
      require(request.body.empty() && wanted == nullptr);
    } else {
      require(request.body.size() <= kMax);
      require(wanted == nullptr || request.body == *wanted);
    }
  }
  require(budget->used() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(as_text(data, size));
  for (const Coding coding : {Coding::kGzip, Coding::kDeflate}) unpack(bytes, coding, nullptr);
  if (size > kMax) return 0;
  unpack(oc::http::packed(bytes), Coding::kGzip, &bytes);
  unpack(oc::http::packed(bytes, 15), Coding::kDeflate, &bytes);

  Request named;
  named.headers.emplace_back("content-encoding", bytes.substr(0, 100));
  Coding coding = Coding::kNone;
  if (const auto refused = oc::http::find_coding(named, &coding))
    for (const char c : refused->message) require(c >= 0x20 && c != 0x7f);
  return 0;
}
