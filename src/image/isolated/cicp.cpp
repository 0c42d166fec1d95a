// ICC profiles (ICC.1:2010) for the colours that HEIF names by number.
#include <array>
#include <cmath>
#include <string_view>

#include "image/isolated/heif_image.h"

namespace oc {
namespace {

// Red, green and blue as XYZ, adapted to D50 (Bradford), which is where ICC profiles meet.
using Colorants = std::array<std::array<double, 3>, 3>;
constexpr Colorants kDisplayP3 = {
    {{0.51512, 0.24120, -0.00105}, {0.29198, 0.69225, 0.04189}, {0.15710, 0.06657, 0.78407}}};
constexpr Colorants kBt2020 = {
    {{0.67348, 0.27904, -0.00193}, {0.16567, 0.67535, 0.02998}, {0.12506, 0.04561, 0.79686}}};

class ProfileWriter {
 public:
  void number(std::uint32_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out_.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
  void text(std::string_view text) {
    for (const char c : text) out_.push_back(static_cast<std::byte>(c));
  }
  void fixed(double value) {  // s15Fixed16
    number(static_cast<std::uint32_t>(static_cast<std::int32_t>(std::lround(value * 65536))), 4);
  }
  void xyz(const std::array<double, 3>& value) {
    text("XYZ ");
    number(0, 4);
    for (const double part : value) fixed(part);
  }
  std::vector<std::byte> take() { return std::move(out_); }

 private:
  std::vector<std::byte> out_;
};

// sRGB's curve, as a parametric one of type 3.
void put_curve(ProfileWriter& out) {
  out.text("para");
  out.number(0, 4);
  out.number(3, 2);
  out.number(0, 2);
  for (const double part : {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045}) out.fixed(part);
}

std::vector<std::byte> matrix_profile(const Colorants& colorants) {
  constexpr std::array<double, 3> kD50 = {0.9642, 1.0, 0.8249};
  constexpr std::uint32_t kHeader = 128, kTags = 7, kXyzBytes = 20, kCurveBytes = 32;
  constexpr std::uint32_t kData = kHeader + 4 + kTags * 12;
  constexpr std::uint32_t kCurve = kData + 4 * kXyzBytes, kSize = kCurve + kCurveBytes;
  ProfileWriter out;
  out.number(kSize, 4);
  out.number(0, 4);
  out.number(0x04200000, 4);
  out.text("mntrRGB XYZ ");
  out.number(0, 4);  // the date
  out.number(0, 4);
  out.number(0, 4);
  out.text("acsp");
  for (int i = 0; i < 7; ++i)
    out.number(0, 4);  // platform, flags, maker, model, attributes, intent
  for (const double part : kD50) out.fixed(part);
  for (int i = 0; i < 12; ++i) out.number(0, 4);
  out.number(kTags, 4);
  std::uint32_t at = kData;
  for (const std::string_view tag : {"wtpt", "rXYZ", "gXYZ", "bXYZ"}) {
    out.text(tag);
    out.number(at, 4);
    out.number(kXyzBytes, 4);
    at += kXyzBytes;
  }
  for (const std::string_view tag : {"rTRC", "gTRC", "bTRC"}) {
    out.text(tag);
    out.number(kCurve, 4);
    out.number(kCurveBytes, 4);
  }
  out.xyz(kD50);
  for (const auto& colorant : colorants) out.xyz(colorant);
  put_curve(out);
  return out.take();
}

}  // namespace

std::vector<std::byte> profile_of(const Cicp& cicp) {
  constexpr int kPrimaries2020 = 9, kPrimariesP3 = 12;
  // Of the curves that are said, those of screens are taken for sRGB's, as browsers do.
  constexpr std::array kAsSrgb = {1, 2, 6, 13, 14, 15};
  bool known = false;
  for (const int transfer : kAsSrgb) known |= cicp.transfer == transfer;
  if (!known) return {};
  if (cicp.primaries == kPrimaries2020) return matrix_profile(kBt2020);
  if (cicp.primaries == kPrimariesP3) return matrix_profile(kDisplayP3);
  return {};
}

}  // namespace oc
