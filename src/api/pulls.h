// /v1/models/pull: what a client may say, and what it is told. Its stream is server-sent events,
// each one of the documents here. Other routes tell of a pull in their own way: PullWriter.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/errors.h"
#include "api/field.h"
#include "runtime/hub/background_pull.h"
#include "runtime/hub/installed.h"

namespace oc {

struct PullRequest {
  hub::ModelRef ref;
  hub::PullOptions options;
};

// The fields of the body.
std::span<const RequestField> pull_fields();
// Errors: kInvalidArgument, kUnsupported, with the field in param; kNotFound: a short name that no
// known model has, with the nearest one.
Result<PullRequest> parse_pull(std::string_view body);

// The `model` of a request to load one: {"model": "tiny"}. kInvalidArgument, kUnsupported.
Result<std::string> parse_load(std::string_view body);

// {"object": "model.pull", "model", "revision", "phase": "loading" or "checking", "done_bytes",
// "total_bytes", "bytes_per_s" (0: not known yet), "file": {"name", "done_bytes", "total_bytes"}}
std::string pull_progress_json(const hub::ModelRef& ref, const hub::PullProgress& progress,
                               double bytes_per_s);
// The same with "note", of something that is to be known: a retry.
std::string pull_note_json(const hub::ModelRef& ref, std::string_view note);
// The last one: "phase": "done"; "id" is what requests call the model.
std::string pull_done_json(const hub::ModelRef& ref, const hub::PullReport& report);
// To who has stopped one: {"object": "model.pull", "model", "revision", "phase": "stopped"}.
std::string pull_stopped_json(const hub::ModelRef& ref);

// How a client is told of its pull: pieces of a stream, framing included, or one document at its
// end. Const and shared.
class PullWriter {
 public:
  virtual ~PullWriter() = default;
  virtual std::string_view type() const = 0;  // of the stream
  virtual std::string_view ping() const = 0;  // goes out in silence; empty: nothing does
  virtual void progress(std::string& out, const hub::ModelRef& ref, const hub::PullProgress& now,
                        double bytes_per_s) const = 0;
  virtual void note(std::string& out, const hub::ModelRef& ref, std::string_view text) const = 0;
  // The last thing in a stream: one of these.
  virtual void done(std::string& out, const hub::ModelRef& ref,
                    const hub::PullReport& report) const = 0;
  virtual void failed(std::string& out, const ApiError& error) const = 0;
  // Where no stream is wanted.
  virtual std::string whole(const hub::ModelRef& ref, const hub::PullReport& report) const = 0;
};

struct PullCatalogue {
  bool allowed = false;  // whoever asks may begin a pull
  std::string hub;       // its address, for those; empty: it cannot be said
  std::optional<hub::PullState> under_way;
  std::span<const hub::InstalledModel> installed;
  std::span<const hub::UnfinishedPull> unfinished;
};
// What there is to be pulled, and what is here.
std::string pull_catalogue_json(const PullCatalogue& catalogue);

}  // namespace oc
