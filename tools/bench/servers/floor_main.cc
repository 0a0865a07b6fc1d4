// milepost-bench-floor: see floor_server.h. Started by milepost-bench.
#include <cstdio>
#include <cstdlib>

#include "tools/bench/servers/floor_server.h"

int main(int argc, char** argv) {
  // The only argument: the flush interval in milliseconds.
  const int64_t flush_ms = argc > 1 ? std::strtoll(argv[1], nullptr, 10) : 0;
  milepost::bench::FloorServer server(flush_ms * 1'000'000);
  if (!server.Listen()) {
    std::perror("milepost-bench-floor");
    return 1;
  }
  server.Run();
  return 0;
}
