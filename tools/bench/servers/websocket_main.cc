// milepost-bench-websocket: see websocket_server.h. Started by milepost-bench.
#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <exception>

#include "tools/bench/servers/websocket_server.h"

int main() {
  try {
    boost::asio::io_context loop(1);
    milepost::bench::WebSocketServer server(loop);
    server.Start();
    loop.run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "milepost-bench-websocket: %s\n", error.what());
    return 1;
  }
}
