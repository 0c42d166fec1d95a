#include "image/colours.h"

#include <lcms2.h>
#include <lcms2_plugin.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace oc {
namespace {

void silent(cmsContext, cmsUInt32Number, const char*) {}

// All that lcms takes, in one block: what is counted for a picture holds, and no allocation of its
// own ever fails, which it does not survive everywhere. Where the block is too small for a profile
// it is left by longjmp.
class Arena {
 public:
  explicit Arena(std::size_t bytes) : block_(bytes) {}  // throws std::bad_alloc

  void* take(std::size_t bytes) {
    const std::size_t size = kHead + (bytes + kHead - 1) / kHead * kHead;
    if (size > block_.size() - used_) std::longjmp(full, 1);
    std::byte* const at = block_.data() + used_;
    std::memcpy(at, &bytes, sizeof bytes);
    used_ += size;
    return last_ = at + kHead;
  }
  // The latest one is taken back; the others go with the block.
  void give_back(void* pointer) {
    if (pointer == nullptr || pointer != last_) return;
    used_ = static_cast<std::size_t>(static_cast<std::byte*>(pointer) - kHead - block_.data());
    last_ = nullptr;
  }
  static std::size_t size_of(const void* pointer) {
    std::size_t bytes = 0;
    std::memcpy(&bytes, static_cast<const std::byte*>(pointer) - kHead, sizeof bytes);
    return bytes;
  }

  std::jmp_buf full;

 private:
  static constexpr std::size_t kHead = alignof(std::max_align_t);  // in front of each: its size
  std::vector<std::byte> block_;
  std::size_t used_ = 0;
  void* last_ = nullptr;
};

Arena& arena_of(cmsContext context) { return *static_cast<Arena*>(cmsGetContextUserData(context)); }
void* allocate(cmsContext context, cmsUInt32Number size) { return arena_of(context).take(size); }
void release(cmsContext context, void* pointer) { arena_of(context).give_back(pointer); }
void* reallocate(cmsContext context, void* pointer, cmsUInt32Number size) {
  void* const larger = allocate(context, size);
  if (pointer != nullptr)
    std::memcpy(larger, pointer, std::min<std::size_t>(Arena::size_of(pointer), size));
  return larger;
}

struct ContextDeleter {
  void operator()(_cmsContext_struct* context) const { cmsDeleteContext(context); }
};
using Context = std::unique_ptr<_cmsContext_struct, ContextDeleter>;
struct ProfileDeleter {
  void operator()(void* profile) const { cmsCloseProfile(profile); }
};
using Profile = std::unique_ptr<void, ProfileDeleter>;
struct TransformDeleter {
  void operator()(void* transform) const { cmsDeleteTransform(transform); }
};
using Transform = std::unique_ptr<void, TransformDeleter>;

// Pipelines of any length, which only profiles for film and the like have: how long one takes is
// bounded by nothing but its bytes.
bool has_long_pipelines(cmsHPROFILE profile) {
  const std::array tags = {cmsSigDToB0Tag, cmsSigDToB1Tag, cmsSigDToB2Tag, cmsSigDToB3Tag,
                           cmsSigBToD0Tag, cmsSigBToD1Tag, cmsSigBToD2Tag, cmsSigBToD3Tag};
  return std::ranges::any_of(tags,
                             [&](cmsTagSignature tag) { return cmsIsTag(profile, tag) != FALSE; });
}

class LcmsConversion final : public ColourConversion {
 public:
  LcmsConversion(std::unique_ptr<Arena> arena, Context context, Transform transform, bool table)
      : arena_(std::move(arena)),
        context_(std::move(context)),
        transform_(std::move(transform)),
        table_(table) {}
  void convert(const std::uint8_t* from, std::uint8_t* to, int width) const override {
    cmsDoTransform(transform_.get(), from, to, static_cast<cmsUInt32Number>(width));
  }
  int ns_per_pixel() const override { return table_ ? 25 : 9; }

 private:
  std::unique_ptr<Arena> arena_;
  Context context_;
  Transform transform_;
  bool table_;
};

// A grey has 256 values: a table does.
class GreyConversion final : public ColourConversion {
 public:
  GreyConversion(const ColourConversion& grey, bool alpha) : alpha_(alpha) {
    std::array<std::uint8_t, 256> all;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);
    grey.convert(all.data(), table_.data(), static_cast<int>(all.size()));
  }
  void convert(const std::uint8_t* from, std::uint8_t* to, int width) const override {
    for (int x = 0; x < width; ++x) {
      to = std::copy_n(table_.data() + std::size_t{3} * *from++, 3, to);
      if (alpha_) *to++ = *from++;
    }
  }
  int ns_per_pixel() const override { return 1; }

 private:
  bool alpha_;
  std::array<std::uint8_t, 256 * 3> table_;
};

// Whether what is as good as sRGB would be converted: for its own rounding only.
bool changes_nothing(const ColourConversion& conversion, bool grey) {
  constexpr int kNear = 2, kStep = 15;  // 18 values of each channel, both ends among them
  std::vector<std::uint8_t> in, expected;
  const auto add = [&](int r, int g, int b) {
    for (const int value : {r, g, b}) expected.push_back(static_cast<std::uint8_t>(value));
    if (grey) in.push_back(static_cast<std::uint8_t>(r));
  };
  for (int value = 0; value < 256; ++value) add(value, value, value);
  if (!grey) {
    for (int r = 0; r < 256; r += kStep)
      for (int g = 0; g < 256; g += kStep)
        for (int b = 0; b < 256; b += kStep) add(r, g, b);
    in = expected;
  }
  std::vector<std::uint8_t> out(expected.size());
  conversion.convert(in.data(), out.data(), static_cast<int>(expected.size() / 3));
  for (std::size_t i = 0; i < out.size(); ++i)
    if (std::abs(out[i] - expected[i]) > kNear) return false;
  return true;
}

// What lcms has made so far. No object with a destructor may live where it is called: it is left by
// longjmp.
struct Made {
  cmsContext context = nullptr;
  cmsHPROFILE profile = nullptr, srgb = nullptr;
  cmsHTRANSFORM transform = nullptr;
};
void make_into(volatile Made& made, Arena& arena, Bytes profile, cmsColorSpaceSignature space,
               cmsUInt32Number format_in, cmsUInt32Number format_out) {
  if (setjmp(arena.full) != 0) return;
  cmsPluginMemHandler plugin{};
  plugin.base = {cmsPluginMagicNumber, 2060, cmsPluginMemHandlerSig, nullptr};
  plugin.MallocPtr = allocate;
  plugin.FreePtr = release;
  plugin.ReallocPtr = reallocate;
  const cmsContext context = cmsCreateContext(&plugin, &arena);
  made.context = context;
  if (context == nullptr) return;
  cmsSetLogErrorHandlerTHR(context, silent);
  const cmsHPROFILE opened = cmsOpenProfileFromMemTHR(context, profile.data(),
                                                      static_cast<cmsUInt32Number>(profile.size()));
  made.profile = opened;
  if (opened == nullptr || cmsGetColorSpace(opened) != space || has_long_pipelines(opened)) return;
  const cmsHPROFILE srgb = cmsCreate_sRGBProfileTHR(context);
  made.srgb = srgb;
  if (srgb == nullptr) return;
  // Perceptual, as browsers and Pillow do.
  made.transform = cmsCreateTransformTHR(context, opened, format_in, srgb, format_out,
                                         INTENT_PERCEPTUAL, cmsFLAGS_COPY_ALPHA);
}

// Null: it is not for this colour space, or cannot be used. Throws std::bad_alloc.
std::unique_ptr<ColourConversion> make(Bytes profile, cmsColorSpaceSignature space,
                                       cmsUInt32Number format_in, cmsUInt32Number format_out) {
  auto arena = std::make_unique<Arena>(conversion_bytes(profile.size()) - profile.size());
  volatile Made made;
  make_into(made, *arena, profile, space, format_in, format_out);
  Context context(made.context);
  if (context == nullptr) throw std::bad_alloc();  // lcms has something of its own
  const Profile opened(made.profile), srgb(made.srgb);
  Transform transform(made.transform);
  if (transform == nullptr) return nullptr;
  const bool table = cmsIsTag(made.profile, cmsSigAToB0Tag) || !cmsIsMatrixShaper(made.profile);
  return std::make_unique<LcmsConversion>(std::move(arena), std::move(context),
                                          std::move(transform), table);
}

}  // namespace

std::unique_ptr<ColourConversion> ColourConversion::from(Bytes profile, Samples samples) {
  if (profile.empty() || profile.size() > kMaxProfileBytes) return nullptr;
  if (samples == Samples::kCmyk) return make(profile, cmsSigCmykData, TYPE_CMYK_8_REV, TYPE_RGB_8);
  if (samples == Samples::kGrey || samples == Samples::kGreyAlpha) {
    const auto grey = make(profile, cmsSigGrayData, TYPE_GRAY_8, TYPE_RGB_8);
    if (grey == nullptr || changes_nothing(*grey, true)) return nullptr;
    return std::make_unique<GreyConversion>(*grey, has_alpha(samples));
  }
  auto rgb = make(profile, cmsSigRgbData, TYPE_RGB_8, TYPE_RGB_8);
  if (rgb == nullptr || changes_nothing(*rgb, false)) return nullptr;
  if (samples == Samples::kRgb) return rgb;
  return make(profile, cmsSigRgbData, TYPE_RGBA_8, TYPE_RGBA_8);
}

}  // namespace oc
