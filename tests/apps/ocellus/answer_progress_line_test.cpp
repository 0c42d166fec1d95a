#include "answer_progress_line.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(AnswerProgressLine, SaysTheStepThatIsBeingDone) {
  using enum AnswerPhase;
  EXPECT_EQ(answer_progress_text({.phase = kEncoding, .done = 0, .total = 13}, 0.2),
            "looking at the picture, view 1 of 13, 0 s");
  EXPECT_EQ(answer_progress_text({.phase = kEncoding, .done = 13, .total = 13}, 9.6),
            "looking at the picture, view 13 of 13, 10 s");
  EXPECT_EQ(answer_progress_text({.phase = kEncoding, .done = 0, .total = 1}, 0),
            "looking at the picture, 0 s");
  EXPECT_EQ(answer_progress_text({.phase = kPrefill, .done = 512, .total = 876}, 3),
            "reading the prompt, 512 of 876 tokens, 3 s");
  EXPECT_EQ(answer_progress_text({.phase = kAnswering, .done = 1}, 4), "answering, 1 token, 4 s");
  EXPECT_EQ(answer_progress_text({.phase = kAnswering, .done = 2, .total = 3}, 4),
            "answering, 2 of 3, 4 s");
  EXPECT_EQ(answer_progress_text({.phase = kAnswering, .done = 5}, 4, true),
            "searching, 5 positions, 4 s");
  EXPECT_EQ(answer_progress_text({.phase = kQueued, .ahead = 2}, 1), "waiting, 2 in front, 1 s");
}

}  // namespace
}  // namespace oc
