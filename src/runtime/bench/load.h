// A load generator: many streams against a server that speaks OpenAI's API, ours or another's.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace oc {

struct ServerLoadOptions {
  std::string url = "http://127.0.0.1:8080";  // without /v1
  std::string api_key;                        // empty: none is sent
  std::string model;                          // empty: the first of /v1/models
  // What to do where it has none: how a model is named is the verb's matter.
  std::string name_hint = "name one with --served-model";
  std::vector<int> streams = {1, 2, 4, 8};  // requests under way at a time; one run for each
  int requests = 0;                         // of each run; 0: four for each stream
  int max_tokens = 64;
  std::string question = "What is in this picture?";
  // Pictures to take by turns; none: made ones.
  std::vector<std::string> images;
  int picture_side = 672;   // pixels of a made one; 0: no picture
  bool same_image = false;  // else each made picture is a new one, which no cache knows
  int timeout_s = 600;      // of one request
  std::function<void(std::string_view what)> progress = {};
};

// Milliseconds. Of no values: zeros.
struct Percentiles {
  double p50 = 0, p90 = 0, p99 = 0, max = 0;

  static std::string head(std::string_view unit);  // of a table
  std::string row(std::string_view name) const;
  boost::json::object json() const;
};
Percentiles percentiles(std::vector<double> values);

// Requests that were answered, and how long they took.
struct LoadTimes {
  Percentiles first_token;  // sent → first text
  Percentiles between;      // from text to text
  Percentiles whole;        // sent → end
};

struct LoadRun {
  int streams = 0;
  int requests = 0, failed = 0, empty = 0;
  double seconds = 0;
  std::int64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
  double tokens_per_second = 0;  // completion tokens of all streams
  LoadTimes all;
  LoadTimes first, last;  // the first and the last tenth of the requests, in order of sending
  std::size_t resident_begin = 0, resident_end = 0;  // bytes, behind the first tenth and at the
                                                     // end; 0: the server does not tell
  std::string first_error;
};

struct LoadReport {
  std::string url, model;
  std::vector<LoadRun> runs;

  std::string table() const;  // for people
  boost::json::object json() const;
};

// kUnavailable where no server answers, kInvalidArgument for a picture that is none. Requests that
// fail are counted.
Result<LoadReport> run_load(const ServerLoadOptions& options);

}  // namespace oc
