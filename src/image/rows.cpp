#include "image/rows.h"

#include <algorithm>
#include <cstddef>

namespace oc {
namespace {

// Columns are written so many pixels at a time: one by one they lie all over memory.
constexpr int kStripRows = 32;

// a · b / 255, rounded (Pillow: MULDIV255).
int scale_byte(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

// `over` where alpha is 255, `under` where it is 0 (Pillow: BLEND, as Image.paste() with a mask).
std::uint8_t blended(int over, int under, int alpha) {
  const int sum = under * (255 - alpha) + over * alpha + 128;
  return static_cast<std::uint8_t>(((sum >> 8) + sum) >> 8);
}

std::size_t row_bytes(int width, std::size_t samples) {
  return static_cast<std::size_t>(width) * samples;
}

}  // namespace

RowWriter::RowWriter(const ImageInfo& info, Samples samples, const ImageReading& reading,
                     const ColourConversion* conversion)
    : width_(info.width),
      height_(info.height),
      orientation_(info.exif_orientation),
      samples_(samples),
      background_(reading.background.value_or(std::array<std::uint8_t, 3>{})),
      conversion_(conversion) {
  image_.width = orientation_ >= 5 ? height_ : width_;
  image_.height = orientation_ >= 5 ? width_ : height_;
}

void RowWriter::begin() {
  image_.rgb.resize(row_bytes(width_, 3) * static_cast<std::size_t>(height_));
  if (orientation_ >= 5) strip_.resize(row_bytes(width_, 3) * kStripRows);
  if (samples_ != Samples::kRgb) stored_.resize(row_bytes(width_, samples_of(samples_)));
  if (has_alpha(samples_) && conversion_ != nullptr) converted_.resize(row_bytes(width_, 4));
  aim();
}

std::size_t RowWriter::bytes(const ImageInfo& info) {
  return row_bytes(info.width, 4) * 2 + row_bytes(info.width, 3) * kStripRows;
}

// Where the row y_ is to be put by the decoder.
void RowWriter::aim() {
  if (y_ == height_) return;
  const std::size_t stride = row_bytes(width_, 3);
  if (!stored_.empty())
    next_ = stored_.data();
  else if (!strip_.empty())
    next_ = strip_.data() + stride * static_cast<std::size_t>(y_ % kStripRows);
  else
    next_ =
        image_.rgb.data() + stride * static_cast<std::size_t>(flipped() ? height_ - 1 - y_ : y_);
}

void RowWriter::to_rgb(const std::uint8_t* from, std::uint8_t* to) {
  const auto over_background = [&](const std::uint8_t* rgba) {
    for (int x = 0; x < width_; ++x, rgba += 4, to += 3)
      for (std::size_t i = 0; i < 3; ++i) to[i] = blended(rgba[i], background_[i], rgba[3]);
  };
  if (conversion_ != nullptr) {
    conversion_->convert(from, has_alpha(samples_) ? converted_.data() : to, width_);
    if (has_alpha(samples_)) over_background(converted_.data());
    return;
  }
  switch (samples_) {
    case Samples::kGrey:
      for (int x = 0; x < width_; ++x, to += 3) to[0] = to[1] = to[2] = from[x];
      return;
    case Samples::kGreyAlpha:
      for (int x = 0; x < width_; ++x, from += 2, to += 3)
        for (std::size_t i = 0; i < 3; ++i) to[i] = blended(from[0], background_[i], from[1]);
      return;
    case Samples::kRgb:
      if (from != to) std::copy_n(from, row_bytes(width_, 3), to);
      return;
    case Samples::kRgba:
      over_background(from);
      return;
    case Samples::kCmyk:  // multiplied out, as Pillow does
      for (int x = 0; x < width_; ++x, from += 4, to += 3)
        for (int i = 0; i < 3; ++i)
          to[i] = static_cast<std::uint8_t>(from[3] - scale_byte(255 - from[i], from[3]));
      return;
  }
}

void RowWriter::done() {
  const std::size_t stride = row_bytes(width_, 3);
  if (!strip_.empty()) {
    to_rgb(next_, strip_.data() + stride * static_cast<std::size_t>(y_ % kStripRows));
  } else {
    std::uint8_t* const to =
        image_.rgb.data() + stride * static_cast<std::size_t>(flipped() ? height_ - 1 - y_ : y_);
    to_rgb(next_, to);
    if (orientation_ == 2 || orientation_ == 3)
      for (int left = 0, right = width_ - 1; left < right; ++left, --right)
        std::swap_ranges(to + 3 * left, to + 3 * left + 3, to + 3 * right);
  }
  ++y_;
  if (!strip_.empty() && (y_ % kStripRows == 0 || y_ == height_)) turn_strip();
  aim();
}

Image RowWriter::from_whole(std::vector<std::uint8_t> whole, const Interrupt& interrupt) {
  if (samples_ == Samples::kRgb && conversion_ == nullptr && orientation_ == 1) {
    image_.rgb = std::move(whole);
    return take();
  }
  const std::size_t stride = row_bytes(width_, samples_of(samples_));
  for (const std::uint8_t* from = whole.data(); y_ < height_; from += stride) {
    if (interrupt.stop()) break;
    std::copy_n(from, stride, row());
    done();
  }
  return take();
}

// The strip's rows become columns. EXIF: 5 transposed, 6 turned right, 7 transversed, 8 turned
// left.
void RowWriter::turn_strip() {
  const std::ptrdiff_t stride = std::ptrdiff_t{width_} * 3;
  const int first = (y_ - 1) / kStripRows * kStripRows, count = y_ - first;
  const bool right_to_left =
      orientation_ == 6 || orientation_ == 7;  // the first row is the last column
  const bool bottom_up = orientation_ == 7 || orientation_ == 8;
  const int left = right_to_left ? height_ - y_ : first;
  for (int x = 0; x < width_; ++x) {
    const auto line = static_cast<std::size_t>(bottom_up ? width_ - 1 - x : x);
    std::uint8_t* to =
        image_.rgb.data() +
        (line * static_cast<std::size_t>(height_) + static_cast<std::size_t>(left)) * 3;
    const std::uint8_t* from =
        strip_.data() + std::ptrdiff_t{x} * 3 + (right_to_left ? (count - 1) * stride : 0);
    for (int i = 0; i < count; ++i, to += 3, from += right_to_left ? -stride : stride)
      std::copy_n(from, 3, to);
  }
}

}  // namespace oc
