// Resampling to the last rounding of the libraries that the reference uses.
#pragma once

#include <span>
#include <vector>

#include "image/image.h"

namespace oc {

// Pillow's Image.resize(…, BILINEAR) on 8-bit RGB: antialiased triangle filter, 22-bit fixed point,
// horizontal pass first (Pillow: Resample.c). Bit-equal. width, height >= 1. One that is
// interrupted returns early, with pixels that mean nothing.
Image resize_bilinear(const Image& image, int width, int height, const Interrupt& interrupt = {});

// transposed(resize_bilinear(transposed(image), height, width)), without a second picture as large
// as the first.
Image resize_bilinear_transposed(const Image& image, int width, int height,
                                 const Interrupt& interrupt = {});

// The same with LANCZOS (three lobes).
Image resize_lanczos(const Image& image, int width, int height, const Interrupt& interrupt = {});

// The most that one of these takes beside the picture that it is given, the result included.
std::size_t resize_bytes(int in_width, int in_height, int out_width, int out_height);

// torch.nn.functional.interpolate(mode="bicubic", align_corners=False, antialias=False), a = -0.75,
// edges clamped. planes: [C, in_h, in_w] float32 → [C, out_h, out_w].
std::vector<float> resize_bicubic(std::span<const float> planes, int channels, int in_height,
                                  int in_width, int out_height, int out_width);

}  // namespace oc
