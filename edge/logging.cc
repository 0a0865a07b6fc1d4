#include "edge/logging.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "edge/sse/json_text.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace milepost::edge {
namespace {

// %J: the message as a JSON string. Some messages quote what others sent.
class JsonMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string quoted = sse::JsonQuote(absl::string_view(message.payload.data(), message.payload.size()));
    out.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

}  // namespace

void SetUpLogging(bool json) {
  auto logger = spdlog::stderr_logger_mt("milepost");
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<JsonMessage>('J');
  formatter->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","process":"edge","message":%J})"
                              : "%Y-%m-%dT%H:%M:%S.%eZ %l edge %v");
  logger->set_formatter(std::move(formatter));
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace milepost::edge
