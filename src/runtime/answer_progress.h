// How far the work on an answer is, for whoever waits for it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace oc {

// In the order in which a request goes through them. One that has nothing to do in a phase leaves
// it out.
enum class AnswerPhase {
  kDecoding,   // its pictures' files become pixels; counts pictures
  kPreparing,  // they are resized and cut; counts pictures
  kQueued,     // others come first
  kEncoding,   // the vision tower; counts views of all pictures, those that are known included
  kPrefill,    // the prompt is read; counts its tokens, those that are known included
  kAnswering,  // counts tokens of all answers or, where choices are scored, choices
};
std::string_view to_string(AnswerPhase phase);  // "decoding", …, "prefill", "answering"

struct AnswerProgress {
  AnswerPhase phase = AnswerPhase::kQueued;
  std::int64_t done = 0;
  std::int64_t total = 0;  // 0: not known
  std::int64_t ahead = 0;  // kQueued: requests that run or wait before it

  bool operator==(const AnswerProgress&) const = default;
};

// Told at the beginning of a phase and behind each of its steps, by the thread that works on the
// request; one call at a time. Must not block, must not throw, and must not call who works on it.
using OnProgress = std::function<void(const AnswerProgress&)>;

}  // namespace oc
