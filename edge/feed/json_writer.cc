#include "edge/feed/json_writer.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/wrappers.pb.h"

namespace milepost::edge::feed {
namespace {

// The character after the backslash of a short escape, or 0.
char ShortEscape(char c) {
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

// Fractions of seconds have 0, 3, 6 or 9 digits.
void AppendNanos(int32_t nanos, std::string& out) {
  if (nanos == 0) return;
  if (nanos % 1'000'000 == 0) {
    absl::StrAppendFormat(&out, ".%03d", nanos / 1'000'000);
  } else if (nanos % 1'000 == 0) {
    absl::StrAppendFormat(&out, ".%06d", nanos / 1'000);
  } else {
    absl::StrAppendFormat(&out, ".%09d", nanos);
  }
}

void AppendTwo(int value, std::string& out) {
  out.push_back('0' + value / 10);
  out.push_back('0' + value % 10);
}

}  // namespace

void AppendJsonString(absl::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
  if (!ascii) {
    // Which other characters are escaped (U+2028, soft hyphens, marks of direction, …) is the library's to know.
    google::protobuf::StringValue value;
    value.set_value(std::string(text));
    std::string json;
    if (google::protobuf::util::MessageToJsonString(value, &json).ok()) out += json;
    return;
  }
  out.push_back('"');
  for (char c : text) {
    if (const char escape = ShortEscape(c); escape != 0) {
      out.push_back('\\');
      out.push_back(escape);
    } else if (c < 0x20 || c == 0x7f || c == '<' || c == '>') {
      out.append("\\u00");
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string& JsonObject::Member(absl::string_view name) {
  if (!std::exchange(first_, false)) out_.push_back(',');
  out_.push_back('"');
  out_.append(name.data(), name.size());
  out_.append("\":");
  return out_;
}

void JsonObject::String(absl::string_view name, absl::string_view value) { AppendJsonString(value, Member(name)); }

void JsonObject::Number(absl::string_view name, uint32_t value) { absl::StrAppend(&Member(name), value); }

void JsonObject::Number64(absl::string_view name, uint64_t value) { absl::StrAppend(&Member(name), "\"", value, "\""); }

void JsonObject::Number(absl::string_view name, double value) {
  // The shorter of 15 and 17 digits that reads back as the same number.
  char text[32];
  auto end = std::to_chars(text, text + sizeof(text), value, std::chars_format::general, 15).ptr;
  double back = 0;
  std::from_chars(text, end, back);
  if (back != value) end = std::to_chars(text, text + sizeof(text), value, std::chars_format::general, 17).ptr;
  Member(name).append(text, end - text);
}

void JsonObject::Time(absl::string_view name, const google::protobuf::Timestamp& value) {
  std::string& out = Member(name);
  const auto civil = absl::ToCivilSecond(absl::FromUnixSeconds(value.seconds()), absl::UTCTimeZone());
  out.push_back('"');
  AppendTwo(static_cast<int>(civil.year() / 100), out);
  AppendTwo(static_cast<int>(civil.year() % 100), out);
  out.push_back('-');
  AppendTwo(civil.month(), out);
  out.push_back('-');
  AppendTwo(civil.day(), out);
  out.push_back('T');
  AppendTwo(civil.hour(), out);
  out.push_back(':');
  AppendTwo(civil.minute(), out);
  out.push_back(':');
  AppendTwo(civil.second(), out);
  AppendNanos(value.nanos(), out);
  out.append("Z\"");
}

void JsonObject::Duration(absl::string_view name, const google::protobuf::Duration& value) {
  std::string& out = Member(name);
  out.push_back('"');
  if (value.seconds() < 0 || value.nanos() < 0) out.push_back('-');
  absl::StrAppend(&out, std::abs(value.seconds()));
  AppendNanos(std::abs(value.nanos()), out);
  out.append("s\"");
}

}  // namespace milepost::edge::feed
