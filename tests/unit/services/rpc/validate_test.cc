// Every rule of proto/milepost/v1/event.proto: at the limit, and one past it with the field and the limit named.
#include "services/rpc/validate.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "proto/contract/canonical.h"
#include "proto/contract/event_name.h"
#include "services/rpc/digest.h"
#include "services/rpc/utf8.h"

namespace milepost::rpc {
namespace {

using ::testing::HasSubstr;
using v1::ProgressEvent;

ProgressEvent FromText(const std::string& text) {
  ProgressEvent event;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &event)) << text;
  return event;
}


// A Struct whose lists and objects nest `depth` deep.
std::string NestedStruct(size_t depth) {
  std::string inner = "{ number_value: 1 }";
  for (size_t i = 1; i < depth; ++i) inner = absl::StrCat("{ list_value { values ", inner, " } }");
  return absl::StrCat("{ fields { key: \"k\" value ", inner, " } }");
}

// A Struct of objects that nest `depth` deep, itself counted.
std::string NestedObjects(size_t depth) {
  std::string inner = "{ }";
  for (size_t i = 1; i < depth; ++i) inner = absl::StrCat("{ fields { key: \"k\" value { struct_value ", inner, " } } }");
  return inner;
}

struct Case {
  std::string event;  // text format
  std::string error;  // part of the message; empty: valid
};

const std::string kNotice = "notice { text: 'x' }";

std::vector<Case> Cases() {
  const auto x = [](size_t count) { return std::string(count, 'x'); };
  const auto resources = [](int count) {
    std::string text = "job: 'job:1' " + kNotice;
    for (int i = 0; i < count; ++i) absl::StrAppend(&text, " resources: 'user:", i, "'");
    return text;
  };
  const auto job = [](const std::string& rest) { return "job: 'job:1' " + rest; };
  const auto labels = [&](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) absl::StrAppend(&text, " labels { key: 'k", i, "' value: 'v' }");
    return job("status {" + text + "}");
  };
  const auto steps = [&](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) absl::StrAppend(&text, " steps { id: 's", i, "' }");
    return job("status {" + text + "}");
  };
  return {
      // Names.
      {kNotice, "job: \"\" is not a resource name"},
      {"job: 'Job:1' " + kNotice, "job: \"Job:1\" has a bad kind"},
      {"job: 'job:*' " + kNotice, "job: \"job:*\" is a pattern"},
      {"job: 'job:a\\nb' " + kNotice, "job: \"job:a\\nb\" has a bad id"},
      {absl::StrCat("job: 'job:", x(128), "' ", kNotice), ""},
      {absl::StrCat("job: 'job:", x(129), "' ", kNotice), "job: "},
      {job("resources: 'user:1' resources: 'user' " + kNotice), "resources[1]: \"user\" is not a resource name"},
      {resources(16), ""},
      {resources(16) + " resources: 'user:0' resources: 'job:1'", ""},
      {resources(17), "resources: 17 names, at most 16"},
      // Common fields.
      {job("attempt: 1 " + kNotice), ""},
      {job("attempt: 1000000 " + kNotice), ""},
      {job("attempt: 0 " + kNotice), "attempt: is 0"},
      {job("attempt: 1000001 " + kNotice), "attempt: is 1000001"},
      {job("correlation_id: '" + x(256) + "' " + kNotice), ""},
      {job("correlation_id: '" + x(257) + "' " + kNotice), "correlation_id: has 257 bytes, at most 256"},
      {job("correlation_id: 'a\\rb' " + kNotice), "correlation_id: \"a\\rb\" holds a control character"},
      {job("traceparent: '" + x(257) + "' " + kNotice), "traceparent: has 257 bytes, at most 256"},
      {job("traceparent: '\\177' " + kNotice), "traceparent: "},
      {job("time { seconds: 253402300799 nanos: 999999999 } " + kNotice), ""},
      {job("time { seconds: 253402300800 } " + kNotice), "time: is out of range"},
      {job("time { seconds: -62135596801 } " + kNotice), "time: is out of range"},
      {job("time { nanos: 1000000000 } " + kNotice), "time: is out of range"},
      {job("time { nanos: -1 } " + kNotice), "time: is out of range"},
      {job("metadata { fields { key: 'k' value { string_value: '" + x(4084) + "' } } } " + kNotice), ""},
      {job("metadata { fields { key: 'k' value { string_value: '" + x(4085) + "' } } } " + kNotice),
       "metadata: has 4097 bytes, at most 4096"},
      {job("metadata " + NestedStruct(16) + kNotice), ""},
      {job("metadata " + NestedStruct(17) + kNotice), "metadata: is nested deeper than 16 levels"},
      {job("metadata " + NestedObjects(16) + kNotice), ""},
      {job("metadata " + NestedObjects(17) + kNotice), "metadata: is nested deeper than 16 levels"},
      {job("completed { artifacts { name: 'a' metadata " + NestedObjects(16) + " } }"), ""},
      {job("metadata { fields { key: 'k' value { number_value: nan } } } " + kNotice), "metadata: holds a number that is not finite"},
      {job("metadata { fields { key: 'k' value { } } } " + kNotice), "metadata: holds a value without a kind"},
      {job(""), "event: has no kind"},
      // Status.
      {job("status { }"), ""},
      {job("status { state: RUNNING message: 'a\\nb' }"), ""},
      {job("status { state: STALLED }"), "status.state: STALLED is set by the service only"},
      {job("status { kind: '" + x(32) + "' }"), ""},
      {job("status { kind: '" + x(33) + "' }"), "status.kind: "},
      {job("status { kind: 'Video' }"), "status.kind: \"Video\" must match"},
      {job("status { deadline { seconds: 253402300800 } }"), "status.deadline: is out of range"},
      {job("status { state: QUEUED queue_position: 0 }"), ""},
      {job("status { state: RUNNING queue_position: 0 }"), "status.queue_position: goes with QUEUED only"},
      {labels(32), ""},
      {labels(33), "status.labels: 33 pairs, at most 32"},
      {job("status { labels { key: '" + x(64) + "' value: '" + x(256) + "' } }"), ""},
      {job("status { labels { key: '" + x(65) + "' value: '' } }"), "status.labels key: has 65 bytes, at most 64"},
      {job("status { labels { key: '' value: '' } }"), "status.labels key: is empty"},
      {job("status { labels { key: 'k' value: '" + x(257) + "' } }"), "status.labels value: has 257 bytes, at most 256"},
      {steps(256), ""},
      {steps(257), "status.steps: 257 steps, at most 256"},
      {job("status { steps { id: '' } }"), "status.steps[0].id: is empty"},
      {job("status { steps { id: 'a' } steps { id: 'a' } }"), "status.steps[1].id: \"a\" is in the plan twice"},
      {job("status { steps { id: '" + x(129) + "' } }"), "status.steps[0].id: has 129 bytes, at most 128"},
      {job("status { steps { id: 'a' weight: 0 } }"), ""},
      {job("status { steps { id: 'a' weight: -0.1 } }"), "status.steps[0].weight: -0.1 is out of range"},
      {job("status { steps { id: 'a' weight: inf } }"), "status.steps[0].weight: "},
      {job("status { steps { id: 'a' } steps { id: 'b' parent: 'a' } }"), ""},
      {job("status { steps { id: 'b' parent: 'a' } }"), "status.steps[0].parent: \"a\" is no step of the plan"},
      {job("status { steps { id: 'a' parent: 'a' } }"), "status.steps[0].parent: steps nest one level deep"},
      {job("status { steps { id: 'a' } steps { id: 'b' parent: 'a' } steps { id: 'c' parent: 'b' } }"),
       "status.steps[2].parent: steps nest one level deep"},
      // Step and progress.
      {job("step { id: '" + x(128) + "' state: DONE }"), ""},
      {job("step { id: '" + x(129) + "' state: DONE }"), "step.id: has 129 bytes, at most 128"},
      {job("step { state: DONE }"), "step.id: is empty"},
      {job("step { id: 'a' }"), "step.state: is required"},
      {job("step { id: 'a\\0' state: DONE }"), "step.id: "},
      {job("progress { step: 'a' }"), ""},
      {job("progress { }"), "progress.step: is empty"},
      {job("progress { step: 'a' fraction: 0 }"), ""},
      {job("progress { step: 'a' fraction: 1 }"), ""},
      {job("progress { step: 'a' fraction: 1.0000001 }"), "progress.fraction: "},
      {job("progress { step: 'a' fraction: -1e-9 }"), "progress.fraction: "},
      {job("progress { step: 'a' fraction: nan }"), "progress.fraction: nan is out of range: it must be finite, 0 to 1"},
      {job("progress { step: 'a' done: 5 total: 3 }"), ""},
      {job("progress { step: 'a' done: -1 }"), "progress.done: -1 is out of range"},
      {job("progress { step: 'a' total: inf }"), "progress.total: inf is out of range"},
      {job("progress { step: 'a' unit: '" + x(32) + "' }"), ""},
      {job("progress { step: 'a' unit: '" + x(33) + "' }"), "progress.unit: has 33 bytes, at most 32"},
      // Notice and output.
      {job("notice { code: '" + x(64) + "' }"), ""},
      {job("notice { code: '" + x(65) + "' }"), "notice.code: has 65 bytes, at most 64"},
      {job("notice { content { fields { key: 'k' value { number_value: inf } } } }"), "notice.content: "},
      {job("output { }"), "output: is empty"},
      {job("output { line { text: 'a' stream: '" + x(64) + "' } }"), ""},
      {job("output { line { text: 'a' stream: '" + x(65) + "' } }"), "output.line.stream: has 65 bytes, at most 64"},
      {job("output { chunk { text: '' } }"), ""},
      {job("output { artifact { name: '" + x(255) + "' uri: '" + x(2048) + "' media_type: '" + x(128) + "' } }"), ""},
      {job("output { artifact { name: '" + x(256) + "' } }"), "output.artifact.name: has 256 bytes, at most 255"},
      {job("output { artifact { uri: 'u' } }"), "output.artifact.name: is empty"},
      {job("output { artifact { name: 'a' uri: '" + x(2049) + "' } }"), "output.artifact.uri: has 2049 bytes, at most 2048"},
      {job("output { artifact { name: 'a' media_type: '" + x(129) + "' } }"), "output.artifact.media_type: "},
      {job("output { artifact { name: 'a' metadata " + NestedStruct(17) + " } }"), "output.artifact.metadata: "},
      // Ends.
      {job("completed { }"), ""},
      {job("completed { artifacts { name: 'a' } artifacts { } }"), "completed.artifacts[1].name: is empty"},
      {job("completed { output { fields { key: 'k' value { } } } }"), "completed.output: holds a value without a kind"},
      {job("failed { code: 'A" + x(0) + std::string(63, '_') + "' }"), ""},
      {job("failed { code: 'A" + std::string(64, '_') + "' }"), "failed.code: "},
      {job("failed { }"), "failed.code: \"\" must match [A-Z][A-Z0-9_]{0,63}"},
      {job("failed { code: 'Bad' }"), "failed.code: \"Bad\" must match"},
      {job("failed { code: 'A' details " + NestedStruct(17) + " }"), "failed.details: "},
      {job("cancelled { actor: '" + x(256) + "' }"), ""},
      {job("cancelled { actor: '" + x(257) + "' }"), "cancelled.actor: has 257 bytes, at most 256"},
      // Control.
      {job("control { request: 1 action: CANCEL phase: HONOURED }"), ""},
      {job("control { request: 1 action: CANCEL phase: REFUSED reason: 'no' }"), ""},
      {job("step { id: 'a' state: DONE message: '" + x(4096) + "' }"), ""},
      {job("step { id: 'a' state: DONE message: '" + x(4097) + "' }"), "step.message: has 4097 bytes, at most 4096 are allowed"},
      {job("progress { step: 'a' message: '" + x(4097) + "' }"), "progress.message: has 4097 bytes, at most 4096 are allowed"},
      {job("output { artifact { name: 'a' uri: 'u' metadata { fields { key: 'k' value { string_value: '" + x(4085) + "' } } } } }"),
       "output.artifact.metadata: has 4097 bytes, at most 4096 are allowed"},
      {job("control { request: 1 action: CANCEL phase: REQUESTED }"), "control.phase: a worker answers with DELIVERED, HONOURED or REFUSED"},
      {job("control { request: 1 action: CANCEL phase: DELIVERED }"), ""},
      {job("control { request: 1 action: CANCEL phase: TIMED_OUT }"), "control.phase: "},
      {job("control { request: 1 action: CANCEL }"), "control.phase: "},
      {job("control { request: 1 phase: HONOURED }"), "control.action: is required"},
      {job("control { action: CANCEL phase: HONOURED }"), "control.request: is required"},
      {job("control { request: 1 action: CANCEL phase: HONOURED actor: '\\n' }"), "control.actor: "},
      {job("control { request: 1 action: CANCEL phase: HONOURED deadline { } }"), "control.deadline: "},
      // Custom.
      {job("custom { name: '" + x(64) + "' }"), ""},
      {job("custom { name: '" + x(65) + "' }"), "custom.name: "},
      {job("custom { }"), "custom.name: \"\" is no event name"},
      {job("custom { name: 'error' }"), "custom.name: \"error\" is a reserved name"},
      {job("custom { name: 'job-status' }"), "custom.name: \"job-status\" is a reserved name"},
      {job("custom { name: 'mine' payload " + NestedStruct(17) + " }"), "custom.payload: "},
  };
}

TEST(ValidateTest, EveryRuleHoldsAtItsLimitAndNamesFieldAndLimitPastIt) {
  for (const Case& c : Cases()) {
    const auto event = ParseEvent(FromText(c.event).SerializeAsString());
    if (c.error.empty()) {
      EXPECT_TRUE(event.ok()) << c.event.substr(0, 200) << " → " << event.status();
    } else {
      ASSERT_FALSE(event.ok()) << c.event.substr(0, 200);
      EXPECT_TRUE(absl::IsInvalidArgument(event.status()));
      EXPECT_THAT(std::string(event.status().message()), HasSubstr(c.error));
      EXPECT_LT(event.status().message().size(), 300u) << "errors stay short whatever the input is";
    }
  }
}

TEST(ValidateTest, WhatIsValidCanBeSaidInJson) {
  for (const Case& c : Cases()) {
    if (!c.error.empty()) continue;
    std::string json;
    const auto status = google::protobuf::util::MessageToJsonString(FromText(c.event), &json);
    EXPECT_TRUE(status.ok()) << status.ToString() << " " << c.event.substr(0, 200);
    ProgressEvent back;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &back).ok()) << json.substr(0, 200);
  }
}

TEST(ValidateTest, ALargeEventIsToldToUseAnArtifact) {
  ProgressEvent event = FromText("job: 'job:1' notice { text: '' }");
  const auto sized = [&](size_t size) {
    event.mutable_notice()->set_text(std::string(size, 'x'));
    // Lengths are varints, so the overhead grows a little with the text.
    event.mutable_notice()->set_text(std::string(size - (event.ByteSizeLong() - size), 'x'));
    EXPECT_EQ(event.ByteSizeLong(), size);
    return event.SerializeAsString();
  };
  EXPECT_TRUE(ParseEvent(sized(65536)).ok());
  const auto tooLarge = ParseEvent(sized(65537));
  ASSERT_FALSE(tooLarge.ok());
  EXPECT_THAT(std::string(tooLarge.status().message()),
              HasSubstr("has 65537 bytes, at most 65536 are allowed: put large data behind the `uri` of an artifact"));
}

TEST(ValidateTest, InvalidUtf8IsNamedByItsField) {
  const struct {
    std::function<void(ProgressEvent&)> spoil;
    const char* field;
  } cases[] = {
      {[](auto& e) { e.mutable_notice()->set_text("\xC3"); }, "notice.text"},
      {[](auto& e) { e.set_job("job:\xFF"); }, "job"},
      {[](auto& e) { e.add_resources("user:\xFF"); }, "resources"},
      {[](auto& e) { (*e.mutable_status()->mutable_labels())["\xFF"] = "v"; }, "status.labels.key"},
      {[](auto& e) { (*e.mutable_metadata()->mutable_fields())["k"].set_string_value("\xED\xA0\x80"); },
       "metadata.fields.value.string_value"},
      {[](auto& e) { (*e.mutable_custom()->mutable_payload()->mutable_fields())["\xC0\x80"].set_bool_value(true); },
       "custom.payload.fields.key"},
  };
  for (const auto& c : cases) {
    ProgressEvent event = FromText("job: 'job:1' notice { text: 'x' }");
    c.spoil(event);
    const auto parsed = ParseEvent(event.SerializeAsString());
    ASSERT_FALSE(parsed.ok()) << c.field;
    EXPECT_EQ(std::string(parsed.status().message()), absl::StrCat(c.field, ": is not valid UTF-8"));
  }
}

TEST(ValidateTest, GarbageIsNoEvent) {
  for (const std::string& bytes : {std::string("\xFF"), std::string("\x0A\x7Fjob"), std::string("\x0A\xFF\xFF\xFF\xFF\xFF")}) {
    const auto parsed = ParseEvent(bytes);
    ASSERT_FALSE(parsed.ok());
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("event: these bytes are no milepost.v1.ProgressEvent"));
  }
  EXPECT_FALSE(ParseEvent("").ok());
}

TEST(ValidateTest, AKindOfTheFutureIsPassedOn) {
  // Field 25, a message that this build does not know.
  const std::string bytes = std::string("\x0A\x05job:1", 7) + std::string("\xCA\x01\x03" "abc", 6);
  const auto event = ParseEvent(bytes);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ((*event)->SerializeAsString(), bytes);
  EXPECT_EQ(std::string(contract::EventName(**event)), "unknown");
  // A number alone is no kind.
  EXPECT_FALSE(ParseEvent(std::string("\x0A\x05job:1", 7) + std::string("\xC8\x01\x03", 3)).ok());
}

TEST(ValidateTest, WhatOnlyTheServiceSetsIsCleared) {
  const auto event = ParseEvent(
      FromText("job: 'job:1' seq: 9 overall: 0.5 eta { seconds: 1 } commit_time { seconds: 1 } " + kNotice).SerializeAsString());
  ASSERT_TRUE(event.ok());
  EXPECT_EQ((*event)->DebugString(), FromText("job: 'job:1' " + kNotice).DebugString());
}

TEST(Utf8Test, AcceptsWellFormedSequencesOnly) {
  for (const char* good : {"", "a", "ä", "\xE2\x80\xA8", "\xEF\xBB\xBF", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  EXPECT_TRUE(IsUtf8(absl::string_view("\0", 1)));
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                          "\xF5\x80\x80\x80", "\xC3", "\xE2\x80", "\xF0\x9F\x98", "a\xFFz", "\xC3\x28"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

TEST(DigestTest, TellsItemsApartAndKnowsEqualOnes) {
  const auto text = [](const std::vector<std::string>& items) {
    Digest digest;
    for (const auto& item : items) digest.Add(item);
    return digest.Text();
  };
  EXPECT_EQ(text({"ab", "c"}), text({"ab", "c"}));
  EXPECT_NE(text({"ab", "c"}), text({"a", "bc"}));
  EXPECT_NE(text({}), text({""}));
  EXPECT_EQ(text({}), "6c62272e07bb014262b821756295c58d");
}

TEST(DigestTest, CanonicalBytesDoNotDependOnTheOrderOfMaps) {
  ProgressEvent there, back;
  for (int i = 0; i < 30; ++i) (*there.mutable_metadata()->mutable_fields())[absl::StrCat(i)].set_number_value(i);
  for (int i = 29; i >= 0; --i) (*back.mutable_metadata()->mutable_fields())[absl::StrCat(i)].set_number_value(i);
  EXPECT_EQ(contract::Canonical(there), contract::Canonical(back));
}

}  // namespace
}  // namespace milepost::rpc
