// What a client may ask of the HTTP front. Every limit answers with a clear error; tests shrink them.
#pragma once

#include <chrono>
#include <cstddef>

namespace milepost::edge::http {

struct Limits {
  // Request line and header fields together, with all line ends, in bytes. Past it: 431.
  size_t header_bytes = 8 * 1024;
  // Header fields of a request. Past it: 431.
  size_t max_headers = 100;
  // Body of a request, in bytes, after chunked coding was taken off. Past it: 413.
  size_t body_bytes = 1024 * 1024;
  // Bodies of all requests that are being read or handled, in bytes. Past it: 503 with Retry-After.
  size_t total_body_bytes = 64 * 1024 * 1024;
  // Open connections, streams included: 1,000 descriptors less than the usual limit of 20,000. Past it a
  // browser's stream is told to come back later, and any other request gets 503 with Retry-After.
  size_t connections = 19'000;
  // How many connections past `connections` may be open at once to be told so. Past these they are closed.
  size_t refusals = 500;

  // From the first byte of a request (or from accepting it) to the end of its header. Past it: 408.
  std::chrono::milliseconds header_deadline{10'000};
  // From the end of the header to the end of the body. Past it: 408.
  std::chrono::milliseconds body_deadline{30'000};
  // Between the end of an answer and the first byte of the next request. Past it the connection is closed.
  std::chrono::milliseconds idle_keepalive{60'000};
  // How long a client may take no byte of an answer. Past it the connection is closed.
  std::chrono::milliseconds write_deadline{60'000};
  // How long a connection that was refused stays open for reading, so that the client sees the answer and
  // no reset.
  std::chrono::milliseconds linger_deadline{2'000};
};

}  // namespace milepost::edge::http
