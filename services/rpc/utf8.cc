#include "services/rpc/utf8.h"

#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "google/protobuf/unknown_field_set.h"

namespace milepost::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

// What protobuf's own parser allows.
constexpr int kMaxDepth = 100;

// Bytes of the sequence that `lead` begins, and the range of its second byte; 0 if it begins none.
int SequenceLength(uint8_t lead, uint8_t* low, uint8_t* high) {
  *low = 0x80;
  *high = 0xBF;
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0) *low = 0xA0;   // no overlong forms
    if (lead == 0xED) *high = 0x9F;  // no surrogates
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0) *low = 0x90;
    if (lead == 0xF4) *high = 0x8F;  // nothing past U+10FFFF
    return 4;
  }
  return 0;
}

// The path of the first string that is not UTF-8, in the wire's order.
std::optional<std::string> FindBadString(const Descriptor* type, const std::string& bytes, int depth) {
  UnknownFieldSet fields;
  if (depth > kMaxDepth || !fields.ParseFromString(bytes)) return std::nullopt;
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    if (field.type() != UnknownField::TYPE_LENGTH_DELIMITED) continue;
    const FieldDescriptor* known = type->FindFieldByNumber(field.number());
    if (known == nullptr) continue;
    const std::string name(known->name());
    if (known->type() == FieldDescriptor::TYPE_STRING && !IsUtf8(field.length_delimited())) return name;
    if (known->type() != FieldDescriptor::TYPE_MESSAGE) continue;
    if (auto inner = FindBadString(known->message_type(), field.length_delimited(), depth + 1)) {
      return absl::StrCat(name, ".", *inner);
    }
  }
  return std::nullopt;
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    uint8_t low, high;
    const int length = SequenceLength(static_cast<uint8_t>(text[i]), &low, &high);
    if (length == 0 || text.size() - i < static_cast<size_t>(length)) return false;
    for (int j = 1; j < length; ++j) {
      const auto c = static_cast<uint8_t>(text[i + j]);
      if (c < low || c > high) return false;
      low = 0x80;
      high = 0xBF;
    }
    i += length;
  }
  return true;
}

std::string ExplainParseFailure(const Descriptor* type, absl::string_view bytes) {
  if (const auto path = FindBadString(type, std::string(bytes), 0)) {
    return absl::StrCat(*path, ": is not valid UTF-8");
  }
  return absl::StrCat("event: these bytes are no ", std::string(type->full_name()), " (or nest too deeply)");
}

}  // namespace milepost::rpc
