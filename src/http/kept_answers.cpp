// Answers that are kept for their clients: told once more, what they were made of, forgotten.
#include <fmt/format.h>

#include "api/responses/kept_json.h"
#include "http/access.h"
#include "http/app.h"

namespace oc::http {
namespace {

constexpr std::string_view kPrefix = "/v1/responses/", kItems = "/input_items";

ApiError no_such_answer() {
  return refuse(Refusal::kNoSuchAnswer,
                "there is no answer of this id for this key, or it is not kept any more",
                "response_id");
}

void tell_items(const AnswerStore& answers, const AppOptions& options, const Request& request,
                const ResponderPtr& responder, std::string_view id) {
  const auto turn = answers.turn(owner_of(request), id);
  if (!turn) return void(responder->fail(no_such_answer()));
  auto memory = std::make_shared<Reservation>(options.memory, request.id);
  auto items = input_items_json(*turn, request.query, *memory);
  if (!items) return void(responder->fail(to_api_error(items.error(), Stage::kRequest)));
  Response response = json_response(*std::move(items));
  memory->shrink_to(response.body.capacity());
  response.memory = memory;
  responder->respond(std::move(response));
}

void tell_answer(const AnswerStore& answers, const Request& request, const ResponderPtr& responder,
                 std::string_view id) {
  const auto document = answers.document(owner_of(request), id);
  if (!document) return void(responder->fail(no_such_answer()));
  if (const auto checked = check_retrieve(request.query); !checked.ok())
    return void(responder->fail(to_api_error(checked.error(), Stage::kRequest)));
  responder->respond(json_response(*document));
}

}  // namespace

void App::add_kept_answers(Router& router) {
  const auto self = shared_from_this();
  const std::string path = std::string(kPrefix) + "*";
  router.add({.method = "GET",
              .path = path,
              .handler =
                  [self](RequestPtr request, ResponderPtr responder) {
                    std::string_view id = std::string_view(request->path).substr(kPrefix.size());
                    if (!id.ends_with(kItems))
                      return tell_answer(*self->answers_, *request, responder, id);
                    id.remove_suffix(kItems.size());
                    tell_items(*self->answers_, self->options_, *request, responder, id);
                  },
              .blocking = true});
  router.add({.method = "DELETE",
              .path = path,
              .handler = [self](RequestPtr request, ResponderPtr responder) {
                const std::string_view id = std::string_view(request->path).substr(kPrefix.size());
                if (!self->answers_->remove(owner_of(*request), id))
                  return void(responder->fail(no_such_answer()));
                responder->respond(json_response(deleted_json(id)));
              }});
}

}  // namespace oc::http
