// An event loop on Asio, as rooms without sockets see it.
#pragma once

#include <memory>
#include <utility>

#include "boost/asio/io_context.hpp"
#include "boost/asio/post.hpp"
#include "boost/asio/steady_timer.hpp"
#include "edge/feed/source.h"

namespace milepost::edge::http {

// One thread runs `context`. Thread-safe as LoopExecutor says.
class AsioLoop final : public feed::LoopExecutor {
 public:
  void Post(absl::AnyInvocable<void()> work) override { boost::asio::post(context_, std::move(work)); }

  void After(absl::Duration delay, absl::AnyInvocable<void()> work) override {
    auto timer = std::make_unique<boost::asio::steady_timer>(context_, absl::ToChronoMicroseconds(delay));
    auto& waited = *timer;
    waited.async_wait([timer = std::move(timer), work = std::move(work)](const boost::system::error_code& error) mutable {
      if (!error) work();
    });
  }

  boost::asio::io_context& context() { return context_; }

 private:
  boost::asio::io_context context_{1};
};

}  // namespace milepost::edge::http
