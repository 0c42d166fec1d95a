#include "http/pulls.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "api/pulls.h"
#include "api/sse.h"
#include "base/log.h"
#include "runtime/hosting/model_recipe.h"
#include "runtime/hub/rate.h"

namespace oc::http {
namespace {

constexpr const char* kPath = "/v1/models/pull";
constexpr std::chrono::milliseconds kTellEvery{250};

Result<hub::PullReport> pull_from_environment(const hub::ModelRef& ref,
                                              const hub::PullOptions& options) {
  OC_ASSIGN_OR_RETURN(const hub::Hub server, hub::hub_from_environment());
  return hub::pull(ref, server, options);
}

// No folder shows.
Error for_clients(const hub::ModelRef& ref, Error error) {
  error.message = without_folder(std::move(error.message), ref.repo);
  error.hint = without_folder(std::move(error.hint), ref.repo);
  return error;
}

double share_of(const hub::PullProgress& progress) {
  return progress.total == 0
             ? 0
             : static_cast<double>(progress.done) / static_cast<double>(progress.total);
}

ApiError other_under_way(const std::optional<hub::PullState>& other) {
  constexpr std::string_view kHint = "one at a time; DELETE /v1/models/pull stops it";
  if (!other)
    return refuse(Refusal::kPullUnderWay, fmt::format("another pull is under way ({})", kHint));
  return refuse(Refusal::kPullUnderWay,
                fmt::format("{} is being pulled, {:.0f} % of it is here ({})", other->ref.repo,
                            share_of(other->progress) * 100, kHint));
}

// The documents of api/pulls.h as server-sent events.
class PullEvents final : public PullWriter {
 public:
  std::string_view type() const override { return default_dialect().stream_type(); }
  std::string_view ping() const override { return kSsePing; }
  void progress(std::string& out, const hub::ModelRef& ref, const hub::PullProgress& now,
                double bytes_per_s) const override {
    append_sse_event(out, pull_progress_json(ref, now, bytes_per_s));
  }
  void note(std::string& out, const hub::ModelRef& ref, std::string_view text) const override {
    append_sse_event(out, pull_note_json(ref, text));
  }
  void done(std::string& out, const hub::ModelRef& ref,
            const hub::PullReport& report) const override {
    append_sse_event(out, whole(ref, report));
    append_sse_event(out, "[DONE]");
  }
  void failed(std::string& out, const ApiError& error) const override {
    append_sse_event(out, default_dialect().error_body(error));
    append_sse_event(out, "[DONE]");
  }
  std::string whole(const hub::ModelRef& ref, const hub::PullReport& report) const override {
    return pull_done_json(ref, report);
  }
};
const PullEvents kEvents;

// The way of one pull to its client. One call at a time: the pull's thread. It stays an answer with
// a status until the hub has said what is to come.
class PullSender {
 public:
  PullSender(hub::ModelRef ref, PullFor whom) : ref_(std::move(ref)), whom_(std::move(whom)) {}

  void offer(std::chrono::milliseconds ping_every) {
    if (!whom_.stream) return;
    StreamOffer offer;
    offer.head.content_type = whom_.writer->type();
    offer.head.headers.emplace_back("X-Accel-Buffering", "no");
    offer.ping = whom_.writer->ping();
    offer.ping_every = ping_every;
    whom_.responder->offer_stream(std::move(offer));
  }

  void progress(const hub::PullProgress& now) {
    using Clock = hub::TransferRate::Clock;
    rate_.add(now);
    const bool news = now.phase != last_.phase || now.file != last_.file;
    if (!news && Clock::now() < next_) return;
    next_ = Clock::now() + kTellEvery;
    last_ = now;
    send([&](std::string& out) { whom_.writer->progress(out, ref_, now, rate_.bytes_per_s()); });
  }

  void note(const std::string& text) {
    log::event(log::Level::kInfo, "pull", {{"model", ref_.repo}, {"note", text}}, id());
    send([&](std::string& out) { whom_.writer->note(out, ref_, text); });
  }

  void done(const Result<hub::PullReport>& report) {
    if (!report.ok()) return failed(report.error());
    log::event(log::Level::kInfo, "pull",
               {{"model", ref_.repo}, {"state", "done"}, {"fetched_mb", report->fetched >> 20}},
               id());
    if (!whom_.stream)
      return void(whom_.responder->respond(json_response(whom_.writer->whole(ref_, *report))));
    send([&](std::string& out) { whom_.writer->done(out, ref_, *report); });
    whom_.responder->finish();
  }

 private:
  const std::string& id() const { return whom_.request->id; }

  void failed(const Error& error) {
    const bool stopped = error.code == ErrorCode::kCancelled;
    log::event(stopped ? log::Level::kInfo : log::Level::kWarning, "pull",
               {{"model", ref_.repo},
                {"state", stopped ? "stopped" : "failed"},
                {"because", error.describe()}},
               id());
    const ApiError told = to_api_error(for_clients(ref_, error), Stage::kPull);
    if (whom_.responder->fail(told)) return;
    send([&](std::string& out) { whom_.writer->failed(out, told); });
    whom_.responder->finish();
  }

  template <class Write>
  void send(const Write& write) {
    if (!whom_.stream) return;
    std::string bytes;
    write(bytes);
    whom_.responder->write(std::move(bytes));
  }

  const hub::ModelRef ref_;
  const PullFor whom_;
  hub::TransferRate rate_;
  hub::PullProgress last_;
  hub::TransferRate::Clock::time_point next_{};
};

}  // namespace

PullRoutes::PullRoutes(PullRoutesOptions options)
    : options_(std::move(options)),
      pulls_(options_.pull ? options_.pull : hub::BackgroundPull::Work(pull_from_environment)) {}

void PullRoutes::add_to(Router& router) {
  const auto self = shared_from_this();
  router.add({.method = "GET",
              .path = kPath,
              .handler = [self](RequestPtr request,
                                ResponderPtr responder) { self->tell(request, responder); },
              .disk = true});
  router.add({.method = "POST",
              .path = kPath,
              .handler = [self](RequestPtr request,
                                ResponderPtr responder) { self->begin(request, responder); },
              .admin = true,
              .own_page = true,
              .json = true,
              .blocking = true});
  router.add({.method = "DELETE",
              .path = kPath,
              .handler = [self](RequestPtr request,
                                ResponderPtr responder) { self->stop(request, responder); },
              .admin = true,
              .own_page = true,
              .blocking = true});
}

void PullRoutes::begin(const RequestPtr& request, const ResponderPtr& responder) {
  auto parsed = parse_pull(request->body);
  if (!parsed.ok()) return void(responder->fail(to_api_error(parsed.error(), Stage::kRequest)));
  begin(*std::move(parsed), {request, responder, &kEvents});
}

void PullRoutes::begin(PullRequest wanted, PullFor whom) {
  const hub::ModelRef ref = wanted.ref;
  const auto sender = std::make_shared<PullSender>(ref, whom);
  hub::PullOptions options = std::move(wanted.options);
  options.patience.cancelled = options_.ending;
  options.patience.note = [sender](const std::string& text) { sender->note(text); };
  options.on_progress = [sender](const hub::PullProgress& now) { sender->progress(now); };
  sender->offer(options_.ping_every);
  const auto id = pulls_.start(ref, std::move(options),
                               [sender, came = options_.came](const Result<hub::PullReport>& end) {
                                 if (end.ok() && came) came();
                                 sender->done(end);
                               });
  if (!id) return void(whom.responder->fail(other_under_way(pulls_.now())));
  log::event(log::Level::kInfo, "pull",
             {{"model", ref.repo}, {"revision", ref.revision}, {"state", "begun"}},
             whom.request->id);
  whom.responder->on_closed([weak = weak_from_this(), id = *id] {
    if (const auto self = weak.lock()) self->pulls_.cancel(id);
  });
}

void PullRoutes::stop(const RequestPtr& request, const ResponderPtr& responder) {
  const auto now = pulls_.now();
  if (!now) return void(responder->fail(refuse(Refusal::kNoPull, "no pull is under way")));
  log::event(log::Level::kInfo, "pull", {{"model", now->ref.repo}, {"state", "to stop"}},
             request->id);
  pulls_.cancel(now->id, [responder, ref = now->ref] {
    responder->respond(json_response(pull_stopped_json(ref)));
  });
}

void PullRoutes::tell(const RequestPtr& request, const ResponderPtr& responder) const {
  const auto installed = hub::installed_models();
  const auto unfinished = hub::unfinished_pulls();
  PullCatalogue out;
  out.allowed = request->admin && !request->guest;
  if (const auto server = hub::hub_from_environment(); server.ok()) out.hub = server->base;
  out.under_way = pulls_.now();
  out.installed = installed;
  out.unfinished = unfinished;
  responder->respond(json_response(pull_catalogue_json(out)));
}

}  // namespace oc::http
