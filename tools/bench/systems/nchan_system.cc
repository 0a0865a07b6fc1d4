#include "tools/bench/systems/nchan_system.h"

#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/systems/child_process.h"
#include "tools/bench/systems/http_publisher.h"
#include "tools/bench/systems/loopback.h"

namespace milepost::bench {
namespace {

constexpr char kNginx[] = "/usr/sbin/nginx";
constexpr char kModule[] = "/usr/lib/nginx/modules/ngx_nchan_module.so";
constexpr int64_t kStartPatience = 15 * kSecond;
constexpr int kStartAttempts = 3;

// Messages wait in memory as long as a slow reader may need within a bench; nchan's other defaults stand.
std::string Configuration(const std::string& scratch, uint16_t port) {
  return absl::StrCat(
      "load_module ", kModule, ";\n", geteuid() == 0 ? "user root;\n" : "", "daemon off;\nworker_processes 1;\n",
      "worker_rlimit_nofile 20000;\nerror_log ", scratch, "/log warn;\npid ", scratch, "/pid;\n",
      "events { worker_connections 19900; }\n", "http {\n  access_log off;\n  tcp_nodelay on;\n",
      "  keepalive_requests 100000000;\n  keepalive_timeout 600s;\n", "  client_body_temp_path ", scratch,
      "/body;\n  proxy_temp_path ", scratch, "/proxy;\n  fastcgi_temp_path ", scratch,
      "/fastcgi;\n  scgi_temp_path ", scratch, "/scgi;\n  uwsgi_temp_path ", scratch,
      "/uwsgi;\n  nchan_shared_memory_size 512M;\n  server {\n    listen 127.0.0.1:", port, " backlog=4096;\n",
      "    location ~ ^/pub/(.+)$ { nchan_publisher; nchan_channel_id $1;\n",
      "      nchan_message_buffer_length 2000; nchan_message_timeout 30s; }\n",
      "    location ~ ^/sub/(.+)$ { nchan_subscriber eventsource; nchan_channel_id $1;\n",
      "      nchan_subscriber_first_message newest; }\n",
      "    location = /ready { return 200; }\n  }\n}\n");
}

class NchanSystem : public System {
 public:
  absl::Status Start() override {
    absl::Status last;
    for (int attempt = 0; attempt < kStartAttempts; ++attempt) {
      last = TryStart();
      if (last.ok() || Interrupted()) break;
    }
    return last;
  }

  std::vector<Part> Parts() const override { return {{"nchan", child_->pid()}}; }

  Target ReaderTarget(uint32_t job, Opening opening) const override {
    return {address_, Target::Protocol::kSse,
            absl::StrCat("GET /sub/", JobName(job),
                         " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"),
            {}};
  }

  absl::StatusOr<std::unique_ptr<Publisher>> OpenPublisher() override {
    return HttpPublisher::Open({.address = address_,
                                .path_prefix = "/pub/",
                                .header_lines = {absl::StrCat("X-EventSource-Event: ", kEventName)}});
  }

 private:
  // nginx cannot pick a port itself, and another program may take the free one first.
  absl::Status TryStart() {
    const absl::StatusOr<uint16_t> port = FreePort();
    if (!port.ok()) return port.status();
    const std::string config = scratch_.path() + "/nginx.conf";
    std::ofstream(config) << Configuration(scratch_.path(), *port);
    auto child = ChildProcess::Start({{kNginx, "-p", scratch_.path(), "-c", config, "-e", scratch_.path() + "/log"},
                                      scratch_.path() + "/log"});
    if (!child.ok()) return child.status();
    child_ = *std::move(child);
    address_ = LoopbackAddress(*port);
    absl::Status up = WaitFor(
        [&] {
          const absl::StatusOr<int> status = HttpStatusOf(address_, "/ready");
          return !child_->Running() || (status.ok() && *status == 200);
        },
        MonotonicNanos() + kStartPatience);
    if (!child_->Running()) up = absl::UnavailableError("nginx ended");
    if (up.ok()) return up;
    return absl::Status(up.code(), absl::StrCat(up.message(), "; ", child_->LogTail()));
  }

  ScratchDirectory scratch_;
  std::unique_ptr<ChildProcess> child_;
  sockaddr_in address_{};
};

}  // namespace

SystemKind NchanKind() {
  return {"nchan", "nginx with Debian's nchan, one worker, published to by HTTP POST", "",
          [] {
            const bool there = access(kNginx, X_OK) == 0 && access(kModule, R_OK) == 0;
            return std::string(there ? "" : "not installed (apt install nginx libnginx-mod-nchan)");
          },
          [] { return std::make_unique<NchanSystem>(); }};
}

}  // namespace milepost::bench
