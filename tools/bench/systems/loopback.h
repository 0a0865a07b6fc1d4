// Small helpers for addresses and plain HTTP on this machine.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace milepost::bench {

sockaddr_in LoopbackAddress(uint16_t port);

// The port in a readiness line, "listening on ADDRESS:PORT". INVALID_ARGUMENT if it is none.
absl::StatusOr<uint16_t> PortOfReadinessLine(absl::string_view line);

// A port of 127.0.0.1 that nobody listens on at this moment. For programs that cannot pick one themselves.
absl::StatusOr<uint16_t> FreePort();

// A connected blocking socket with TCP_NODELAY; the caller closes it.
absl::StatusOr<int> ConnectTo(const sockaddr_in& address);

// "GET path" for one answer on a connection of its own; returns the status code.
absl::StatusOr<int> HttpStatusOf(const sockaddr_in& address, absl::string_view path);

// Asks until the answer is 200. DEADLINE_EXCEEDED at `deadline` (MonotonicNanos).
absl::Status WaitForHttpOk(const sockaddr_in& address, absl::string_view path, int64_t deadline);

}  // namespace milepost::bench
