// What a JSON schema costs, and what its grammar allows: one request a line on standard input, one
// answer a line on standard output, both JSON. Each schema is worked on in a process of its own, so
// that one that takes too long is ended. Not part of the product: tests and the bench run it.
//
//   schema_tool TOKENIZER END [--size V] [--no-limits] [--seconds N]
//
// request: {"schema": …, "draws": 5, "hurry": 30, "longest": 400, "accepts": ["text", …]}
// answer: {"error": {…}} or {"cost", "ms", "peak_kb", "kb", "answers": [text or null], "accepted":
// [true, …], "not_enforced": […]}
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <span>
#include <string>

#include "runtime/grammar/grammar.h"
#include "runtime/grammar/json_schema.h"
#include "text/registry.h"

namespace {

std::atomic<std::int64_t> held = 0, peak = 0;

void* counted(std::size_t size) {
  void* at = std::malloc(std::max<std::size_t>(size, 1));
  if (at == nullptr) throw std::bad_alloc();
  const auto now = held += static_cast<std::int64_t>(malloc_usable_size(at));
  if (now > peak) peak = now;
  return at;
}

void release(void* at) noexcept {
  if (at != nullptr) held -= static_cast<std::int64_t>(malloc_usable_size(at));
  std::free(at);
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* at) noexcept { release(at); }
void operator delete[](void* at) noexcept { release(at); }
void operator delete(void* at, std::size_t) noexcept { release(at); }
void operator delete[](void* at, std::size_t) noexcept { release(at); }

namespace oc {
namespace {

namespace json = boost::json;

SchemaLimits no_limits() {
  constexpr std::int64_t kMany = std::int64_t{1} << 40;
  SchemaLimits all;
  all.bytes = all.schemas = all.enum_values = all.options = all.alike = std::size_t{1} << 40;
  all.cost = kMany;
  all.pattern_places = 250;
  all.max_count = 1'000'000;
  return all;
}

struct Bench {
  GrammarVocabulary vocabulary;
  SchemaLimits limits;
  unsigned seconds = 60;
  std::unique_ptr<GrammarCompiler> compiler = {};
  mutable int steps = 0;
  mutable double mask_ms = 0, mask_max = 0;
  std::map<unsigned char, TokenId> bytes = {};  // tokens of one byte

  void prepare() {
    compiler = make_grammar_compiler(vocabulary).value();
    for (TokenId id = 0; id < vocabulary.size; ++id) {
      if (vocabulary.tokenizer->is_special(id) || !vocabulary.tokenizer->token(id)) continue;
      const std::string text = vocabulary.tokenizer->bytes_of(id);
      if (text.size() == 1) bytes[static_cast<unsigned char>(text[0])] = id;
    }
  }

  static bool may(std::span<const std::uint32_t> mask, TokenId id) {
    return (mask[static_cast<std::size_t>(id) / 32] >> (id % 32) & 1) != 0;
  }

  bool accepts(const Grammar& grammar, std::string_view text) const {
    const auto matcher = grammar.start();
    for (const char c : text) {
      const auto found = bytes.find(static_cast<unsigned char>(c));
      if (found == bytes.end() || !may(matcher->allowed(), found->second)) return false;
      matcher->accept(found->second);
    }
    return matcher->complete();
  }

  // One way through the grammar, every next token as likely as the others; from `hurry` tokens on,
  // the ends of strings, lists and objects first.
  std::optional<std::string> draw(const Grammar& grammar, std::uint64_t seed, int hurry,
                                  int longest) const {
    const auto matcher = grammar.start();
    std::mt19937_64 random(seed);
    std::vector<TokenId> ids, open;
    while (static_cast<int>(ids.size()) < longest) {
      const double begin = cpu_ms();
      const auto mask = matcher->allowed();
      const double took = cpu_ms() - begin;
      ++steps;
      mask_ms += took;
      mask_max = std::max(mask_max, took);
      open.clear();
      for (TokenId id = 0; id < vocabulary.size; ++id)
        if (may(mask, id)) open.push_back(id);
      if (open.empty()) return "no token is allowed";
      TokenId id = open[random() % open.size()];
      if (static_cast<int>(ids.size()) >= hurry) {
        if (may(mask, vocabulary.stop_ids[0])) id = vocabulary.stop_ids[0];
        // Not a "," that a digit or a space could be.
        for (const unsigned char end : {']', '}', '"'})
          if (const auto found = bytes.find(end);
              found != bytes.end() && may(mask, found->second) && random() % 8 != 0)
            id = found->second;
      }
      if (id == vocabulary.stop_ids[0]) return vocabulary.tokenizer->decode(ids, true);
      matcher->accept(id);
      ids.push_back(id);
    }
    return std::nullopt;
  }

  // Of this process, so that others on the machine do not count. One thread compiles.
  static double cpu_ms() { return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

  static std::int64_t number(const json::object& request, std::string_view name,
                             std::int64_t otherwise) {
    const json::value* given = request.if_contains(name);
    return given == nullptr ? otherwise : given->to_number<std::int64_t>();
  }

  json::object answer(const json::object& request) const {
    const auto told = [](const Error& error) {
      return json::object{{"error",
                           {{"code", std::string(to_string(error.code))},
                            {"message", error.describe()},
                            {"param", error.param}}}};
    };
    const auto schema = enforceable_schema(request.at("schema"), "schema", limits);
    if (!schema.ok()) return told(schema.error());
    const std::int64_t before = held;
    peak = before;
    const double begin = cpu_ms();
    const auto grammar = compiler->compile(schema->text);
    const double ms = cpu_ms() - begin;
    if (!grammar.ok()) return told(grammar.error());
    json::object out = {{"cost", schema->cost},
                        {"ms", ms},
                        {"peak_kb", (peak - before) >> 10},
                        {"kb", (*grammar)->bytes() >> 10},
                        {"not_enforced", json::value_from(schema->not_enforced)}};
    const double drawing = cpu_ms();
    steps = 0;
    mask_ms = mask_max = 0;
    json::array& answers = out["answers"].emplace_array();
    for (std::int64_t i = 0; i < number(request, "draws", 0); ++i) {
      const auto text =
          draw(**grammar, static_cast<std::uint64_t>(i),
               static_cast<int>(number(request, "hurry", 30)) * static_cast<int>(i % 3),
               static_cast<int>(number(request, "longest", 400)));
      answers.push_back(text ? json::value(*text) : json::value());
    }
    (void)drawing;
    if (steps > 0) {
      out["mask_us"] = 1e3 * mask_ms / steps;
      out["mask_max_us"] = 1e3 * mask_max;
    }
    json::array& accepted = out["accepted"].emplace_array();
    if (const json::value* texts = request.if_contains("accepts"))
      for (const json::value& text : texts->as_array())
        accepted.push_back(accepts(**grammar, text.as_string()));
    return out;
  }

  void serve(const std::string& line) const {
    std::cout.flush();
    const pid_t child = fork();
    if (child == 0) {
      alarm(seconds * 10);
      const rlimit cpu{seconds, seconds};
      setrlimit(RLIMIT_CPU, &cpu);
      json::parse_options deep;
      deep.max_depth = 1000;
      const json::value request = json::parse(line, {}, deep);
      std::cout << json::serialize(answer(request.as_object())) << std::endl;
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status == 0) return;
    const bool late =
        WIFSIGNALED(status) &&
        (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL);
    std::cout << json::serialize(
                     json::object{{"died", late ? fmt::format("after {} s", seconds)
                                                : fmt::format("with status {}", status)}})
              << std::endl;
  }
};

int run(std::span<char*> words) {
  if (words.size() < 3) {
    fmt::print(stderr, "schema_tool TOKENIZER END [--size V] [--no-limits] [--seconds N]\n");
    return 2;
  }
  Bench bench;
  const auto tokenizer = load_tokenizer_json(words[1]);
  if (!tokenizer.ok()) {
    fmt::print(stderr, "{}\n", tokenizer.error().describe());
    return 1;
  }
  bench.vocabulary = {*tokenizer, (*tokenizer)->vocab_size(), {}};
  for (std::size_t i = 3; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--no-limits") bench.limits = no_limits();
    if (i + 1 >= words.size()) break;
    if (word == "--size") bench.vocabulary.size = std::atoll(words[++i]);
    if (word == "--seconds") bench.seconds = static_cast<unsigned>(std::atoi(words[++i]));
  }
  const auto end = (*tokenizer)->id_of(words[2]);
  if (!end) {
    fmt::print(stderr, "{} has no token {}\n", words[1], words[2]);
    return 1;
  }
  bench.vocabulary.stop_ids = {*end};
  bench.prepare();
  for (std::string line; std::getline(std::cin, line);) bench.serve(line);
  return 0;
}

}  // namespace
}  // namespace oc

int main(int count, char** words) { return oc::run({words, static_cast<std::size_t>(count)}); }
