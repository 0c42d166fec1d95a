#include <csetjmp>
#include <cstdio>
// jpeglib.h needs <cstdio> first, and tells jerror.h which messages there are.
#include <jpeglib.h>

#include <jerror.h>

#include <fmt/format.h>

#include "image/colours.h"
#include "image/decoders.h"
#include "image/rows.h"

namespace oc {
namespace {

// A few bit errors leave a picture that anybody would know; behind more of them nothing is what it
// was.
constexpr int kMaxBitErrors = 8;

struct JpegState {
  jpeg_decompress_struct decoder;
  jpeg_error_mgr errors;
  jpeg_source_mgr source;
  jpeg_progress_mgr progress;
  const Decoding* task;
  int bit_errors;
  bool cut_off;     // the file has ended before its last marker
  bool surplus;     // bytes of a scan were left when its pixels were complete
  bool complete;    // all pixels are there; what follows cannot harm them
  Outcome outcome;  // where it escapes
  std::jmp_buf escape;
};

[[noreturn]] void escape(j_common_ptr decoder, Outcome outcome) {
  auto* state = static_cast<JpegState*>(decoder->client_data);
  state->outcome = state->complete && outcome != Outcome::kStopped ? Outcome::kDone : outcome;
  std::longjmp(state->escape, 1);
}
[[noreturn]] void fail(j_common_ptr decoder) {
  const int code = decoder->err->msg_code;
  escape(decoder, code == JERR_OUT_OF_MEMORY ? Outcome::kOutOfMemory : Outcome::kDamaged);
}
void silent(j_common_ptr) {}
// Where a scan's bytes have ended before its pixels: before a restart, which sets things right, or
// so late that less than a sixteenth of the picture is invented, a bit error may have shifted what
// followed; otherwise pixels are missing.
bool may_be_bit_error(const JpegState& state, bool restart) {
  constexpr JDIMENSION kShare = 16;
  const jpeg_decompress_struct& decoder = state.decoder;
  const JDIMENSION left = decoder.total_iMCU_rows - decoder.input_iMCU_row;
  return !state.cut_off && (restart || left * kShare <= decoder.total_iMCU_rows);
}
// libjpeg only warns where it goes on with pixels of its own invention: that is forgiven so many
// times. Other warnings (an odd order of scans) leave the picture whole.
void judge_warning(j_common_ptr common, int level) {
  if (level >= 0) return;  // a trace message
  auto& state = *static_cast<JpegState*>(common->client_data);
  switch (common->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:  // a bit error has made the data seem shorter, if they are a scan's
      state.surplus |= state.decoder.input_scan_number > 0;
      return;
    case JWRN_HIT_MARKER: {
      const int marker = state.decoder.unread_marker;
      if (!may_be_bit_error(state, marker >= JPEG_RST0 && marker < JPEG_RST0 + 8))
        escape(common, Outcome::kDamaged);
      if (++state.bit_errors > kMaxBitErrors) escape(common, Outcome::kDamaged);
      return;
    }
    case JWRN_ARITH_BAD_CODE:  // nothing more is decoded until the next restart
      if (!may_be_bit_error(state, state.decoder.restart_interval > 0))
        escape(common, Outcome::kDamaged);
      [[fallthrough]];
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
      if (++state.bit_errors > kMaxBitErrors) escape(common, Outcome::kDamaged);
  }
}
void nothing(j_decompress_ptr) {}
// All bytes are in memory: asking for more means that the file is cut off. Only the end marker of a
// single scan may be missing; where pixels are missing too, finding it there is a warning (above).
boolean out_of_bytes(j_decompress_ptr decoder) {
  static constexpr JOCTET kEnd[] = {0xff, JPEG_EOI};
  auto& state = *static_cast<JpegState*>(decoder->client_data);
  state.cut_off = true;
  // Arithmetic decoding goes on with zeros and without a warning.
  const bool rows_are_missing =
      decoder->arith_code && decoder->input_iMCU_row + 1 < decoder->total_iMCU_rows;
  if (!state.complete && (jpeg_has_multiple_scans(decoder) || rows_are_missing))
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

// No object with a destructor may live here or below: errors leave by longjmp.
Outcome decode_into(JpegState& state, RowWriter& rows) {
  const ImageInfo& info = state.task->info;
  if (setjmp(state.escape) != 0) return state.outcome;
  open(state);
  jpeg_decompress_struct& decoder = state.decoder;
  if (jpeg_read_header(&decoder, TRUE) != JPEG_HEADER_OK) return Outcome::kDamaged;
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
  decoder.scale_num = 1;
  decoder.scale_denom = static_cast<unsigned>(info.denominator);
  jpeg_start_decompress(&decoder);
  if (decoder.output_width != static_cast<JDIMENSION>(info.width) ||
      decoder.output_height != static_cast<JDIMENSION>(info.height) ||
      decoder.num_components != info.channels)
    return Outcome::kDamaged;
  while (decoder.output_scanline < decoder.output_height) {
    JSAMPROW row = rows.row();
    if (jpeg_read_scanlines(&decoder, &row, 1) != 1) return Outcome::kDamaged;
    rows.done();
  }
  state.complete = true;
  jpeg_finish_decompress(&decoder);  // reads on to the end marker
  return Outcome::kDone;
}

struct Destroyer {
  explicit Destroyer(jpeg_decompress_struct& decoder) : decoder_(decoder) {}
  ~Destroyer() { jpeg_destroy_decompress(&decoder_); }
  jpeg_decompress_struct& decoder_;
};

}  // namespace

Result<Image> decode_jpeg(const Decoding& task) {
  const Samples samples = task.info.channels == 1   ? Samples::kGrey
                          : task.info.channels == 3 ? Samples::kRgb
                                                    : Samples::kCmyk;
  std::string note;
  const auto conversion = conversion_for(task, profile_of_jpeg(task.bytes), samples, note);
  RowWriter rows(task.info, samples, task.reading, conversion.get());
  JpegState state{};
  state.task = &task;
  const Destroyer destroyer(state.decoder);
  const Outcome outcome = decode_into(state, rows);
  if (outcome != Outcome::kDone) return failure(outcome, task);
  Image image = rows.take();
  image.note = std::move(note);
  if (task.info.denominator > 1)
    image.note = fmt::format("the JPEG picture is so large that it is read at 1/{} of its size",
                             task.info.denominator);
  if (state.surplus && state.bit_errors == 0)
    image.note =
        "the JPEG picture has more data than pixels: some of them may be wrong, as after a bit "
        "error";
  if (state.bit_errors > 0)
    image.note =
        fmt::format("the JPEG picture has {} bit error{}, which {} read over", state.bit_errors,
                    state.bit_errors == 1 ? "" : "s", state.bit_errors == 1 ? "was" : "were");
  return image;
}

}  // namespace oc
