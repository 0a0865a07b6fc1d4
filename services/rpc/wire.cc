#include "services/rpc/wire.h"

#include <vector>

#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "proto/contract/resource.h"
#include "services/rpc/utf8.h"

namespace milepost::rpc {
namespace {

using google::protobuf::io::CodedOutputStream;
using google::protobuf::internal::WireFormatLite;

std::string Contents(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string contents;
  contents.reserve(buffer.Length());
  if (!buffer.Dump(&slices).ok()) return contents;
  for (const grpc::Slice& slice : slices) contents.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return contents;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

absl::Status Parse(const grpc::ByteBuffer& buffer, google::protobuf::Message* message) {
  grpc::ByteBuffer shared(buffer);  // reading consumes the buffer, not its slices
  grpc::ProtoBufferReader reader(&shared);
  if (reader.status().ok() && message->ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  return absl::InvalidArgumentError(ExplainParseFailure(message->GetDescriptor(), Contents(buffer)));
}

grpc::ByteBuffer Serialize(const google::protobuf::Message& message) { return WithEvents(message, 0, {}); }

grpc::ByteBuffer WithEvents(const google::protobuf::Message& rest, int field,
                            std::span<const history::EventPtr> events) {
  const uint32_t tag = WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  const size_t rest_size = rest.ByteSizeLong();
  size_t size = rest_size;
  for (const auto& event : events) {
    const auto length = static_cast<uint32_t>(event->bytes.size());
    size += CodedOutputStream::VarintSize32(tag) + CodedOutputStream::VarintSize32(length) + length;
  }
  // One slice and one copy: for events of some hundred bytes cheaper than a reference to each.
  grpc_slice slice = grpc_slice_malloc(size);
  uint8_t* out = rest.SerializeWithCachedSizesToArray(GRPC_SLICE_START_PTR(slice));
  for (const auto& event : events) {
    out = CodedOutputStream::WriteTagToArray(tag, out);
    out = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(event->bytes.size()), out);
    out = CodedOutputStream::WriteRawToArray(event->bytes.data(), static_cast<int>(event->bytes.size()), out);
  }
  const grpc::Slice owned(slice, grpc::Slice::STEAL_REF);
  return grpc::ByteBuffer(&owned, 1);
}

absl::Status ValidateNames(std::span<const std::string> names, size_t max, absl::string_view field) {
  if (names.size() > max) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": ", names.size(), " names, at most ", max, " are allowed"));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    absl::Status status = contract::ValidateResourceOrPattern(names[i], field);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace milepost::rpc
