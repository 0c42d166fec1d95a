// Every setting there is: name, type, bounds, flag, and what it does. One table for the file, the
// environment, the command line of every verb, the backend's PATCH and the documentation.
//
// To add a setting, touch two places:
//   1. a row in honoured_keys.cpp. From it come the key of a file, the variable, the flag with its
//      help and its errors, `config show` and --set; a line of docs/configuration.md, which a test
//      asks for;
//   2. where it is used: `settings.config.get<std::int64_t>("limits.max_images")`, or bytes() or
//      milliseconds() for what has a unit. Only where several keys say one thing, or a value can be
//      wrong in a way that no bounds tell, settings.cpp brings them together in `Settings`.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace oc {

enum class Kind { kBool, kInteger, kNumber, kString, kStrings, kIntegers };
enum class Unit { kNone, kMiB, kSeconds, kMilliseconds, kPixels, kTokens };
std::string_view to_string(Unit unit);  // "MiB", "s", "ms", "pixels", "tokens"; kNone: ""

// Who takes a flag, as bits: verbs that take the same ones share a bit.
namespace takers {
inline constexpr unsigned kServe = 1;   // serve, plan, config show: every flag
inline constexpr unsigned kAnswer = 2;  // ask, chat
inline constexpr unsigned kBench = 4;
inline constexpr unsigned kVerify = 8;   // verify, quantize
inline constexpr unsigned kLook = 16;    // see, tokenize
inline constexpr unsigned kAgents = 32;  // mcp, beside kAnswer
}  // namespace takers

struct Key {
  std::string_view path;  // "server.port"
  Kind kind = Kind::kString;
  std::string_view meaning;    // one line, for --help and docs/configuration.md
  std::string_view flag = {};  // "--port", "-m,--model"; "!--no-warm-up" says false
  unsigned verbs = takers::kServe;
  std::string_view group = {};  // the heading of the flag in --help
  std::string_view value = {};  // what stands for its value there; empty: as its kind has it
  Unit unit = Unit::kNone;
  double min = 0, max = 0;        // of a number without choices, or of each in a list
  std::string_view choices = {};  // "auto|cpu", "4|8|0": the only strings or integers allowed
  // Another key's path. Verbs but serve's refuse this flag without the other one's; serve's take it
  // for a file or variable that may say the other, or not.
  std::string_view needs = {};
  std::string_view fallback = {};  // the default, as it would be typed; empty: not set
  std::size_t count = 0;           // how many a list must hold; 0: any number
  bool adds_up = false;            // a list of which every layer gives a part
  bool secret = false;             // never shown
  std::string_view bare = {};      // what the flag says without a value; empty: it must have one
  // Why the key is accepted without effect; empty: it is honoured.
  std::string_view reason = {};
};

std::span<const Key> schema();
const Key* find_key(std::string_view path);  // null: there is none

// "--port" → "OCELLUS_PORT"; without a flag "a.b" → "OCELLUS_A_B".
std::string environment_name(const Key& key);
// "-m,--model" → "--model", "!--no-warm-up" → "--no-warm-up"; empty without a flag.
std::string_view flag_name(const Key& key);

// The known key that an unknown one most likely means; empty for one too long to be meant.
std::string_view nearest_key(std::string_view path);
// Likewise of a variable that begins with OCELLUS_; empty where none is close.
std::string nearest_variable(std::string_view name);

}  // namespace oc
