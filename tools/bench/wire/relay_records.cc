#include "tools/bench/wire/relay_records.h"

#include <cstring>

namespace milepost::bench {
namespace {

struct Header {
  uint32_t job;
  uint32_t size;
};

}  // namespace

void AppendRelayRecord(uint32_t job, absl::string_view payload, std::string& out) {
  const Header header{job, static_cast<uint32_t>(payload.size())};
  out.append(reinterpret_cast<const char*>(&header), sizeof(header));
  out.append(payload.data(), payload.size());
}

void RelayRecordReader::Feed(absl::string_view bytes,
                             const std::function<void(uint32_t job, absl::string_view payload)>& take) {
  unread_.append(bytes.data(), bytes.size());
  absl::string_view rest = unread_;
  Header header;
  while (rest.size() >= sizeof(header)) {
    std::memcpy(&header, rest.data(), sizeof(header));
    if (rest.size() < sizeof(header) + header.size) break;
    take(header.job, rest.substr(sizeof(header), header.size));
    rest.remove_prefix(sizeof(header) + header.size);
  }
  unread_.erase(0, unread_.size() - rest.size());
}

}  // namespace milepost::bench
