#include "edge/http/listener.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "edge/http/connection.h"
#include "edge/http/socket.h"
#include "proto/contract/resource.h"

namespace milepost::edge::http {
namespace {

namespace asio = boost::asio;
using Error = boost::system::error_code;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

// How long nothing is accepted after the system refused a descriptor or memory. Clients wait in the kernel's queue
// meanwhile; trying on at once would only burn a core.
constexpr std::chrono::milliseconds kAcceptPause{100};

absl::StatusOr<asio::ip::address> ParseAddress(absl::string_view text) {
  absl::string_view bare = text;
  if (absl::ConsumePrefix(&bare, "[")) absl::ConsumeSuffix(&bare, "]");
  if (bare == "localhost") bare = "127.0.0.1";
  Error error;
  const asio::ip::address address = asio::ip::make_address(std::string(bare), error);
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat("cannot listen on ", contract::Quoted(text),
                                                   ": this is no IP address: write one such as 127.0.0.1"));
  }
  return address;
}

absl::Status OpenError(absl::string_view where, const Error& error) {
  if (error == asio::error::address_in_use) {
    return absl::AlreadyExistsError(absl::StrCat("cannot listen on ", where, ": the port is taken by another process: ",
                                                 "stop it or choose another port (0 picks a free one)"));
  }
  if (error == asio::error::access_denied) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot listen on ", where, ": permission denied: choose a port from 1024 on"));
  }
  if (error == boost::system::errc::address_not_available) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", where, ": this machine has no such address: choose one of its own"));
  }
  return absl::UnavailableError(absl::StrCat("cannot listen on ", where, ": ", error.message()));
}

}  // namespace

// Lives on the first loop; what other threads call (Stop, the counts) is posted or atomic.
struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  Impl(std::vector<Loop> loops, const Limits& limits)
      : loops(std::move(loops)),
        front(std::make_shared<Front>(limits)),
        acceptor(this->loops.front().context->get_executor()),
        pause(this->loops.front().context->get_executor()) {}

  void Accept();
  void OnAccepted(Error error, Socket socket, const Loop& loop);
  void Pause(const Error& error);

  const std::vector<Loop> loops;
  const std::shared_ptr<Front> front;  // shared with the connections
  Acceptor acceptor;
  Timer pause;
  size_t next_loop = 0;
  bool pausing = false;  // the system refused, and nothing was accepted since
  std::string address;
  uint16_t port = 0;
};

void Listener::Impl::Accept() {
  if (!acceptor.is_open()) return;
  const Loop& loop = loops[next_loop++ % loops.size()];
  acceptor.async_accept(loop.context->get_executor(), [self = shared_from_this(), &loop](Error error, Socket socket) {
    self->OnAccepted(error, std::move(socket), loop);
  });
}

void Listener::Impl::OnAccepted(Error error, Socket socket, const Loop& loop) {
  if (error == asio::error::operation_aborted) return;
  if (error == asio::error::no_descriptors || error == boost::system::errc::too_many_files_open_in_system ||
      error == asio::error::no_buffer_space || error == asio::error::no_memory) {
    return Pause(error);
  }
  // Any other error is that of one client, which went away while it waited.
  if (!error) {
    if (std::exchange(pausing, false)) spdlog::info("accepting connections again");
    const Limits& limits = front->limits;
    const size_t open = front->open->load(std::memory_order_relaxed);
    if (open < limits.connections + limits.refusals) {
      auto connection = std::make_shared<Connection>(std::move(socket), ConnectionSlot(front->open), front,
                                                     *loop.router, /*shed=*/open >= limits.connections);
      asio::post(*loop.context, [connection = std::move(connection)] { connection->Start(); });
    }
  }
  Accept();
}

void Listener::Impl::Pause(const Error& error) {
  if (!std::exchange(pausing, true)) spdlog::warn("cannot accept connections, trying again: {}", error.message());
  pause.expires_after(kAcceptPause);
  pause.async_wait([self = shared_from_this()](Error cancelled) {
    if (!cancelled) self->Accept();
  });
}

Listener::Listener(std::vector<Loop> loops, const Limits& limits)
    : impl_(std::make_shared<Impl>(std::move(loops), limits)) {}

Listener::~Listener() { Stop(); }

absl::Status Listener::Open(absl::string_view address, uint16_t port) {
  absl::StatusOr<asio::ip::address> ip = ParseAddress(address);
  if (!ip.ok()) return ip.status();
  const auto format = [&](uint16_t bound) {
    return ip->is_v6() ? absl::StrCat("[", ip->to_string(), "]:", bound) : absl::StrCat(ip->to_string(), ":", bound);
  };
  const asio::ip::tcp::endpoint endpoint(*ip, port);
  Acceptor& acceptor = impl_->acceptor;
  Error error;
  acceptor.open(endpoint.protocol(), error);
  // Lets a restarted edge have its port back at once; on Linux a port that is listened on stays taken.
  if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(Acceptor::max_listen_connections, error);
  if (error) {
    Error ignored;
    acceptor.close(ignored);
    return OpenError(format(port), error);
  }
  impl_->port = acceptor.local_endpoint().port();
  impl_->address = format(impl_->port);
  impl_->Accept();
  return absl::OkStatus();
}

const std::string& Listener::address() const { return impl_->address; }
uint16_t Listener::port() const { return impl_->port; }

void Listener::Stop() {
  if (impl_->front->stopping.exchange(true)) return;
  asio::post(*impl_->loops.front().context, [impl = impl_] {
    Error ignored;
    impl->acceptor.close(ignored);
    impl->pause.cancel();
  });
}

size_t Listener::connections() const { return impl_->front->open->load(std::memory_order_relaxed); }

}  // namespace milepost::edge::http
