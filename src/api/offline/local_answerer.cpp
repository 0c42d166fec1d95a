#include "api/offline/local_answerer.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <optional>
#include <utility>

#include "api/cut_json.h"
#include "api/dialect.h"
#include "api/errors.h"
#include "api/registry.h"
#include "api/request_images.h"
#include "base/clock.h"
#include "io/random_text.h"
#include "runtime/library/client_name.h"

namespace oc {
namespace {

ServedModel served(const LoadedModel& loaded, const LocalAnswererOptions& options) {
  ServedModel out = model_as_served(loaded.model->info(), loaded.engine->info(), options.defaults);
  out.name = loaded.name;
  out.aliases = {options.alias};
  out.created = unix_seconds();
  return out;
}

LocalAnswererOptions with_sources(LocalAnswererOptions options) {
  options.limits.sources = options.sources.get();
  return options;
}

ChatReply refused(const Dialect& dialect, const ApiError& error) {
  return {.status = error.status, .body = dialect.error_body(error), .failure = {}};
}

const Dialect* dialect_of(std::string_view path) {
  const auto found = std::ranges::find(chat_paths(), path, &ChatPath::path);
  return found == chat_paths().end() ? nullptr : &found->dialect;
}

}  // namespace

LocalAnswerer::LocalAnswerer(std::shared_ptr<const LoadedModel> model, LocalAnswererOptions options)
    : options_(with_sources(std::move(options))),
      served_(served(*model, options_)),
      engine_(model->engine->info().text()),
      service_(std::move(model), options_.service) {}

Result<ChatRequest> LocalAnswerer::read(const Dialect& dialect, std::string body) const {
  Reservation uncounted;  // as many as threads ask are there at a time
  OC_ASSIGN_OR_RETURN(ChatRequest request,
                      dialect.parse(std::move(body), options_.limits, uncounted));
  const auto is_meant = [&](const std::string& name) { return is_same_name(name, request.model); };
  if (!request.model.empty() && !is_meant(served_.name) &&
      std::ranges::none_of(served_.aliases, is_meant))
    return Error{ErrorCode::kNotFound, "the request names another model than the one that is here",
                 fmt::format("leave \"model\" out, or name \"{}\"", served_.name), "model"};
  OC_RETURN_IF_ERROR(complete_request(request, served_));
  request.stream = false;
  return request;
}

Result<GenerateResult> LocalAnswerer::generate(ChatRequest& request, Service::OnText on_text) {
  GenerateRequest wanted = std::move(request.generate);
  wanted.id = "offline-" + random_text(8);
  wanted.abandoned = options_.stopped;
  if (const auto limit = served_.defaults.time_limit; limit && limit->count() > 0)
    wanted.deadline = std::chrono::steady_clock::now() + *limit;
  std::promise<Result<GenerateResult>> promise;
  std::future<Result<GenerateResult>> done = promise.get_future();
  OC_ASSIGN_OR_RETURN(const auto job, service_.submit(std::move(wanted), std::move(on_text),
                                                      [&](Result<GenerateResult> result) {
                                                        promise.set_value(std::move(result));
                                                      }));
  return done.get();
}

ChatReply LocalAnswerer::answer(std::string_view path, std::string body) {
  const Stopwatch since;
  const Dialect* dialect = dialect_of(path);
  if (dialect == nullptr)
    return refused(default_dialect(),
                   refuse(Refusal::kNoSuchRoute, "no questions are asked there"));
  auto request = read(*dialect, std::move(body));
  if (!request.ok()) return refused(*dialect, to_api_error(request.error(), Stage::kRequest));
  const Interrupt interrupt{options_.stopped};
  Reservation uncounted;
  std::size_t fetched = 0;  // bytes, of the network
  while (next_to_fetch(*request) != nullptr) {
    const auto got =
        fetch_next_image(*request, *options_.sources, "offline", interrupt, uncounted, fetched);
    if (!got.ok() && options_.stopped && options_.stopped()) return {.stopped = true};
    if (!got.ok()) return refused(*dialect, to_api_error(got.error(), Stage::kFetch));
  }
  for (;;) {
    const auto decoded = decode_next_image(*request, served_.defaults.pictures, interrupt);
    if (!decoded.ok() && options_.stopped && options_.stopped()) return {.stopped = true};
    if (!decoded.ok()) return refused(*dialect, to_api_error(decoded.error(), Stage::kImage));
    if (!*decoded) break;
  }
  const std::string warning = warning_of(*request);
  const auto writer =
      dialect->writer(*request, {.model = served_,
                                 .id = std::string(dialect->id_prefix()) + random_text(24),
                                 .created = unix_seconds(),
                                 .warning = warning});
  if (request->instead)  // nothing is asked, and the model is here
    return {.status = 200, .body = writer->whole({}), .failure = {}, .whole_ms = since.ms()};
  std::optional<double> first_text_ms;
  const bool json = request->generate.json_schema.has_value();
  auto result = generate(*request, [&](const AnswerPiece& piece) {
    if (!first_text_ms && !piece.text.empty()) first_text_ms = since.ms();
  });
  if (result.ok() && json) warn_of_cut_json(*result, request->names);
  if (result.ok())
    return {.status = 200,
            .body = writer->whole(*result),
            .failure = {},
            .first_text_ms = first_text_ms,
            .whole_ms = since.ms()};
  if (options_.stopped && options_.stopped()) return {.stopped = true};
  return refused(*dialect, to_api_error(result.error(), Stage::kAnswer));
}

}  // namespace oc
