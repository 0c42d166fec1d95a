#include <csetjmp>
#include <cstdio>
// jpeglib.h needs <cstdio> first.
#include <jerror.h>
#include <jpeglib.h>

#include "image/decoders.h"

namespace oc {
namespace {

constexpr int kMostScans = 200;  // progressive files of a few hundred bytes can ask for thousands

struct JpegState {
  jpeg_decompress_struct decoder;
  jpeg_error_mgr errors;
  jpeg_source_mgr source;
  jpeg_progress_mgr progress;
  std::jmp_buf escape;
};

[[noreturn]] void escape(j_common_ptr decoder) {
  std::longjmp(static_cast<JpegState*>(decoder->client_data)->escape, 1);
}
void silent(j_common_ptr) {}
// libjpeg only warns where it goes on with pixels of its own invention. Other warnings (bytes too
// many, an odd order of scans) leave the picture whole; every reader forgives them.
void judge_warning(j_common_ptr decoder, int level) {
  if (level >= 0) return;  // a trace message
  switch (decoder->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
      escape(decoder);
  }
}
void nothing(j_decompress_ptr) {}
// All bytes are in memory: asking for more means that the file is cut off. Only the end marker of a
// single scan may be missing; where pixels are missing too, finding it there is a warning (above).
boolean out_of_bytes(j_decompress_ptr decoder) {
  static constexpr JOCTET kEnd[] = {0xff, JPEG_EOI};
  if (jpeg_has_multiple_scans(decoder)) escape(reinterpret_cast<j_common_ptr>(decoder));
  decoder->src->next_input_byte = kEnd;
  decoder->src->bytes_in_buffer = sizeof kEnd;
  return TRUE;
}
void skip(j_decompress_ptr decoder, long count) {
  if (count <= 0) return;
  if (static_cast<std::size_t>(count) > decoder->src->bytes_in_buffer)
    escape(reinterpret_cast<j_common_ptr>(decoder));
  decoder->src->next_input_byte += count;
  decoder->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}
void limit_scans(j_common_ptr decoder) {
  if (reinterpret_cast<j_decompress_ptr>(decoder)->input_scan_number > kMostScans) escape(decoder);
}

void open(JpegState& state, Bytes bytes) {
  state.decoder.err = jpeg_std_error(&state.errors);
  state.errors.error_exit = escape;
  state.errors.output_message = silent;
  state.errors.emit_message = judge_warning;
  state.decoder.client_data = &state;
  jpeg_create_decompress(&state.decoder);
  state.source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  state.source.bytes_in_buffer = bytes.size();
  state.source.init_source = nothing;
  state.source.fill_input_buffer = out_of_bytes;
  state.source.skip_input_data = skip;
  state.source.resync_to_restart = jpeg_resync_to_restart;
  state.source.term_source = nothing;
  state.decoder.src = &state.source;
  state.progress.progress_monitor = limit_scans;
  state.decoder.progress = &state.progress;
}

// a · b / 255, rounded (Pillow: MULDIV255).
int scale_byte(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

// Turns a decoded row of 1 or 4 samples a pixel into RGB. CMYK is stored inverted, as Adobe does
// and as Pillow reads it, with Adobe's marker or without.
void to_rgb(const std::uint8_t* from, int width, int samples, std::uint8_t* to) {
  for (int x = 0; x < width; ++x, from += samples, to += 3) {
    if (samples == 1) {
      to[0] = to[1] = to[2] = from[0];
      continue;
    }
    const int rest = from[3];
    for (int i = 0; i < 3; ++i)
      to[i] = static_cast<std::uint8_t>(rest - scale_byte(255 - from[i], rest));
  }
}

enum class Outcome { kDone, kDamaged, kUnsupported };

// No object with a destructor may live here or below: errors leave by longjmp.
Outcome decode_into(JpegState& state, const ImageInfo& info, Bytes bytes, std::uint8_t* scratch,
                    std::uint8_t* rgb) {
  if (setjmp(state.escape) != 0) return Outcome::kDamaged;
  open(state, bytes);
  jpeg_decompress_struct& decoder = state.decoder;
  if (jpeg_read_header(&decoder, TRUE) != JPEG_HEADER_OK) return Outcome::kDamaged;
  if (decoder.image_width != static_cast<JDIMENSION>(info.width) ||
      decoder.image_height != static_cast<JDIMENSION>(info.height))
    return Outcome::kDamaged;
  switch (decoder.jpeg_color_space) {
    case JCS_GRAYSCALE:
      decoder.out_color_space = JCS_GRAYSCALE;
      break;
    case JCS_YCbCr:
    case JCS_RGB:
      decoder.out_color_space = JCS_RGB;
      break;
    case JCS_CMYK:
    case JCS_YCCK:
      decoder.out_color_space = JCS_CMYK;
      break;
    default:
      return Outcome::kUnsupported;
  }
  jpeg_start_decompress(&decoder);
  const auto stride = static_cast<std::size_t>(info.width) * 3;
  while (decoder.output_scanline < decoder.output_height) {
    std::uint8_t* to = rgb + decoder.output_scanline * stride;
    JSAMPROW row = decoder.output_components == 3 ? to : scratch;
    if (jpeg_read_scanlines(&decoder, &row, 1) != 1) return Outcome::kDamaged;
    if (row == scratch) to_rgb(scratch, info.width, decoder.output_components, to);
  }
  return Outcome::kDone;
}

}  // namespace

Result<ImageInfo> probe_jpeg(Bytes bytes) {
  ImageInfo info{.format = ImageFormat::kJpeg};
  bool exif_seen = false;
  for (std::size_t at = 2;;) {
    const auto fill = read_uint(bytes, at, 1, false), marker = read_uint(bytes, at + 1, 1, false);
    if (!fill || !marker || *fill != 0xff) return damaged(info.format);
    if (*marker == 0xff) {  // padding in front of a marker
      ++at;
      continue;
    }
    const bool alone = *marker == 0x01 || (*marker >= 0xd0 && *marker <= 0xd8);
    if (alone) {
      at += 2;
      continue;
    }
    const auto length = read_uint(bytes, at + 2, 2, false);
    if (!length || *length < 2 || bytes.size() - at - 2 < *length) return damaged(info.format);
    const bool frame =
        *marker >= 0xc0 && *marker <= 0xcf && *marker != 0xc4 && *marker != 0xc8 && *marker != 0xcc;
    if (*marker == 0xe1 && !exif_seen && starts_with(bytes, "Exif", at + 4)) {
      info.exif_orientation = exif_orientation(bytes.subspan(at + 4, *length - 2));
      exif_seen = true;
    } else if (frame) {
      const auto height = read_uint(bytes, at + 5, 2, false),
                 width = read_uint(bytes, at + 7, 2, false);
      if (!height || !width) return damaged(info.format);
      info.height = static_cast<int>(*height);
      info.width = static_cast<int>(*width);
    } else if (*marker == 0xda || *marker == 0xd9) {
      if (info.width == 0) return damaged(info.format);
      return info;
    }
    at += 2 + *length;
  }
}

Result<Image> decode_jpeg(Bytes bytes, const ImageInfo& info) {
  Image image{info.width, info.height, {}};
  const auto width = static_cast<std::size_t>(info.width);
  image.rgb.resize(width * static_cast<std::size_t>(info.height) * 3);
  std::vector<std::uint8_t> scratch(width * 4);
  JpegState state{};
  const Outcome outcome = decode_into(state, info, bytes, scratch.data(), image.rgb.data());
  jpeg_destroy_decompress(&state.decoder);
  if (outcome == Outcome::kUnsupported)
    return Error{ErrorCode::kUnsupported, "the JPEG picture uses an unusual colour space",
                 "save it as an ordinary RGB JPEG or PNG"};
  if (outcome == Outcome::kDamaged) return damaged(info.format);
  return image;
}

}  // namespace oc
