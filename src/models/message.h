// A conversation as models see it: who spoke, and text and pictures in the order given.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace oc {

enum class Role { kSystem, kUser, kAssistant };
std::optional<Role> role_from_string(std::string_view name);  // "system", "user", "assistant"

struct TextPart {
  std::string text;  // what a person typed: never a control token, whatever it contains
};
struct ImagePart {
  int index = 0;  // into the request's list of pictures
};
// Frames of a video, in their order.
struct FramesPart {
  int first = 0, count = 0;  // pictures [first, first + count) of the request's list
  double fps = 1;            // frames a second
};
using Part = std::variant<TextPart, ImagePart, FramesPart>;

struct Message {
  Role role = Role::kUser;
  std::vector<Part> parts;
};

}  // namespace oc
