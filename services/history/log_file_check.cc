#include "services/history/log_file_check.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <boost/crc.hpp>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace milepost::history {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlock = 32768;
constexpr size_t kHeader = 7;  // CRC, length, type
constexpr unsigned kMaxType = 4;
constexpr absl::string_view kManifestPrefix = "MANIFEST-";

uint32_t LittleEndian(absl::string_view bytes, size_t count) {
  uint32_t number = 0;
  for (size_t i = count; i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

// CRC-32C of type and payload, masked as RocksDB does.
uint32_t Checksum(absl::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const uint32_t sum = crc.checksum();
  return (sum >> 15 | sum << 17) + 0xa282ead8u;
}

bool AllZero(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

absl::Status Damaged(const std::string& dir, absl::string_view file, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("store ", dir, ": is damaged: ", file, " ", what, ": restore a backup"));
}

}  // namespace

LogFileEnds CheckLogFile(absl::string_view bytes) {
  LogFileEnds ends;
  size_t at = 0;
  while (at < bytes.size()) {
    const size_t block_left = kBlock - at % kBlock;
    const absl::string_view rest = bytes.substr(at);
    if (block_left < kHeader) {  // filled up
      const absl::string_view filling = rest.substr(0, block_left);
      ends.broken = !AllZero(filling);
      if (ends.broken) return ends;
      at += filling.size();
      continue;
    }
    if (AllZero(rest)) return ends;  // room that was set aside
    ends.torn = rest.size() < kHeader;
    if (ends.torn) return ends;
    const size_t length = LittleEndian(rest.substr(4), 2);
    const unsigned type = static_cast<unsigned char>(rest[6]);
    ends.broken = type == 0 || type > kMaxType || kHeader + length > block_left;
    if (ends.broken) return ends;
    ends.torn = kHeader + length > rest.size();
    if (ends.torn) return ends;
    ends.broken = Checksum(rest.substr(6, 1 + length)) != LittleEndian(rest, 4);
    if (ends.broken) return ends;
    at += kHeader + length;
    ends.good = at;
  }
  return ends;
}

uint64_t ManifestNumber(absl::string_view name) {
  const size_t begin = name.rfind(kManifestPrefix);
  uint64_t number = 0;
  if (begin == absl::string_view::npos || !absl::SimpleAtoi(name.substr(begin + kManifestPrefix.size()), &number)) return 0;
  return number;
}

absl::Status CheckLogFiles(const std::string& dir, uint64_t known_manifest, uint64_t known_size) {
  const std::string current = ReadFile(dir + "/CURRENT");
  if (current.empty()) return absl::OkStatus();
  const std::string manifest(absl::StripSuffix(current, "\n"));
  const LogFileEnds ends = CheckLogFile(ReadFile(absl::StrCat(dir, "/", manifest)));
  if (ends.broken) return Damaged(dir, manifest, absl::StrCat("has a bad record at byte ", ends.good));
  if (ManifestNumber(manifest) == known_manifest && ends.good < known_size) {
    return Damaged(dir, manifest, absl::StrCat("ends at byte ", ends.good, ", but had ", known_size));
  }
  std::vector<std::pair<uint64_t, std::string>> logs;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(dir, error)) {
    const std::string name = file.path().filename().string();
    uint64_t number = 0;
    if (absl::EndsWith(name, ".log") && absl::SimpleAtoi(absl::StripSuffix(name, ".log"), &number)) logs.emplace_back(number, name);
  }
  std::sort(logs.begin(), logs.end());
  // The end of the newest may be torn; whether that was acknowledged the mark tells.
  for (size_t i = 0; i + 1 < logs.size(); ++i) {
    const LogFileEnds log = CheckLogFile(ReadFile(absl::StrCat(dir, "/", logs[i].second)));
    if (log.broken || log.torn) return Damaged(dir, logs[i].second, absl::StrCat("has a bad record at byte ", log.good));
  }
  return absl::OkStatus();
}

}  // namespace milepost::history
