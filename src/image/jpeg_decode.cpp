// SPDX-License-Identifier: MIT
// libjpeg reports what it cannot go on with by a call that must not return. It jumps back here: the functions that the
// jump leaves hold nothing that needs a destructor.
#include "image/jpeg_decode.h"

#ifdef TTSCALE_LIBJPEG_TURBO

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it and does not include it

#include <jpeglib.h>

namespace ttscale::image {
namespace {

// How many rows are asked for at once; libjpeg gives as many as it has ready.
constexpr JDIMENSION kRows = 16;

enum class Outcome { kDecoded, kNotOurs, kRefused };

// What libjpeg is given and keeps; `manager` is first because libjpeg hands back its address alone.
struct Decoder {
  jpeg_error_mgr manager;
  std::jmp_buf refused;
  std::array<char, JMSG_LENGTH_MAX> message;
  std::array<char, JMSG_LENGTH_MAX> warning;  // the first
  jpeg_decompress_struct state;
};

[[noreturn]] void refuse(j_common_ptr state) {
  auto* decoder = reinterpret_cast<Decoder*>(state->err);
  state->err->format_message(state, decoder->message.data());
  std::longjmp(decoder->refused, 1);
}

// libjpeg's own version would print the first warning, without the name of the file.
void note_warning(j_common_ptr state, int level) {
  constexpr int kWarning = -1;
  if (level == kWarning && state->err->num_warnings++ == 0) {
    state->err->format_message(state, reinterpret_cast<Decoder*>(state->err)->warning.data());
  }
}

// Called where the data end before the image does; libjpeg's own version would go on with gray.
boolean refuse_end_of_data(j_decompress_ptr state) {
  auto* decoder = reinterpret_cast<Decoder*>(state->err);
  std::snprintf(decoder->message.data(), decoder->message.size(), "the data end before the image does");
  std::longjmp(decoder->refused, 1);
}

void read_rows(jpeg_decompress_struct& state, std::uint8_t* rgb) {
  const std::size_t row_bytes = std::size_t{state.output_width} * 3;
  while (state.output_scanline < state.output_height) {
    std::array<JSAMPROW, kRows> rows;
    const JDIMENSION count = std::min(kRows, state.output_height - state.output_scanline);
    for (JDIMENSION i = 0; i < count; ++i) {
      rows[i] = rgb + (state.output_scanline + i) * row_bytes;
    }
    jpeg_read_scanlines(&state, rows.data(), count);
  }
}

Outcome run(Decoder& decoder, Bytes file, Size size, std::uint8_t* rgb) {
  jpeg_decompress_struct& state = decoder.state;
  if (setjmp(decoder.refused) != 0) {
    jpeg_destroy_decompress(&state);
    return Outcome::kRefused;
  }
  jpeg_create_decompress(&state);
  jpeg_mem_src(&state, file.data(), file.size());
  state.src->fill_input_buffer = refuse_end_of_data;
  jpeg_read_header(&state, TRUE);
  const bool ours =
      (state.num_components == 1 || state.num_components == 3) && Size{state.image_height, state.image_width} == size;
  if (ours) {
    state.out_color_space = JCS_RGB;
    jpeg_start_decompress(&state);
    read_rows(state, rgb);
    jpeg_finish_decompress(&state);
  }
  jpeg_destroy_decompress(&state);
  return ours ? Outcome::kDecoded : Outcome::kNotOurs;
}

}  // namespace

std::optional<std::string> decode_jpeg(Bytes file, Size size, std::uint8_t* rgb) {
  Decoder decoder{};
  decoder.state.err = jpeg_std_error(&decoder.manager);
  decoder.manager.error_exit = refuse;
  decoder.manager.emit_message = note_warning;
  const Outcome outcome = run(decoder, file, size, rgb);
  if (outcome == Outcome::kRefused) {
    throw BadImage("data that libjpeg refuses (" + std::string(decoder.message.data()) + ")");
  }
  return outcome == Outcome::kDecoded ? std::optional<std::string>(decoder.warning.data()) : std::nullopt;
}

}  // namespace ttscale::image

#else

namespace ttscale::image {

std::optional<std::string> decode_jpeg(Bytes /*file*/, Size /*size*/, std::uint8_t* /*rgb*/) { return std::nullopt; }

}  // namespace ttscale::image

#endif
