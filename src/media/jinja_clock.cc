#include "media/jinja_clock.h"

#include <charconv>
#include <ctime>

namespace hearth::jinja {
namespace {

constexpr std::size_t kMaxFormat = 1024, kMaxTime = 16384;

bool read_digits(std::string_view text, std::size_t at, std::size_t count, int& out) {
  if (at + count > text.size()) return false;
  auto end = std::from_chars(text.data() + at, text.data() + at + count, out);
  return end.ec == std::errc() && end.ptr == text.data() + at + count;
}

/// "2024-07-26", optionally followed by "T09:05:03".
std::optional<std::tm> parse_iso(std::string_view text) {
  std::tm time{};
  bool date = read_digits(text, 0, 4, time.tm_year) && read_digits(text, 5, 2, time.tm_mon) &&
              read_digits(text, 8, 2, time.tm_mday) && text[4] == '-' && text[7] == '-';
  if (!date || time.tm_mon < 1 || time.tm_mon > 12 || time.tm_mday < 1 || time.tm_mday > 31)
    return std::nullopt;
  if (text.size() > 10) {
    bool clock = read_digits(text, 11, 2, time.tm_hour) && read_digits(text, 14, 2, time.tm_min) &&
                 read_digits(text, 17, 2, time.tm_sec) && text[13] == ':' && text[16] == ':';
    if (!clock || time.tm_hour > 23 || time.tm_min > 59 || time.tm_sec > 59) return std::nullopt;
  }
  time.tm_year -= 1900;
  time.tm_mon -= 1;
  std::time_t seconds = timegm(&time);  // fills in the day of the week and of the year
  gmtime_r(&seconds, &time);
  return time;
}

}  // namespace

Result<std::string> format_time(const std::optional<std::string>& fixed, std::string_view format) {
  std::tm time{};
  if (fixed) {
    auto parsed = parse_iso(*fixed);
    if (!parsed) return *fixed;
    time = *parsed;
  } else {
    std::time_t now = std::time(nullptr);
    localtime_r(&now, &time);
  }
  if (format.size() > kMaxFormat || format.find('\0') != format.npos)
    return bad_input("this format of time is too long or holds a zero byte");
  // Python's clock has no zone here and its own %f; the rest is C's. The leading blank tells an
  // empty result from one that did not fit.
  std::string plain = " ";
  for (std::size_t i = 0; i < format.size(); ++i) {
    char next = format[i] == '%' && i + 1 < format.size() ? format[i + 1] : '\0';
    if (next == 'f') plain += "000000";
    if (next == 'f' || next == 'z' || next == 'Z') {
      ++i;
    } else {
      plain += format[i];
      if (next) plain += format[++i];
    }
  }
  std::string out(kMaxTime, '\0');
  std::size_t written = std::strftime(out.data(), out.size(), plain.c_str(), &time);
  if (written == 0) return bad_input("this format of time makes too long a text");
  return out.substr(1, written - 1);
}

}  // namespace hearth::jinja
