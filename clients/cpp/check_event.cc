#include "clients/cpp/check_event.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace milepost::client {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool IsUtf8(absl::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u; };
    const auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
    const unsigned first = byte(0), second = byte(1);
    if (first < 0x80) {
      at += 1;
    } else if (first >= 0xc2 && first <= 0xdf && tail(1)) {
      at += 2;
    } else if ((first & 0xf0) == 0xe0 && tail(1) && tail(2) && !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second > 0x9f)) {
      at += 3;
    } else if (first >= 0xf0 && first <= 0xf4 && tail(1) && tail(2) && tail(3) && !(first == 0xf0 && second < 0x90) &&
               !(first == 0xf4 && second > 0x8f)) {
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

// The path of the first string that is not UTF-8; empty if all are.
std::string FindBadString(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  std::string scratch;
  for (const FieldDescriptor* field : fields) {
    const bool text = field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
    if (!text && field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (text) {
        const std::string& value = field->is_repeated() ? reflection.GetRepeatedStringReference(message, field, i, &scratch)
                                                        : reflection.GetStringReference(message, field, &scratch);
        if (!IsUtf8(value)) return field->name();
        continue;
      }
      const std::string inner = FindBadString(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                                                   : reflection.GetMessage(message, field));
      if (!inner.empty()) return absl::StrCat(field->name(), ".", inner);
    }
  }
  return "";
}

}  // namespace

absl::Status CheckEvent(const v1::ProgressEvent& event) {
  if (const size_t bytes = event.ByteSizeLong(); bytes > kMaxEventBytes) {
    return absl::InvalidArgumentError(absl::StrCat("event: ", bytes, " bytes, the limit is ", kMaxEventBytes,
                                                   "; put large data elsewhere and send the uri of an artifact"));
  }
  if (const std::string path = FindBadString(event); !path.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not valid UTF-8"));
  }
  return absl::OkStatus();
}

}  // namespace milepost::client
