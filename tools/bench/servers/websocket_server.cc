#include "tools/bench/servers/websocket_server.h"

#include <unistd.h>

#include <boost/asio/dispatch.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <cstdio>
#include <deque>

#include "tools/bench/wire/event_mark.h"

namespace milepost::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using Tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<Tcp, Executor>;
using Stream = beast::basic_stream<Tcp, Executor>;

}  // namespace

// One connection. Kept alive by its operations and by the server's list; all in the loop's thread.
class WebSocketSession : public std::enable_shared_from_this<WebSocketSession> {
 public:
  WebSocketSession(Socket socket, WebSocketServer& server) : stream_(std::move(socket)), server_(server) {}

  void Start() {
    http::async_read(stream_.next_layer(), buffer_, request_,
                     [self = shared_from_this()](beast::error_code error, size_t) { self->OnRequest(error); });
  }

  void Send(const std::shared_ptr<const std::string>& text) {
    queue_.push_back(text);
    if (queue_.size() == 1) Write();
  }

 private:
  void OnRequest(beast::error_code error) {
    const auto target = request_.target();
    const auto job = FindJob({target.data(), target.size()});
    if (error || !job || !websocket::is_upgrade(request_)) return;
    job_ = *job;
    stream_.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
    stream_.auto_fragment(false);
    stream_.text(true);
    stream_.async_accept(request_, [self = shared_from_this()](beast::error_code failed) { self->OnAccept(failed); });
  }

  void OnAccept(beast::error_code error) {
    if (error) return;
    request_ = {};
    server_.Join(job_, shared_from_this());
    Read();
  }

  // Readers say nothing; the pending read notices that they left.
  void Read() {
    stream_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, size_t) {
      self->buffer_.clear();
      if (error) return self->server_.Leave(self->job_, self.get());
      self->Read();
    });
  }

  void Write() {
    stream_.async_write(asio::buffer(*queue_.front()), [self = shared_from_this()](beast::error_code error, size_t) {
      if (error) return self->queue_.clear();
      self->queue_.pop_front();
      if (!self->queue_.empty()) self->Write();
    });
  }

  websocket::stream<Stream, false> stream_;
  WebSocketServer& server_;
  beast::flat_buffer buffer_;
  http::request<http::empty_body> request_;
  uint32_t job_ = 0;
  std::deque<std::shared_ptr<const std::string>> queue_;  // the first one is being written
};

WebSocketServer::WebSocketServer(asio::io_context& loop)
    : loop_(loop), acceptor_(loop), input_(loop, dup(STDIN_FILENO)), buffer_(64 * 1024) {}

void WebSocketServer::Start() {
  const Tcp::endpoint any_port(asio::ip::address_v4::loopback(), 0);
  acceptor_.open(any_port.protocol());
  acceptor_.bind(any_port);
  acceptor_.listen(4096);
  Accept();
  ReadRecords();
  std::printf("listening on 127.0.0.1:%d\n", acceptor_.local_endpoint().port());
  std::fflush(stdout);
}

void WebSocketServer::Accept() {
  acceptor_.async_accept(loop_.get_executor(), [this](beast::error_code error, Socket socket) {
    if (error) return;
    socket.set_option(Tcp::no_delay(true), error);
    std::make_shared<WebSocketSession>(std::move(socket), *this)->Start();
    Accept();
  });
}

void WebSocketServer::ReadRecords() {
  input_.async_read_some(asio::buffer(buffer_), [this](beast::error_code error, size_t size) {
    if (error) return loop_.stop();
    records_.Feed({buffer_.data(), size}, [this](uint32_t job, absl::string_view text) { Broadcast(job, text); });
    ReadRecords();
  });
}

void WebSocketServer::Broadcast(uint32_t job, absl::string_view text) {
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return;
  const auto shared = std::make_shared<const std::string>(text);
  for (const auto& session : found->second) session->Send(shared);
}

void WebSocketServer::Join(uint32_t job, const std::shared_ptr<WebSocketSession>& session) {
  jobs_[job].push_back(session);
}

void WebSocketServer::Leave(uint32_t job, const WebSocketSession* session) {
  std::erase_if(jobs_[job], [session](const auto& each) { return each.get() == session; });
}

}  // namespace milepost::bench
