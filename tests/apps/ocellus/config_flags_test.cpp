// The table of settings, walked row by row: a new one is checked here without a line of test.
#include "config_flags.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <cmath>
#include <cstdlib>

#include "api/backend/config.h"
#include "verbs.h"

namespace oc {
namespace {

namespace json = boost::json;

// A value as a file has it and as people type it.
struct Sample {
  json::value in_file;
  std::string typed;
  bool allowed = true;
};

Sample number(double value, bool allowed) {
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    const auto whole = static_cast<std::int64_t>(value);
    return {whole, fmt::format("{}", whole), allowed};
  }
  return {value, fmt::format("{}", value), allowed};
}

std::vector<std::string> choices(const Key& key) {
  std::vector<std::string> out;
  for (std::string_view rest = key.choices; !rest.empty();) {
    out.emplace_back(rest.substr(0, rest.find('|')));
    rest.remove_prefix(std::min(rest.size(), out.back().size() + 1));
  }
  return out;
}

std::vector<Sample> samples(const Key& key) {
  std::vector<Sample> out;
  switch (key.kind) {
    case Kind::kBool:
      return {{true, "true"}, {false, "false"}, {"perhaps", "perhaps", false}};
    case Kind::kInteger:
      if (!key.choices.empty()) {
        for (const std::string& choice : choices(key))
          out.push_back(number(std::stod(choice), true));
        for (const double bad : {1.0, 48.0, -4.0, 4.5, 2e18}) out.push_back(number(bad, false));
        out.push_back({"many", "many", false});
        return out;
      }
      out.push_back(number(key.min + 0.5, false));
      [[fallthrough]];
    case Kind::kNumber:
      for (const double good : {key.min, key.max}) out.push_back(number(good, true));
      for (const double bad : {std::floor(key.min) - 1, std::floor(key.max) + 1, 2e18})
        out.push_back(number(bad, false));
      out.push_back({"many", "many", false});
      return out;
    case Kind::kString:
      if (key.choices.empty()) return {{"some text", "some text"}};
      for (const std::string& choice : choices(key))
        out.push_back({json::value_from(choice), choice});
      out.push_back({"another", "another", false});
      return out;
    case Kind::kStrings:
      return {{json::array{"a", "b"}, "a,b"}};
    case Kind::kIntegers:
      for (const auto& [value, good] : {std::pair{key.min, true},
                                        {key.max, true},
                                        {key.min - 1, false},
                                        {key.max + 1, false}}) {
        const Sample one = number(value, good);
        json::array list;
        std::string typed;
        for (std::size_t i = 0; i < std::max<std::size_t>(key.count, 1); ++i) {
          list.push_back(one.in_file);
          typed += (i == 0 ? "" : ",") + one.typed;
        }
        out.push_back({list, typed, good});
      }
      return out;
  }
  return out;
}

// {"server": {"port": value}}
std::string document(const Key& key, json::value value) {
  std::string_view path = key.path;
  while (!path.empty()) {
    const std::size_t dot = path.rfind('.');
    const std::string_view leaf = dot == path.npos ? path : path.substr(dot + 1);
    value = json::object{{leaf, std::move(value)}};
    path = dot == path.npos ? std::string_view() : path.substr(0, dot);
  }
  return json::serialize(value);
}

// "must be an integer from 0 to 65535, found 70000", without who says it; empty: all is well.
std::string refusal(const Config& config) {
  for (const Finding& finding : config.findings())
    if (const std::size_t at = finding.message.find("must be"); at != std::string::npos)
      return finding.message.substr(at);
  return config.has_errors() ? "another error" : "";
}

Config as_flag(const Key& key, unsigned taker, const std::string& typed) {
  CLI::App verb;
  ConfigFlags flags;
  add_setting_flags(verb, flags, taker);
  std::vector<std::string> words{std::string(flag_name(key))};
  if (key.kind != Kind::kBool) words.insert(words.begin(), typed);  // the last word comes first
  if (!key.needs.empty()) {
    const Key& needed = *find_key(key.needs);
    words.insert(words.begin(), {choices(needed)[0], std::string(flag_name(needed))});
  }
  verb.parse(words);
  return read_config(flags);
}

Config of_file(const std::string& text) {
  Config config;
  config.read_json(text, "a.json");
  return config;
}

TEST(SettingFlags, BoundsAreTheSameInAFileAVariableAFlagAndASet) {
  for (const Key& key : schema()) {
    for (const Sample& sample : samples(key)) {
      SCOPED_TRACE(fmt::format("{} = {}", key.path, sample.typed));
      const Config file = of_file(document(key, sample.in_file));
      EXPECT_EQ(refusal(file).empty(), sample.allowed) << refusal(file);
      Config variable;
      variable.read_environment(
          std::vector{fmt::format("{}={}", environment_name(key), sample.typed)});
      Config assigned;
      assigned.set_assignment(fmt::format("{}={}", key.path, sample.typed));
      for (const Config* other : {&variable, &assigned}) {
        EXPECT_EQ(refusal(*other), refusal(file));
        EXPECT_EQ(other->value(key.path), file.value(key.path));
      }
      if (key.flag.empty() || key.kind == Kind::kBool) continue;
      for (unsigned taker = 1; taker <= key.verbs; taker <<= 1) {
        if ((key.verbs & taker) == 0) continue;
        const Config flag = as_flag(key, taker, sample.typed);
        EXPECT_EQ(refusal(flag), refusal(file));
        EXPECT_EQ(flag.value(key.path), file.value(key.path));
        EXPECT_EQ(flag.source(key.path).origin == SettingOrigin::kFlag, sample.allowed);
      }
    }
    if (!key.flag.empty() && key.kind == Kind::kBool)
      EXPECT_EQ(as_flag(key, key.verbs, "").get<bool>(key.path), !key.flag.starts_with('!'))
          << key.path;
  }
}

// What a PATCH may change, it may change within the bounds of the row.
TEST(SettingFlags, BoundsAreTheSameInAPatch) {
  int taken = 0;
  for (const Key& key : schema()) {
    if (key.kind != Kind::kInteger || key.path.find('.') == key.path.npos) continue;
    const auto good = parse_backend_patch(document(key, number(key.max, true).in_file));
    if (!good.ok() || changes_json(*good) == "{}") continue;
    ++taken;
    for (const Sample& sample : samples(key)) {
      SCOPED_TRACE(fmt::format("{} = {}", key.path, sample.typed));
      const std::string text = document(key, sample.in_file);
      const auto patch = parse_backend_patch(text);
      ASSERT_EQ(patch.ok(), sample.allowed);
      if (sample.allowed) {
        EXPECT_EQ(changes_json(*patch), text);
        continue;
      }
      const std::string wanted = "must be " + allowed(key);
      EXPECT_NE(patch.error().message.find(wanted), std::string::npos) << patch.error().message;
    }
  }
  EXPECT_EQ(taken, 3) << "width, height, port";
}

CLI::App& all_verbs(CLI::App& app) {
  add_ask(app);
  add_bench(app);
  add_chat(app);
  add_config(app);
  add_plan(app);
  add_quantize(app);
  add_see(app);
  add_serve(app);
  add_tokenize(app);
  add_verify(app);
  return app;
}

// The real verbs have them, with the table's help.
TEST(SettingFlags, TheVerbsTakeTheirRows) {
  CLI::App app;
  all_verbs(app);
  CLI::App* show = app.get_subcommand("config")->get_subcommand("show");
  const std::pair<CLI::App*, unsigned> verbs[] = {
      {app.get_subcommand("serve"), takers::kServe},
      {app.get_subcommand("plan"), takers::kServe},
      {show, takers::kServe},
      {app.get_subcommand("ask"), takers::kAnswer},
      {app.get_subcommand("chat"), takers::kAnswer},
      {app.get_subcommand("bench"), takers::kBench},
      {app.get_subcommand("verify"), takers::kVerify},
      {app.get_subcommand("quantize"), takers::kVerify},
      {app.get_subcommand("see"), takers::kLook},
      {app.get_subcommand("tokenize"), takers::kLook},
  };
  for (const Key& key : schema()) {
    if (key.flag.empty()) continue;
    EXPECT_NE(key.verbs & takers::kServe, 0U) << key.path << ": serve takes every flag";
    for (const auto& [verb, taker] : verbs) {
      if ((key.verbs & taker) == 0) continue;
      const CLI::Option* option = verb->get_option_no_throw(std::string(flag_name(key)));
      ASSERT_NE(option, nullptr) << verb->get_name() << " " << key.flag;
      EXPECT_EQ(option->get_description(), key.meaning);
    }
  }
}

// What a flag allows stands in --help, made of the row.
TEST(SettingFlags, HelpSaysWhatIsAllowed) {
  CLI::App app;
  const auto help = [verbs = &all_verbs(app)](const char* verb) {
    return verbs->get_subcommand(verb)->help();
  };
  for (const char* verb : {"ask", "chat", "bench"}) {
    EXPECT_NE(help(verb).find("--threads INT:INT in [0 - 1024]=0\n"), std::string::npos);
    EXPECT_NE(help(verb).find("--kv TEXT:{f16,q8,f32}=f16 "), std::string::npos);
    EXPECT_NE(help(verb).find("--quantize INT:{4,8,0}=0 "), std::string::npos);
    EXPECT_NE(help(verb).find("--group INT:{32,64,128}=64 Needs: --quantize\n"), std::string::npos);
  }
  EXPECT_EQ(help("serve").find("Needs:"), std::string::npos);
  int bounded = 0;
  for (const Key& key : schema()) {
    if (key.flag.empty()) continue;
    const std::string bounds = allowed_in_help(key);
    EXPECT_EQ(bounds.empty(), key.choices.empty() && key.max == 0) << key.path;
    if (bounds.empty()) continue;
    ++bounded;
    const std::string text = help("serve");
    const std::size_t flag = text.find(std::string(flag_name(key)) + " ");
    ASSERT_NE(flag, std::string::npos) << key.flag;
    const std::string line = text.substr(flag, text.find('\n', flag) - flag);
    EXPECT_NE(line.find(bounds), std::string::npos) << line;
  }
  EXPECT_GT(bounded, 30);
}

// The last word comes first.
void parse(unsigned taker, ConfigFlags& flags, std::vector<std::string> words) {
  CLI::App verb;
  add_setting_flags(verb, flags, taker);
  verb.parse(words);
}

TEST(SettingFlags, OnlyListsAndServesVerbsTakeAFlagTwice) {
  for (const Key& key : schema()) {
    if (key.flag.empty() || key.kind == Kind::kBool) continue;
    const std::string flag(flag_name(key));
    for (unsigned taker = 1; taker <= key.verbs; taker <<= 1) {
      if ((key.verbs & taker) == 0) continue;
      SCOPED_TRACE(fmt::format("{} of {}", flag, taker));
      ConfigFlags flags;
      const auto twice = [&] { parse(taker, flags, {"2", flag, "1", flag}); };
      if (taker != takers::kServe && key.kind != Kind::kStrings && key.kind != Kind::kIntegers) {
        EXPECT_THROW(twice(), CLI::ArgumentMismatch);
        continue;
      }
      EXPECT_NO_THROW(twice());
      EXPECT_EQ(flags.texts.at(&key), (std::vector<std::string>{"1", "2"}));
    }
  }
  ConfigFlags flags;
  CLI::App verb;  // read_config() asks it
  add_setting_flags(verb, flags, takers::kServe);
  verb.parse(
      std::vector<std::string>{"2", "--port", "1", "--port", "b", "--api-key", "a", "--api-key"});
  const Config config = read_config(flags);
  EXPECT_EQ(config.get<std::int64_t>("server.port"), 2) << "the last one counts";
  EXPECT_EQ(config.get<std::vector<std::string>>("server.api_keys").size(), 2u) << "both count";
}

// serve's verbs may have the other one in a file or a variable.
TEST(SettingFlags, OneThatNeedsAnotherIsRefusedAloneButForServesVerbs) {
  int needing = 0;
  for (const Key& key : schema()) {
    if (key.needs.empty()) continue;
    const std::string flag(flag_name(key)), one = choices(key)[0];
    const Key& needed = *find_key(key.needs);
    ASSERT_FALSE(needed.flag.empty()) << key.path;
    for (unsigned taker = 1; taker <= key.verbs; taker <<= 1) {
      if ((key.verbs & taker) == 0) continue;
      ++needing;
      ConfigFlags alone, both;
      if (taker == takers::kServe)
        EXPECT_NO_THROW(parse(taker, alone, {one, flag}));
      else
        EXPECT_THROW(parse(taker, alone, {one, flag}), CLI::RequiresError);
      EXPECT_NO_THROW(
          parse(taker, both, {one, flag, choices(needed)[0], std::string(flag_name(needed))}));
    }
  }
  EXPECT_EQ(needing, 3) << "--group of serve, ask, bench";
}

TEST(SettingFlags, VerbsThatMeasureLookAtFlagsAlone) {
  CLI::App verb;
  ConfigFlags flags;
  add_setting_flags(verb, flags, takers::kBench);
  ASSERT_EQ(::setenv("OCELLUS_THREADS", "3", 1), 0);
  ASSERT_EQ(::setenv("OCELLUS_ISA", "scalar", 1), 0);
  verb.parse(std::vector<std::string>{"q8", "--kv"});
  const EngineOptions engine = read_flags(flags).model.engine;
  ::unsetenv("OCELLUS_THREADS");
  ::unsetenv("OCELLUS_ISA");
  EXPECT_EQ(engine.kv, "q8");
  EXPECT_EQ(engine.threads, 0);
  EXPECT_EQ(engine.isa, "scalar") << "which is for every verb that computes";
}

TEST(SettingFlags, VerbsThatShowTakeTheVariablesOfTheirSettings) {
  CLI::App verb;
  ConfigFlags flags;
  add_setting_flags(verb, flags, takers::kLook);
  verb.parse(std::vector<std::string>{"7", "--max-picture-mb"});
  ASSERT_EQ(::setenv("OCELLUS_MAX_PICTURE_MEGAPIXELS", "3", 1), 0);
  ASSERT_EQ(::setenv("OCELLUS_MAX_PICTURE_MB", "5", 1), 0);
  ASSERT_EQ(::setenv("OCELLUS_PORT", "none", 1), 0);  // not one of theirs
  const ImageLimits limits = read_flags(flags, takers::kLook).defaults.pictures.limits;
  ASSERT_EQ(::setenv("OCELLUS_MAX_PICTURE_MEGAPIXELS", "none", 1), 0);
  EXPECT_THROW(read_flags(flags, takers::kLook), ExitError);
  ::unsetenv("OCELLUS_MAX_PICTURE_MEGAPIXELS");
  ::unsetenv("OCELLUS_MAX_PICTURE_MB");
  ::unsetenv("OCELLUS_PORT");
  EXPECT_EQ(limits.max_pixels, 3'000'000);
  EXPECT_EQ(limits.max_bytes, std::size_t{7} << 20) << "the flag counts over the variable";
}

TEST(SettingFlags, AFlagTakesOneWord) {
  CLI::App verb;
  ConfigFlags flags;
  std::vector<std::string> words;
  verb.add_option("words", words)->required();
  add_setting_flags(verb, flags, takers::kAnswer);
  verb.parse(std::vector<std::string>{"question", "picture", "none", "--model"});
  EXPECT_EQ(words, (std::vector<std::string>{"picture", "question"}));
  EXPECT_EQ(read_flags(flags).model.path, "none");
}

TEST(SettingFlags, WhatIsWrongIsStatus2) {
  CLI::App verb;
  ConfigFlags flags;
  add_setting_flags(verb, flags, takers::kVerify);
  verb.parse(std::vector<std::string>{"abacus", "--engine"});
  try {
    read_flags(flags);
    ADD_FAILURE() << "taken";
  } catch (const ExitError& error) {
    EXPECT_EQ(error.status, 2);
    EXPECT_EQ(error.message, "--engine must be one of auto, cpu, mlx, reference, found \"abacus\"");
    EXPECT_TRUE(error.see_help);
  }
}

// --help says nothing of a file or variable.
TEST(SettingFlags, OnlyWhatWasTypedLeadsToTheHelp) {
  const auto leads = [](Config config) {
    try {
      require_valid(config);
    } catch (const ExitError& error) {
      return error.see_help;
    }
    ADD_FAILURE() << "taken";
    return false;
  };
  Config file, variable, flag, assigned, unknown;
  file.read_json(R"({"server": {"port": -1}})", "a.json");
  variable.read_environment(std::vector<std::string>{"OCELLUS_PORT=-1"});
  flag.set_flag(*find_key("server.port"), std::vector<std::string>{"-1"});
  assigned.set_assignment("server.port=-1");
  unknown.set_assignment("server.prot=1");
  EXPECT_FALSE(leads(file));
  EXPECT_FALSE(leads(variable));
  EXPECT_TRUE(leads(flag));
  EXPECT_TRUE(leads(assigned));
  EXPECT_TRUE(leads(unknown));
}

}  // namespace
}  // namespace oc
