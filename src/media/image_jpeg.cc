// libjpeg-turbo with its defaults (accurate integer DCT, smooth chroma), which is what Pillow uses.
//
// libjpeg reports errors by a call that must not return, so every function that may longjmp holds
// only trivial objects: whatever owns memory lives in its caller.
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jpeglib.h>

#include "media/image_codecs.h"
#include "media/image_exif.h"

namespace hearth::codec {
namespace {

// A progressive file of a few kilobytes can ask for thousands of passes over the whole picture.
constexpr int kMostScans = 100;

struct Decoder {
  jpeg_decompress_struct c;
  jpeg_error_mgr errors;
  jpeg_source_mgr input;
  jpeg_progress_mgr progress;
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void fail(j_common_ptr c, const char* message) {
  auto* decoder = static_cast<Decoder*>(c->client_data);
  std::snprintf(decoder->message, sizeof decoder->message, "%s", message);
  std::longjmp(decoder->escape, 1);
}

void on_error(j_common_ptr c) {
  char message[JMSG_LENGTH_MAX];
  c->err->format_message(c, message);
  fail(c, message);
}
// Warnings (odd but decodable data) are ignored, as Pillow does; the library prints nothing.
void on_warning(j_common_ptr, int) {}
void on_output(j_common_ptr) {}

void no_setup(j_decompress_ptr) {}
boolean on_end_of_file(j_decompress_ptr c) {
  fail(reinterpret_cast<j_common_ptr>(c), "the JPEG is truncated");
}
void skip(j_decompress_ptr c, long count) {
  if (count <= 0) return;
  if (static_cast<std::size_t>(count) > c->src->bytes_in_buffer) on_end_of_file(c);
  c->src->next_input_byte += count;
  c->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}

void on_progress(j_common_ptr c) {
  if (reinterpret_cast<j_decompress_ptr>(c)->input_scan_number > kMostScans)
    fail(c, "the JPEG has more than 100 scans");
}

/// Up to the picture's size. False: `message` says why.
bool read_header(Decoder& d, const Source& source) {
  if (setjmp(d.escape)) return false;
  jpeg_create_decompress(&d.c);
  d.c.client_data = &d;
  d.c.src = &d.input;
  d.c.progress = &d.progress;
  d.input.next_input_byte = source.data();
  d.input.bytes_in_buffer = source.size();
  jpeg_save_markers(&d.c, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&d.c, TRUE);
  if (d.c.num_components != 1 && d.c.num_components != 3 && d.c.num_components != 4)
    fail(reinterpret_cast<j_common_ptr>(&d.c), "a JPEG of 1, 3 or 4 components is expected");
  d.c.out_color_space = d.c.num_components == 4 ? JCS_CMYK : JCS_RGB;
  return true;
}

/// Inks to light: Adobe stores them inverted, and everyone takes every four-component file as
/// Adobe's.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb, std::size_t width) {
  for (std::size_t x = 0; x < width; ++x, cmyk += 4, rgb += 3)
    for (int c = 0; c < 3; ++c) {
      const int light = cmyk[3], ink = (255 - cmyk[c]) * light + 128;
      rgb[c] = static_cast<std::uint8_t>(light - ((ink + (ink >> 8)) >> 8));
    }
}

/// Every row; `cmyk_row` is width·4 bytes, used for four components only.
bool read_pixels(Decoder& d, std::uint8_t* rgb, std::uint8_t* cmyk_row) {
  if (setjmp(d.escape)) return false;
  jpeg_start_decompress(&d.c);
  const std::size_t width = d.c.output_width;
  while (d.c.output_scanline < d.c.output_height) {
    std::uint8_t* to = rgb + std::size_t{d.c.output_scanline} * width * 3;
    JSAMPROW row = d.c.num_components == 4 ? cmyk_row : to;
    jpeg_read_scanlines(&d.c, &row, 1);
    if (d.c.num_components == 4) cmyk_to_rgb(cmyk_row, to, width);
  }
  return true;
}

int orientation_of(const jpeg_decompress_struct& c) {
  for (auto* marker = c.marker_list; marker; marker = marker->next)
    if (marker->data_length >= 6 && std::memcmp(marker->data, "Exif\0", 5) == 0)
      return exif_orientation({marker->data, marker->data_length});
  return 1;
}

}  // namespace

Result<Decoded> decode_jpeg(const Source& source) {
  Decoder d{};
  d.c.err = jpeg_std_error(&d.errors);
  d.c.client_data = &d;
  d.errors.error_exit = on_error;
  d.errors.emit_message = on_warning;
  d.errors.output_message = on_output;
  d.input = {nullptr, 0, no_setup, on_end_of_file, skip, jpeg_resync_to_restart, no_setup};
  d.progress.progress_monitor = on_progress;
  struct Destroy {
    jpeg_decompress_struct* c;
    ~Destroy() { jpeg_destroy_decompress(c); }
  } destroy{&d.c};

  if (!read_header(d, source)) return source.error(d.message);
  Decoded decoded;
  HEARTH_TRY(decoded.image, new_image(source, d.c.image_width, d.c.image_height));
  decoded.orientation = orientation_of(d.c);
  std::vector<std::uint8_t> cmyk_row(d.c.num_components == 4 ? d.c.image_width * 4 : 0);
  if (!read_pixels(d, decoded.image.rgb.data(), cmyk_row.data())) return source.error(d.message);
  return decoded;
}

}  // namespace hearth::codec
