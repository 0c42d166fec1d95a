// How long a running answer stands still while a large picture of another request is encoded and
// its prompt computed.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "base/result.h"
#include "runtime/bench/load.h"

namespace oc {

struct ImageStallReport {
  std::string url, model;
  Percentiles alone;   // ms from token to token before the picture's request was sent
  Percentiles during;  // and until its first text came
  double first_token_ms = 0;
  std::int64_t prompt_tokens = 0;  // of the picture's request

  std::string table() const;
  boost::json::object json() const;
};

// One answer without a picture runs; behind its 20th piece of text a picture is asked about, in
// high detail: the first of options.images, else a made one of options.picture_side pixels a side.
// kInvalidArgument without either; kUnavailable where no server answers,
// where a request fails or where the running answer ended too early to tell.
Result<ImageStallReport> measure_image_stall(const ServerLoadOptions& options);

}  // namespace oc
