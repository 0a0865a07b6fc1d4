// The pieces of protobuf's JSON mapping, written by hand for events that come in thousands.
//
// Each function appends exactly what google::protobuf::util::MessageToJsonString writes for such a field; a
// differential test holds them to it. Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace milepost::edge::feed {

// One JSON object; members are separated by themselves.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_.push_back('{'); }
  void Close() { out_.push_back('}'); }

  // Writes `"name":` and returns where the value goes. `name` needs no escapes.
  std::string& Member(absl::string_view name);

  void String(absl::string_view name, absl::string_view value);
  void Number(absl::string_view name, uint32_t value);
  void Number64(absl::string_view name, uint64_t value);  // as a string, as the mapping has it
  void Number(absl::string_view name, double value);      // finite
  void Time(absl::string_view name, const google::protobuf::Timestamp& value);  // years 1 to 9999
  void Duration(absl::string_view name, const google::protobuf::Duration& value);

 private:
  std::string& out_;
  bool first_ = true;
};

// `text` (valid UTF-8) in quotes.
void AppendJsonString(absl::string_view text, std::string& out);

}  // namespace milepost::edge::feed
