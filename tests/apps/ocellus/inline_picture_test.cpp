#include "inline_picture.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace oc {
namespace {

InlineProtocol protocol(const std::map<std::string, std::string>& variables) {
  return inline_protocol([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(InlinePicture, TerminalsAreKnownByTheirVariables) {
  EXPECT_EQ(protocol({}), InlineProtocol::kNone);
  EXPECT_EQ(protocol({{"TERM", "xterm-256color"}}), InlineProtocol::kNone);
  EXPECT_EQ(protocol({{"TERM", "xterm-kitty"}}), InlineProtocol::kKitty) << "also over ssh";
  EXPECT_EQ(protocol({{"TERM", "xterm-256color"}, {"KITTY_WINDOW_ID", "1"}}),
            InlineProtocol::kKitty);
  EXPECT_EQ(protocol({{"TERM", "xterm-ghostty"}}), InlineProtocol::kKitty);
  EXPECT_EQ(protocol({{"TERM_PROGRAM", "ghostty"}}), InlineProtocol::kKitty);
  EXPECT_EQ(protocol({{"TERM_PROGRAM", "iTerm.app"}}), InlineProtocol::kIterm);
  EXPECT_EQ(protocol({{"TERM_PROGRAM", "WezTerm"}}), InlineProtocol::kIterm);
  EXPECT_EQ(protocol({{"LC_TERMINAL", "iTerm2"}}), InlineProtocol::kIterm) << "over ssh";
  EXPECT_EQ(protocol({{"TERM", "dumb"}, {"KITTY_WINDOW_ID", "1"}}), InlineProtocol::kNone);
}

TEST(InlinePicture, SequencesInParts) {
  const std::vector<std::byte> png(6000, std::byte{7});  // 8,000 letters of base64
  const std::string kitty = inline_sequence(png, InlineProtocol::kKitty, false);
  EXPECT_TRUE(kitty.starts_with("\x1b_Ga=T,f=100,q=2,m=1;"));
  EXPECT_NE(kitty.find("\x1b\\\x1b_Gm=0;"), std::string::npos);
  EXPECT_TRUE(kitty.ends_with("\x1b\\"));
  const std::string wrapped = inline_sequence(png, InlineProtocol::kKitty, true);
  EXPECT_TRUE(wrapped.starts_with("\x1bPtmux;\x1b\x1b_Ga=T,f=100,q=2,m=1;"));
  EXPECT_TRUE(wrapped.ends_with("\x1b\x1b\\\x1b\\"));
  const std::string iterm = inline_sequence(png, InlineProtocol::kIterm, false);
  EXPECT_TRUE(iterm.starts_with("\x1b]1337;File=inline=1;size=6000:"));
  EXPECT_TRUE(iterm.ends_with("\a"));
}

}  // namespace
}  // namespace oc
