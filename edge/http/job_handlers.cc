#include "edge/http/job_handlers.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "edge/feed/json.h"
#include "edge/http/content_type.h"
#include "edge/http/etag.h"
#include "edge/http/job_request.h"
#include "edge/sse/json_text.h"
#include "proto/contract/resource.h"

namespace milepost::edge::http {
namespace {

// Equal for equal messages, on every edge: FNV-1a, 64 bits, over the message with its maps in order.
uint64_t Fingerprint(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

std::string ListJson(const v1::ListJobsResponse& list) {
  std::string json = R"({"jobs":[)";
  for (int i = 0; i < list.jobs_size(); ++i) absl::StrAppend(&json, i == 0 ? "" : ",", feed::MessageJson(list.jobs(i)));
  absl::StrAppend(&json, "],");
  if (!list.next_page_token().empty()) {
    absl::StrAppend(&json, R"("nextPageToken":)", sse::JsonQuote(list.next_page_token()), ",");
  }
  return absl::StrCat(json, R"("counts":)", feed::CountsJson(list.counts()), "}");
}

Response ControlAnswer(const v1::ControlJobResponse& answer) {
  Response response = Json(absl::StrCat(R"({"job":)", sse::JsonQuote(answer.job()), R"(,"request":")", answer.request(),
                                        R"(","phase":")", v1::Control::Phase_Name(answer.phase()), R"("})"));
  response.status = 202;
  return response;
}

void HandleGet(feed::Source& source, Request request, Responder responder) {
  auto parsed = ParseJobGet(request.params.at(0), request.query);
  if (!parsed.ok()) return responder.Respond(Problem(parsed.status()));
  source.GetJob(*std::move(parsed), [request = std::move(request), responder = std::move(responder)](
                                        absl::StatusOr<v1::GetJobResponse> answer) mutable {
    if (!answer.ok()) return responder.Respond(Problem(answer.status()));
    const v1::JobState& state = answer->job();
    // A state follows from the events up to its cursor.
    responder.Respond(JsonWithEtag(request, WeakEtag(state.cursor()), feed::MessageJson(state)));
  });
}

void HandleList(feed::Source& source, Request request, Responder responder) {
  auto parsed = ParseJobList(request.query);
  if (!parsed.ok()) return responder.Respond(Problem(parsed.status()));
  source.ListJobs(*std::move(parsed), [request = std::move(request), responder = std::move(responder)](
                                          absl::StatusOr<v1::ListJobsResponse> answer) mutable {
    if (!answer.ok()) return responder.Respond(Problem(answer.status()));
    responder.Respond(JsonWithEtag(request, WeakEtag(absl::StrCat(absl::Hex(Fingerprint(*answer), absl::kZeroPad16))),
                                   ListJson(*answer)));
  });
}

void HandleControl(feed::Source& source, v1::Control::Action action, Request request, Responder responder) {
  const std::string type = request.Header("Content-Type").value_or("");
  if (!absl::StripAsciiWhitespace(request.body).empty() && ParseContentType(type) != BodyType::kJson) {
    return responder.Respond(Problem(415, ReasonPhrase(415),
                                     absl::StrCat("Content-Type: ", contract::Quoted(type), ": send application/json")));
  }
  // A page of another site could send this, having no body, without asking first.
  if (request.Header("Sec-Fetch-Site") == "cross-site") {
    return responder.Respond(Problem(absl::PermissionDeniedError("Sec-Fetch-Site: pages of other sites may not ask for this")));
  }
  auto parsed = ParseControl(request.params.at(0), action, request.query, request.body);
  if (!parsed.ok()) return responder.Respond(Problem(parsed.status()));
  source.ControlJob(*std::move(parsed), [responder = std::move(responder)](
                                            absl::StatusOr<v1::ControlJobResponse> answer) mutable {
    responder.Respond(answer.ok() ? ControlAnswer(*answer) : Problem(answer.status()));
  });
}

}  // namespace

void AddJobRoutes(Router& router, feed::Source& source) {
  router.Add("GET", "/v1/jobs", [&source](Request request, Responder responder) {
    HandleList(source, std::move(request), std::move(responder));
  });
  router.Add("GET", "/v1/jobs/{job}", [&source](Request request, Responder responder) {
    HandleGet(source, std::move(request), std::move(responder));
  });
  const auto add = [&](absl::string_view verb, v1::Control::Action action) {
    router.Add("POST", absl::StrCat("/v1/jobs/{job}:", verb), [&source, action](Request request, Responder responder) {
      HandleControl(source, action, std::move(request), std::move(responder));
    });
  };
  add("cancel", v1::Control::CANCEL);
  add("pause", v1::Control::PAUSE);
  add("resume", v1::Control::RESUME);
  add("retry", v1::Control::RETRY);
}

}  // namespace milepost::edge::http
