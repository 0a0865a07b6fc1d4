#include "tools/bench/producers/resp_wire.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tools/bench/producers/event_message.h"

namespace milepost::bench {
namespace {

void AppendBulk(absl::string_view value, std::string& out) { absl::StrAppend(&out, "$", value.size(), "\r\n", value, "\r\n"); }

absl::Status Nonsense(absl::string_view bytes) {
  return absl::UnavailableError(absl::StrCat("Redis: not an answer to XADD: ", bytes.substr(0, 64)));
}

}  // namespace

void RespWire::Send(absl::Span<const BenchEvent> events, std::string& out) {
  v1::ProgressEvent message;
  std::string value;
  for (const BenchEvent& event : events) {
    FillEvent(event, options_.event_bytes, message);
    message.SerializeToString(&value);
    out += "*5\r\n$4\r\nXADD\r\n";
    AppendBulk(options_.key, out);
    out += "$1\r\n*\r\n$1\r\ne\r\n";
    AppendBulk(value, out);
  }
}

absl::Status RespWire::Feed(absl::string_view bytes, std::string&) {
  if (!carry_.empty()) {
    carry_.append(bytes.data(), bytes.size());
    bytes = carry_;
  }
  absl::StatusOr<bool> taken = TakeAnswer(bytes);
  while (taken.ok() && *taken) taken = TakeAnswer(bytes);
  if (!taken.ok()) return taken.status();
  if (bytes.size() > kMaxRespAnswerBytes) return Nonsense(bytes);
  carry_ = std::string(bytes);
  return absl::OkStatus();
}

absl::StatusOr<bool> RespWire::TakeAnswer(absl::string_view& bytes) {
  const size_t line_end = bytes.find("\r\n");
  if (line_end == absl::string_view::npos) return false;
  const absl::string_view line = bytes.substr(0, line_end);
  if (line.substr(0, 1) == "-") return absl::UnavailableError(absl::StrCat("Redis: ", line.substr(1, 200)));
  size_t length = 0;
  if (line.substr(0, 1) != "$" || !absl::SimpleAtoi(line.substr(1), &length) || length > kMaxRespAnswerBytes) {
    return Nonsense(line);
  }
  const size_t whole = line_end + 2 + length + 2;
  if (bytes.size() < whole) return false;
  bytes.remove_prefix(whole);
  ++acked_;
  return true;
}

}  // namespace milepost::bench
