#include "runtime/eval/drawn_questions.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <random>
#include <string_view>

namespace oc {
namespace {

struct DrawnColour {
  std::string_view name;
  std::array<std::uint8_t, 3> rgb;
};
constexpr std::array<DrawnColour, 6> kColours = {{{"red", {220, 38, 38}},
                                                  {"green", {38, 160, 60}},
                                                  {"blue", {40, 80, 220}},
                                                  {"purple", {140, 50, 170}},
                                                  {"orange", {245, 135, 30}},
                                                  {"black", {18, 18, 18}}}};
constexpr std::array<std::string_view, 3> kShapes = {"circle", "square", "triangle"};

// What standard libraries make of a generator's numbers differs; the generator's do not.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  int between(int low, int high) {  // both may be drawn
    return low + static_cast<int>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }

 private:
  std::mt19937_64 random_;
};

// Whether a point is in the shape whose box is `side` wide and high; all of it in halves of pixels.
bool within(std::string_view shape, int x, int y, int side) {
  if (x < 0 || y < 0 || x >= 2 * side || y >= 2 * side) return false;
  if (shape == "square") return true;
  const int dx = x - side, dy = y - side;
  if (shape == "circle") return dx * dx + dy * dy <= side * side;
  return 2 * std::abs(dx) <= y;
}

Image paint(std::string_view shape, const DrawnColour& colour, Draw& draw) {
  Image image;
  image.width = draw.between(160, 320);
  image.height = draw.between(160, 320);
  const int side = std::min(image.width, image.height) * draw.between(35, 60) / 100;
  const int left = draw.between(5, image.width - side - 5);
  const int top = draw.between(5, image.height - side - 5);
  const std::array<std::uint8_t, 3> ground = {static_cast<std::uint8_t>(draw.between(225, 255)),
                                              static_cast<std::uint8_t>(draw.between(225, 255)),
                                              static_cast<std::uint8_t>(draw.between(225, 255))};
  image.rgb.reserve(static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) *
                    3);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const bool inside = within(shape, 2 * (x - left) + 1, 2 * (y - top) + 1, side);
      const auto& rgb = inside ? colour.rgb : ground;
      image.rgb.insert(image.rgb.end(), rgb.begin(), rgb.end());
    }
  return image;
}

}  // namespace

DrawnQuestion drawn_question(std::size_t index, std::uint64_t seed) {
  Draw draw(seed * 1'000'003 + index);
  const std::string_view shape = kShapes.at(static_cast<std::size_t>(draw.between(0, 2)));
  const auto which = static_cast<std::size_t>(draw.between(0, 5));
  const auto other = (which + static_cast<std::size_t>(draw.between(1, 5))) % kColours.size();
  const DrawnColour& colour = kColours.at(which);
  DrawnQuestion out;
  VqaQuestion& asked = out.question;
  asked.id = static_cast<std::int64_t>(index) + 1;
  asked.picture = fmt::format("drawn-{}", asked.id);
  const auto ask = [&asked](std::string text, std::string_view answer, std::string_view kind,
                            std::string_view answer_type) {
    asked.question = std::move(text);
    asked.answers = {std::string(answer)};
    asked.question_type = kind;
    asked.answer_type = answer_type;
  };
  switch (index % 5) {
    case 0:
      ask("What shape is this?", shape, "shape", "other");
      break;
    case 1:
      ask(fmt::format("What is the color of the {}?", shape), colour.name, "colour", "other");
      break;
    case 2:
      ask("How many shapes are there?", "1", "count", "number");
      break;
    case 3:
      ask(fmt::format("Is there a {} {}?", colour.name, shape), "yes", "is there", "yes/no");
      break;
    default:
      ask(fmt::format("Is there a {} {}?", kColours.at(other).name, shape), "no", "is there",
          "yes/no");
  }
  out.picture = paint(shape, colour, draw);
  return out;
}

}  // namespace oc
