#include <csetjmp>
#include <cstdio>
// jpeglib.h needs <cstdio> first.
#include <jerror.h>
#include <jpeglib.h>

#include "image/decoders.h"

namespace oc {
namespace {

struct JpegState {
  jpeg_decompress_struct decoder;
  jpeg_error_mgr errors;
  jpeg_source_mgr source;
  jpeg_progress_mgr progress;
  const Decoding* task;
  Outcome outcome;  // where it escapes
  std::jmp_buf escape;
};

[[noreturn]] void escape(j_common_ptr decoder, Outcome outcome) {
  auto* state = static_cast<JpegState*>(decoder->client_data);
  state->outcome = outcome;
  std::longjmp(state->escape, 1);
}
[[noreturn]] void fail(j_common_ptr decoder) {
  const int code = decoder->err->msg_code;
  escape(decoder, code == JERR_OUT_OF_MEMORY ? Outcome::kOutOfMemory : Outcome::kDamaged);
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
      escape(decoder, Outcome::kDamaged);
  }
}
void nothing(j_decompress_ptr) {}
// All bytes are in memory: asking for more means that the file is cut off. Only the end marker of a
// single scan may be missing; where pixels are missing too, finding it there is a warning (above).
boolean out_of_bytes(j_decompress_ptr decoder) {
  static constexpr JOCTET kEnd[] = {0xff, JPEG_EOI};
  if (jpeg_has_multiple_scans(decoder))
    escape(reinterpret_cast<j_common_ptr>(decoder), Outcome::kDamaged);
  decoder->src->next_input_byte = kEnd;
  decoder->src->bytes_in_buffer = sizeof kEnd;
  return TRUE;
}
void skip(j_decompress_ptr decoder, long count) {
  if (count <= 0) return;
  if (static_cast<std::size_t>(count) > decoder->src->bytes_in_buffer)
    escape(reinterpret_cast<j_common_ptr>(decoder), Outcome::kDamaged);
  decoder->src->next_input_byte += count;
  decoder->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}
// Called for each row of blocks of each scan, and for each row of pixels.
void look_around(j_common_ptr decoder) {
  const Decoding& task = *static_cast<JpegState*>(decoder->client_data)->task;
  // The header was counted before, but a damaged file may be read in another way than it was.
  if (reinterpret_cast<j_decompress_ptr>(decoder)->input_scan_number >
      max_scans_of(task.info, task.limits))
    escape(decoder, Outcome::kTooManyScans);
  if (task.interrupt.stop()) escape(decoder, Outcome::kStopped);
}

void open(JpegState& state) {
  const Bytes bytes = state.task->bytes;
  state.decoder.err = jpeg_std_error(&state.errors);
  state.errors.error_exit = fail;
  state.errors.output_message = silent;
  state.errors.emit_message = judge_warning;
  state.decoder.client_data = &state;
  jpeg_create_decompress(&state.decoder);
  // Of coefficients; otherwise a variable of the environment says it.
  state.decoder.mem->max_memory_to_use = static_cast<long>(state.task->info.working_bytes);
  state.source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  state.source.bytes_in_buffer = bytes.size();
  state.source.init_source = nothing;
  state.source.fill_input_buffer = out_of_bytes;
  state.source.skip_input_data = skip;
  state.source.resync_to_restart = jpeg_resync_to_restart;
  state.source.term_source = nothing;
  state.decoder.src = &state.source;
  state.progress.progress_monitor = look_around;
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

// No object with a destructor may live here or below: errors leave by longjmp.
Outcome decode_into(JpegState& state, std::uint8_t* scratch, std::uint8_t* rgb) {
  const ImageInfo& info = state.task->info;
  if (setjmp(state.escape) != 0) return state.outcome;
  open(state);
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

Result<Image> decode_jpeg(const Decoding& task) {
  Image image{task.info.width, task.info.height, {}};
  image.rgb.resize(rgb_bytes(task.info));
  std::vector<std::uint8_t> scratch(static_cast<std::size_t>(task.info.width) * 4);
  JpegState state{};
  state.task = &task;
  const Outcome outcome = decode_into(state, scratch.data(), image.rgb.data());
  jpeg_destroy_decompress(&state.decoder);
  if (outcome != Outcome::kDone) return failure(outcome, task);
  return image;
}

}  // namespace oc
