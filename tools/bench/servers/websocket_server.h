// A minimal WebSocket broadcaster on Boost.Beast: what a team would write that chose WebSocket.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/bench/wire/relay_records.h"

namespace milepost::bench {

class WebSocketSession;

// One event loop, as Beast's own chat example has it and with its advice taken: a concrete executor, the text
// of a message shared by all its readers, one write at a time with a queue behind it, no compression, no
// fragments, TCP_NODELAY. Events come as records on standard input (wire/relay_records.h). No resume, no
// limits, no identity: a lower bound for WebSocket, not a product.
//
// One thread.
class WebSocketServer {
 public:
  explicit WebSocketServer(boost::asio::io_context& loop);
  // Binds a port of 127.0.0.1, prints the readiness line and begins to serve; the loop is stopped when
  // standard input ends. Throws boost::system::system_error.
  void Start();

  // For sessions: takes part in the messages of a job, until Leave.
  void Join(uint32_t job, const std::shared_ptr<WebSocketSession>& session);
  void Leave(uint32_t job, const WebSocketSession* session);

 private:
  void Accept();
  void ReadRecords();
  void Broadcast(uint32_t job, absl::string_view text);

  boost::asio::io_context& loop_;
  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, boost::asio::io_context::executor_type> acceptor_;
  boost::asio::posix::stream_descriptor input_;
  std::vector<char> buffer_;
  RelayRecordReader records_;
  std::unordered_map<uint32_t, std::vector<std::shared_ptr<WebSocketSession>>> jobs_;
};

}  // namespace milepost::bench
