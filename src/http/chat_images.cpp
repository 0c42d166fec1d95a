// The pictures of a question: got from where they lie, counted, then decoded one after the other on
// the pool's threads.
#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory_full.h"
#include "http/access.h"
#include "http/question.h"

namespace oc::http {

void App::fetch_later(const QuestionPtr& question) {
  fetchers_->post(
      asker_of(*question->request), question->interrupt.deadline,
      [question, self = shared_from_this()] { self->take_step(question, &App::fetch_next); });
}

// Those that lie elsewhere first, one after the other; between two, others' come first.
void App::fetch_next(const QuestionPtr& question) {
  if (const auto waited = question->interrupt.check("the wait to fetch a picture"); !waited.ok())
    return question->fail(waited.error(), Stage::kFetch);
  const auto fetched =
      fetch_next_image(question->chat, *options_.sources, question->request->id,
                       question->interrupt, question->request->memory, question->fetched_bytes);
  if (!fetched) return question->fail(fetched.error(), Stage::kFetch);
  if (next_to_fetch(question->chat) != nullptr) return fetch_later(question);
  pool_.post(
      [question, self = shared_from_this()] { self->take_step(question, &App::take_images); });
}

// They are counted before they are decoded, so that many of them cannot fill memory.
void App::take_images(const QuestionPtr& question) {
  auto memory = images_memory(question->chat, question->backend->model().defaults.pictures);
  if (!memory) return question->fail(memory.error(), Stage::kImage);
  question->memory = *memory;
  // The pictures as they came are counted with the decoded ones from now on, and not twice: what
  // fits alone is never told to wait.
  Reservation& texts = question->request->memory;
  texts.shrink_to(held_bytes(question->chat) - encoded_bytes(question->chat));
  if (memory->peak > options_.memory->limit() - texts.bytes())
    return question->fail(
        {ErrorCode::kTooLarge,
         fmt::format("the pictures take {} bytes while they are decoded, over "
                     "the limit of {}",
                     memory->peak, options_.memory->limit()),
         "send fewer or smaller ones, or give the server more (--max-memory-mb)",
         question->chat.images.size() == 1 ? question->chat.images.front().param : "messages"},
        Stage::kImage);
  question->pictures = Reservation(options_.memory, question->request->id);
  if (!question->pictures.grow_to(memory->peak))
    return question->fail(memory_full("pictures"), Stage::kImage);
  decode_next(question);
}

// One picture, then others' come first.
void App::decode_next(const QuestionPtr& question) {
  const Stopwatch watch;
  if (question->progress)
    (*question->progress)({.phase = AnswerPhase::kDecoding,
                           .done = std::ssize(question->chat.generate.images),
                           .total = std::ssize(question->chat.images)});
  const auto decoded = decode_next_image(
      question->chat, question->backend->model().defaults.pictures, question->interrupt);
  metrics_.count_image(decoded);
  if (!decoded) return question->fail(decoded.error(), Stage::kImage);
  if (!*decoded) return answer(question);
  const Image& picture = *question->chat.generate.images.back().image;
  log::step("decode", question->request->id, "width", picture.width, "height", picture.height, "ms",
            watch.ms());
  pool_.post(
      [question, self = shared_from_this()] { self->take_step(question, &App::decode_next); });
}

}  // namespace oc::http
