// How long the library takes for a pattern. At each place of it, it looks at every token of the
// vocabulary, character by character: the more tokens may stand there, and the more places it may
// be at after each character, the longer.
#include <algorithm>
#include <array>
#include <bitset>
#include <vector>

#include "runtime/grammar/json_schema.h"
#include "runtime/grammar/json_schema_pattern.h"

namespace oc {
namespace {

constexpr std::size_t kPlaces = 256;
using Places = std::bitset<kPlaces>;

// What can be reached, as Glushkov has it: a place is a state.
struct Piece {
  bool may_be_empty = true;
  Places first, last;
};

class PatternStates {
 public:
  explicit PatternStates(const PatternPart& pattern) { whole_ = add(pattern); }

  std::int64_t cost() const {
    std::int64_t total = cost_before(whole_.first);
    for (const Places& next : follow_) total += cost_before(next);
    return total;
  }

 private:
  Piece add(const PatternPart& part) {
    switch (part.kind) {
      case PatternPart::kPlace: {
        Piece one{.may_be_empty = false};
        one.first.set(places_.size());
        one.last = one.first;
        places_.push_back(part.characters);
        follow_.emplace_back();
        return one;
      }
      case PatternPart::kSequence: {
        Piece all;
        for (const PatternPart& next : part.parts) all = join(all, add(next));
        return all;
      }
      case PatternPart::kAny: {
        Piece all{.may_be_empty = false};
        for (const PatternPart& one : part.parts) {
          const Piece piece = add(one);
          all.may_be_empty |= piece.may_be_empty;
          all.first |= piece.first;
          all.last |= piece.last;
        }
        return all;
      }
      case PatternPart::kRepeat:
        break;
    }
    return repeat(part);
  }

  // x{1,3} is x(x(x)?)?: behind a copy comes the next one, and no later one.
  Piece repeat(const PatternPart& part) {
    if (part.places == 0) return {};
    const std::int64_t copies = std::max<std::int64_t>({part.least, part.most, 1});
    Piece all;
    Places ends;
    for (std::int64_t i = 0; i < copies; ++i) {
      const Piece one = add(part.parts[0]);
      if (part.most < 0 && i + 1 == copies) link(one.last, one.first);
      all = join(all, one);
      if (i + 1 >= part.least) ends |= all.last;
    }
    return {all.may_be_empty || part.least == 0, all.first, ends};
  }

  void link(const Places& from, const Places& to) {
    for (std::size_t i = 0; i < places_.size(); ++i)
      if (from[i]) follow_[i] |= to;
  }

  Piece join(const Piece& a, const Piece& b) {
    link(a.last, b.first);
    return {a.may_be_empty && b.may_be_empty, a.may_be_empty ? a.first | b.first : a.first,
            b.may_be_empty ? a.last | b.last : b.last};
  }

  PlaceCharacters union_of(const Places& places) const {
    PlaceCharacters all;
    for (std::size_t i = 0; i < places_.size(); ++i)
      if (places[i]) {
        all.ascii |= places_[i].ascii;
        all.others |= places_[i].others;
      }
    return all;
  }

  // In how many places a token may be on its way, at most over kinds of characters, in the mean
  // over its first ones.
  double live(const Places& next) const {
    constexpr int kSteps = 8;
    constexpr std::array<char, 7> kKinds = {'e', 'E', ' ', '5',
                                            '-', '_', '\0'};  // \0: beyond ASCII
    double most = 1;
    for (const char kind : kKinds) {
      Places at = next;
      double sum = 0;
      for (int step = 0; step < kSteps; ++step) {
        Places reached;
        for (std::size_t i = 0; i < places_.size(); ++i) {
          if (!at[i] || !has(places_[i], kind)) continue;
          sum += 1;
          reached |= follow_[i];
        }
        at = reached;
      }
      most = std::max(most, sum / kSteps);
    }
    return most;
  }

  static bool has(const PlaceCharacters& characters, char kind) {
    return kind == '\0' ? characters.others : characters.ascii[static_cast<unsigned char>(kind)];
  }
  static double share(const PlaceCharacters& characters, char from) {
    int count = 0;
    for (int i = 0; i < 26; ++i) count += characters.ascii[static_cast<std::size_t>(from + i)];
    return count / 26.0;
  }

  std::int64_t cost_before(const Places& next) const {
    // Of a place where any character may stand: measured. Where few may, few tokens are looked at.
    constexpr double kAnywhere = 900, kLeast = 20;
    // Of letters and above all of spaces there are long tokens, of which each place keeps a list:
    // this is for the memory.
    constexpr double kLetter = 40, kSpace = 280;
    Places behind;
    for (std::size_t i = 0; i < places_.size(); ++i)
      if (next[i]) behind |= follow_[i];
    const PlaceCharacters own = union_of(next), then = union_of(behind);
    const double begins = 0.02 + 0.35 * share(own, 'a') + 0.12 * share(own, 'A') +
                          (own.ascii[' '] ? 0.5 : 0) + (own.others ? 0.1 : 0);
    const double letters = std::max(share(own, 'a'), share(then, 'a'));
    const double goes_on = std::max(0.02, letters * letters);
    double least = kLeast;
    if (own.ascii[' '])
      least = kSpace;
    else if (share(own, 'a') + share(own, 'A') > 0)
      least = kLetter;
    return static_cast<std::int64_t>(std::max(least, kAnywhere * begins * goes_on) * live(next));
  }

  std::vector<PlaceCharacters> places_;
  std::vector<Places> follow_;
  Piece whole_;
};

}  // namespace

PatternCost cost_of_pattern(const PatternPart& pattern) {
  PatternCost cost{.places = pattern.places};
  if (static_cast<std::size_t>(cost.places) <= kPlaces) cost.work = PatternStates(pattern).cost();
  return cost;
}

Result<PatternCost> pattern_cost(std::string_view pattern) {
  OC_ASSIGN_OR_RETURN(const PatternPart whole, read_pattern(pattern));
  return cost_of_pattern(whole);
}

}  // namespace oc
