#include "runtime/eval/markup.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(Markup, NothingBecomesATag) {
  EXPECT_EQ(in_markup("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
  EXPECT_EQ(in_markup("a\nb"), "a\\nb");
}

TEST(Markup, ACellOfATable) {
  EXPECT_EQ(in_markdown("a|b <i> *c* \\"), "a\\|b \\<i\\> \\*c\\* \\\\");
  EXPECT_EQ(in_markdown("phi-3.5 4bit"), "phi-3.5 4bit");
}

}  // namespace
}  // namespace oc
