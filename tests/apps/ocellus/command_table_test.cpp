#include "command_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "help_text.h"
#include "man_page.h"
#include "usage_error.h"
#include "verbs.h"

namespace oc {
namespace {

// A program with a verb of every kind of word and flag.
struct Program {
  CLI::App app{"Does something.", "prog"};
  CLI::App& verb = *app.add_subcommand("paint", "Paint a wall");
  std::string wall, colour, folder;
  int coats = 2, width = 0;
  std::vector<std::string> brushes;
  bool fast = false;

  Program() {
    app.require_subcommand(1);
    verb.add_option("wall", wall, "Which wall")->required()->option_text("IMAGE");
    verb.add_option("-c,--colour", colour, "Its colour")->check(CLI::IsMember({"red", "blue"}));
    verb.add_option("--coats", coats, "How many coats")
        ->check(CLI::Range(1, 9))
        ->capture_default_str()
        ->group("Machine");
    verb.add_option("--out", folder, "Where to")->option_text("DIR")->group("Output");
    CLI::Option* flag = verb.add_flag("--fast", fast, "Be quick");
    verb.add_option("--width", width, "How wide")->needs("--coats")->excludes(flag);
    verb.add_option("--secret", folder, "Of nobody's concern")->group("");
    verb.footer("It dries by itself.");
    add_examples(verb, {"prog paint a.png", "prog paint b.png --colour red"});
  }

  Command command() const { return command_of(app).verbs.at(0); }

  UsageError wrong(std::vector<std::string> words) {
    std::ranges::reverse(words);
    try {
      app.parse(words);
    } catch (const CLI::ParseError& error) {
      return usage_error(app, error);
    }
    return {"nothing was wrong", ""};
  }
};

TEST(CommandTable, HasWhatTheParserHas) {
  const Command paint = Program().command();
  EXPECT_EQ(paint.path, "prog paint");
  EXPECT_EQ(paint.usage(), "prog paint [OPTIONS] IMAGE");
  ASSERT_EQ(paint.words.size(), 1u);
  EXPECT_EQ(value_kind(paint.words[0]), ValueKind::kFile);
  ASSERT_EQ(paint.groups.size(), 3u);
  EXPECT_EQ(paint.groups[0].title, "Options");
  EXPECT_EQ(paint.groups[1].title, "Output");
  EXPECT_EQ(paint.groups[2].title, "Machine");
  const std::vector<CommandFlag>& flags = paint.groups[0].flags;
  ASSERT_EQ(flags.size(), 4u);  // with --help; --secret is hidden
  EXPECT_EQ(flags[1].label(), "-c, --colour red|blue");
  EXPECT_EQ(flags[1].choices, (std::vector<std::string>{"red", "blue"}));
  EXPECT_EQ(flags[2].label(), "--fast");
  EXPECT_EQ(flags[3].label(), "--width N");
  EXPECT_EQ(flags[3].notes, "needs --coats; not with --fast");
  EXPECT_EQ(paint.groups[2].flags[0].notes, "1 to 9; default 2");
  EXPECT_EQ(paint.examples,
            (std::vector<std::string>{"prog paint a.png", "prog paint b.png --colour red"}));
  EXPECT_EQ(paint.footer, "It dries by itself.");
}

TEST(CommandTable, LinesAreBrokenAtSpaces) {
  EXPECT_EQ(in_lines("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(in_lines("überlang x", 4), (std::vector<std::string>{"überlang", "x"}));
  EXPECT_EQ(in_lines("äöü ß", 5), (std::vector<std::string>{"äöü ß"})) << "letters, not bytes";
  EXPECT_TRUE(in_lines("", 5).empty());
}

TEST(HelpText, KeepsToItsColumns) {
  Command command = Program().command();
  for (int i = 0; i < 40; ++i) command.groups[0].flags[1].meaning += " and so on";
  const std::string text = help_text(command);
  EXPECT_NE(text.find("\nUsage: prog paint [OPTIONS] IMAGE\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nExamples:\n  prog paint a.png\n"), std::string::npos);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    EXPECT_LE(code_points(text.substr(at, end - at)), kHelpColumns);
    at = end + 1;
  }
}

TEST(ManPage, HasNoLetterThatRoffTakesForItsOwn) {
  Command command = Program().command();
  command.footer = ".SH no heading\n'nor this \\fB";
  const std::string page = man_page(command, "1.2.3");
  EXPECT_EQ(man_name(command), "prog-paint");
  EXPECT_NE(page.find(".TH PROG\\-PAINT 1 \"\" \"ocellus 1.2.3\""), std::string::npos) << page;
  EXPECT_NE(page.find("\n\\&.SH no heading\n\\&'nor this \\efB\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\n\\fB\\-c\\fR, \\fB\\-\\-colour\\fR \\fIred|blue\\fR\n"),
            std::string::npos);
}

TEST(UsageError, SaysWhatIsToBeGiven) {
  const auto told = [](std::vector<std::string> words) { return Program().wrong(words).message; };
  EXPECT_EQ(told({"paint"}), "IMAGE is missing: which wall");
  EXPECT_EQ(Program().wrong({"paint"}).hint, "see prog paint --help; e.g. prog paint a.png");
  EXPECT_EQ(told({}), "what is to be done? prog and one of: paint");
  EXPECT_EQ(told({"pint"}), "there is no verb \"pint\"");
  EXPECT_EQ(told({"paint", "a", "--colour"}),
            "--colour stands without its value: -c, --colour red|blue");
  EXPECT_EQ(told({"paint", "a", "--colour", "pink"}),
            "--colour must be one of red, blue, found pink");
  EXPECT_EQ(told({"paint", "a", "--coats", "10"}), "--coats must be 1 to 9, found 10");
  EXPECT_EQ(told({"paint", "a", "--coats", "many"}), "--coats must be 1 to 9, found many");
  EXPECT_EQ(told({"paint", "a", "--width", "3"}), "--width needs --coats");
  EXPECT_TRUE(told({"paint", "a", "--coats", "3", "--width", "3", "--fast"})
                  .ends_with("do not go together"));
  EXPECT_EQ(told({"paint", "a", "--out", "x", "--out", "y"}), "--out is given more than once");
  EXPECT_EQ(told({"paint", "a", "--colr", "red"}), "not expected: --colr");
}

}  // namespace
}  // namespace oc
