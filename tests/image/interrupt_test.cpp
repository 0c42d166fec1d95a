// Whoever leaves, or has no time left, ends the work on a picture between any two of its rows.
#include "base/interrupt.h"

#include "image/fit.h"
#include "image/resize.h"
#include "tests/image/png_writer.h"
#include "tests/image/webp_writer.h"

namespace oc {
namespace {

// Stops when it is asked for the n-th time; 0: never.
struct Stopper {
  explicit Stopper(int at) : stops_at(at) {}
  int asked = 0, stops_at = 0;
  Interrupt interrupt() {
    return {.cancelled = [this] { return ++asked >= stops_at && stops_at > 0; }};
  }
};

std::vector<std::pair<std::string, std::string>> files() {
  const Image image = test::rough_image(200, 160);
  test::Png plain = test::png_of(image), interlaced = plain;
  interlaced.adam7 = true;
  return {
      {"JPEG", test::make_jpeg(image)},
      {"progressive JPEG", test::make_jpeg(image, {.progressive = true})},
      {"PNG", test::write_png(plain)},
      {"interlaced PNG", test::write_png(interlaced)},
      {"WebP", test::encode_webp(image, false)},
      {"lossless WebP", test::encode_webp(image, true)},
      {"turned JPEG", test::make_jpeg(image, {.app1 = {test::kExifHead + test::exif_block(6)}})}};
}

TEST(Interrupt, EveryDecoderAsksAndStops) {
  for (const auto& [kind, file] : files()) {
    const auto bytes = test::as_bytes(file);
    Stopper never(0);
    const auto whole = decode_image(bytes, {}, never.interrupt());
    ASSERT_TRUE(whole.ok()) << kind << ": " << whole.error().describe();
    EXPECT_EQ(test::difference(*whole, test::decoded(file)), 0) << kind;
    EXPECT_GE(never.asked, 20) << kind << ": every few rows at least";
    for (int at = 1; at <= never.asked; at += 1 + never.asked / 60) {
      Stopper stopper(at);
      const auto stopped = decode_image(bytes, {}, stopper.interrupt());
      ASSERT_FALSE(stopped.ok()) << kind << ", " << at << " of " << never.asked;
      EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled) << kind;
      EXPECT_EQ(stopped.error().message, "the request was cancelled during decoding of a picture");
      EXPECT_LE(stopper.asked, at + 3) << kind << ": at once";
    }
  }
}

TEST(Interrupt, EachScanOfAJpegAsks) {
  const Image image = test::rough_image(64, 160);
  Stopper once(0), ten(0);
  ASSERT_TRUE(decode_image(test::as_bytes(test::make_jpeg(image)), {}, once.interrupt()).ok());
  ASSERT_TRUE(decode_image(test::as_bytes(test::make_jpeg(image, {.progressive = true})), {},
                           ten.interrupt())
                  .ok());
  EXPECT_GE(ten.asked, once.asked + 10 * 160 / 8);
}

TEST(Interrupt, TimeCanRunOut) {
  for (const auto& [kind, file] : files()) {
    const auto stopped =
        decode_image(test::as_bytes(file), {}, {.deadline = std::chrono::steady_clock::now()});
    ASSERT_FALSE(stopped.ok()) << kind;
    EXPECT_EQ(stopped.error().code, ErrorCode::kDeadline);
    EXPECT_EQ(stopped.error().message, "out of time during decoding of a picture");
    EXPECT_FALSE(stopped.error().hint.empty());
  }
}

// Groups of Huffman codes are read before the first row; to feed the file in small pieces would
// have libwebp read them again and again.
TEST(Interrupt, AWebpIsNotBegunAnewWithEveryPiece) {
  const std::string file = test::webp_of_many_groups(512, 512, 8192);
  Stopper never(0);
  ASSERT_TRUE(decode_image(test::as_bytes(file), {}, never.interrupt()).ok());
  EXPECT_LE(never.asked, 40);
}

TEST(Interrupt, ResizingStops) {
  const Image image = test::rough_image(300, 200);
  const auto asked = [](const auto& work) {
    Stopper never(0);
    work(never.interrupt());
    Stopper first(1);
    work(first.interrupt());
    EXPECT_LE(first.asked, 3);
    return never.asked;
  };
  EXPECT_GE(asked([&](const Interrupt& i) { fit(image, {100, 100}, i); }), 200 + 66);
  EXPECT_GE(asked([&](const Interrupt& i) { resize_bilinear(image, 50, 70, i); }), 200 + 70);
  EXPECT_GE(asked([&](const Interrupt& i) { resize_bilinear_transposed(image, 50, 70, i); }), 140);
}

}  // namespace
}  // namespace oc
