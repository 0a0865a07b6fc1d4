#include "edge/sse/json_text.h"

#include <cassert>
#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace milepost::edge::sse {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

size_t SkipSpace(absl::string_view text, size_t at) {
  while (at < text.size() && IsSpace(text[at])) ++at;
  return at;
}

// Length of the UTF-8 sequence at the start of `text`; 0 if it is none (overlong, surrogate, cut off, …).
size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
    if (first == 0xED && byte(1) > 0x9F) return 0;  // surrogate
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;  // overlong
    if (first == 0xF4 && byte(1) > 0x8F) return 0;  // past U+10FFFF
    return 4;
  }
  return 0;
}

// The four hexadecimal digits at `at`, or -1.
int Hex4(absl::string_view text, size_t at) {
  uint32_t value = 0;
  const absl::string_view digits = text.substr(at < text.size() ? at : text.size(), 4);
  if (digits.size() < 4 || !absl::ascii_isxdigit(digits[0])) return -1;  // SimpleHexAtoi takes signs and spaces
  for (char c : digits) {
    if (!absl::ascii_isxdigit(c)) return -1;
  }
  return absl::SimpleHexAtoi(digits, &value) ? static_cast<int>(value) : -1;
}

bool IsHighSurrogate(int unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool IsLowSurrogate(int unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

// Reads one value from the start to the end; keeps the open brackets on a stack of its own.
class Checker {
 public:
  explicit Checker(absl::string_view text) : text_(text) {}

  absl::Status Run() {
    while (true) {
      at_ = SkipSpace(text_, at_);
      if (!Value()) return error_;
      if (!value_follows_ && !Close()) return error_;
      if (!value_follows_ && depth_ == 0) break;
    }
    at_ = SkipSpace(text_, at_);
    if (at_ < text_.size()) Fail("there is more after the end of the value");
    return error_;
  }

 private:
  bool Fail(absl::string_view what) {
    error_ = absl::InvalidArgumentError(absl::StrCat("byte ", at_ + 1, ": ", what));
    return false;
  }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  // A scalar, or an opening bracket with the name of its first member. Sets value_follows_ after an opening bracket.
  bool Value() {
    value_follows_ = false;
    if (at_ >= text_.size()) return Fail("the text ends where a value must stand");
    switch (Peek()) {
      case '{':
        return Open('}');
      case '[':
        return Open(']');
      case '"':
        return String();
      case 't':
        return Word("true");
      case 'f':
        return Word("false");
      case 'n':
        return Word("null");
      default:
        return Number();
    }
  }

  bool Open(char closer) {
    if (depth_ == kMaxJsonDepth) return Fail(absl::StrCat("nested deeper than ", kMaxJsonDepth, " levels"));
    closers_[depth_++] = closer;
    at_ = SkipSpace(text_, at_ + 1);
    if (Peek() == closer) return true;  // Close takes it
    value_follows_ = true;
    return closer == ']' || Name();
  }

  // The name of a member and its colon.
  bool Name() {
    if (Peek() != '"') return Fail("expected the name of a member in double quotes");
    if (!String()) return false;
    at_ = SkipSpace(text_, at_);
    if (Peek() != ':') return Fail("expected ':'");
    ++at_;
    return true;
  }

  // After a value: closing brackets, or a comma with the name of the next member. Sets value_follows_ after a comma.
  bool Close() {
    while (depth_ > 0) {
      const char closer = closers_[depth_ - 1];
      at_ = SkipSpace(text_, at_);
      if (Peek() == closer) {
        ++at_;
        --depth_;
        continue;
      }
      if (Peek() != ',') return Fail(closer == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
      at_ = SkipSpace(text_, at_ + 1);
      value_follows_ = true;
      return closer == ']' || Name();
    }
    return true;
  }

  bool Word(absl::string_view word) {
    if (text_.substr(at_, word.size()) != word) return Fail("this is no JSON value");
    at_ += word.size();
    return true;
  }

  bool Digits() {
    const size_t start = at_;
    while (absl::ascii_isdigit(Peek())) ++at_;
    return at_ > start;
  }

  bool Number() {
    const size_t start = at_;
    if (Peek() == '-') ++at_;
    if (Peek() == '0') {
      ++at_;
    } else if (!Digits()) {
      return Fail("this is no JSON value");
    }
    if (Peek() == '.') {
      ++at_;
      if (!Digits()) return Fail("expected a digit");
    }
    if (Peek() == 'e' || Peek() == 'E') {
      ++at_;
      if (Peek() == '+' || Peek() == '-') ++at_;
      if (!Digits()) return Fail("expected a digit");
    }
    double value = 0;
    if (!absl::SimpleAtod(text_.substr(start, at_ - start), &value) || std::isinf(value)) {
      return Fail("a number beyond the range of a double");
    }
    return true;
  }

  bool String() {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c == '\\') {
        if (!Escape()) return false;
        continue;
      }
      if (static_cast<uint8_t>(c) < 0x20) return Fail("a control character in a string: escape it");
      const size_t length = Utf8Length(text_.substr(at_));
      if (length == 0) return Fail("this is no UTF-8");
      at_ += length;
    }
    return Fail("a string has no end");
  }

  bool Escape() {
    const char kind = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (kind != 'u') {
      if (kind == '\0' || absl::string_view("\"\\/bfnrt").find(kind) == absl::string_view::npos) {
        return Fail("an unknown escape in a string");
      }
      at_ += 2;
      return true;
    }
    const int unit = Hex4(text_, at_ + 2);
    if (unit < 0) return Fail("expected four hexadecimal digits after \\u");
    if (IsLowSurrogate(unit)) return Fail("half of a surrogate pair");
    if (IsHighSurrogate(unit)) {
      if (text_.substr(at_ + 6, 2) != "\\u" || !IsLowSurrogate(Hex4(text_, at_ + 8))) {
        return Fail("half of a surrogate pair");
      }
      at_ += 6;
    }
    at_ += 6;
    return true;
  }

  const absl::string_view text_;
  size_t at_ = 0;
  char closers_[kMaxJsonDepth] = {};
  size_t depth_ = 0;
  bool value_follows_ = false;
  absl::Status error_;
};

// Where the value that begins at `at` ends.
size_t EndOfValue(absl::string_view text, size_t at) {
  size_t depth = 0;
  bool in_string = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') ++at;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') ++depth;
    if (depth == 0 && (c == ',' || c == '}' || c == ']' || c == ':' || IsSpace(c))) return at;
    if (c == '}' || c == ']') --depth;
  }
  return at;
}

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    *out += static_cast<char>(code);
    return;
  }
  if (code < 0x800) {
    *out += static_cast<char>(0xC0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      *out += static_cast<char>(0xE0 | (code >> 12));
    } else {
      *out += static_cast<char>(0xF0 | (code >> 18));
      *out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    }
    *out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
  }
  *out += static_cast<char>(0x80 | (code & 0x3F));
}

}  // namespace

absl::Status CheckJson(absl::string_view text) { return Checker(text).Run(); }

JsonType TypeOf(absl::string_view value) {
  const size_t at = SkipSpace(value, 0);
  assert(at < value.size());
  switch (value[at]) {
    case '{':
      return JsonType::kObject;
    case '[':
      return JsonType::kArray;
    case '"':
      return JsonType::kString;
    case 't':
    case 'f':
      return JsonType::kBool;
    case 'n':
      return JsonType::kNull;
    default:
      return JsonType::kNumber;
  }
}

std::vector<absl::string_view> ArrayItems(absl::string_view array, size_t max) {
  std::vector<absl::string_view> items;
  size_t at = SkipSpace(array, SkipSpace(array, 0) + 1);
  while (array[at] != ']' && items.size() <= max) {
    const size_t end = EndOfValue(array, at);
    items.push_back(array.substr(at, end - at));
    at = SkipSpace(array, end);
    if (array[at] == ',') at = SkipSpace(array, at + 1);
  }
  return items;
}

std::vector<std::pair<std::string, absl::string_view>> ObjectMembers(absl::string_view object, size_t max) {
  std::vector<std::pair<std::string, absl::string_view>> members;
  size_t at = SkipSpace(object, SkipSpace(object, 0) + 1);
  while (object[at] != '}' && members.size() <= max) {
    size_t end = EndOfValue(object, at);
    std::string name = StringValue(object.substr(at, end - at));
    at = SkipSpace(object, SkipSpace(object, end) + 1);  // past the colon
    end = EndOfValue(object, at);
    members.emplace_back(std::move(name), object.substr(at, end - at));
    at = SkipSpace(object, end);
    if (object[at] == ',') at = SkipSpace(object, at + 1);
  }
  return members;
}

std::string StringValue(absl::string_view value) {
  std::string text;
  size_t at = SkipSpace(value, 0) + 1;
  while (value[at] != '"') {
    if (value[at] != '\\') {
      text += value[at++];
      continue;
    }
    const char kind = value[at + 1];
    at += 2;
    if (kind != 'u') {
      constexpr absl::string_view kFrom = "bfnrt", kTo = "\b\f\n\r\t";
      const size_t i = kFrom.find(kind);
      text += i == absl::string_view::npos ? kind : kTo[i];
      continue;
    }
    uint32_t code = static_cast<uint32_t>(Hex4(value, at));
    at += 4;
    if (IsHighSurrogate(static_cast<int>(code))) {
      code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<uint32_t>(Hex4(value, at + 2)) - 0xDC00);
      at += 6;
    }
    AppendUtf8(code, &text);
  }
  return text;
}

std::string JsonQuote(absl::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const char c = text[0];
    if (length == 0) {
      quoted += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
      absl::StrAppendFormat(&quoted, "\\u%04x", static_cast<uint8_t>(c));
    } else {
      absl::StrAppend(&quoted, text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return quoted + "\"";
}

}  // namespace milepost::edge::sse
