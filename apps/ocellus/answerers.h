// The model that answers a verb's many questions: loaded here once, its service kept full.
#pragma once

#include <cstddef>
#include <memory>

#include "answer_flags.h"
#include "api/offline/answerer.h"
#include "api/offline/picture_question.h"

namespace oc {

struct ManyOptions {
  int parallel = 8;               // questions that are answered together
  bool each_picture_once = true;  // nothing of one is kept for the next
  bool fetches = false;           // pictures of the network, where the settings allow it
};

// --parallel.
void add_parallel_flag(CLI::App& verb, int& parallel);
// The model, how it is loaded and shown pictures. `drawn`: also how an answer is drawn and where it
// ends, as of `ask`.
void add_many_flags(CLI::App& verb, AnswerFlags& flags, bool drawn);

// Threads that ask: some prepare the next questions while the engine answers the others.
std::size_t asking_threads(int parallel);

// After apply_config(). Ends the program where the model cannot be loaded. Its requests are given
// up when Ctrl-C was caught.
std::unique_ptr<Answerer> load_answerer(const AnswerFlags& flags, const ManyOptions& options);

// What the flags say of each question; without a model's name.
QuestionSettings question_settings(const AnswerFlags& flags);

// The schema in a file, as far as it can be enforced; ends the program where it cannot.
// What of it is not enforced is told on standard error, but for `quiet`.
std::string read_schema(const std::string& file, bool quiet);

}  // namespace oc
