// The reduction of events to a JobState: the golden cases, which other clients are held to as well, and the limits.
#include "proto/contract/job_state.h"

#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"

namespace milepost::contract {
namespace {

using google::protobuf::util::JsonStringToMessage;
using google::protobuf::util::MessageDifferencer;
using google::protobuf::util::MessageToJsonString;

std::string Json(const google::protobuf::Message& message) {
  std::string json;
  EXPECT_TRUE(MessageToJsonString(message, &json).ok());
  return json;
}

google::protobuf::ListValue Cases() {
  std::ifstream file(std::string(MILEPOST_GOLDEN) + "/job_states.json");
  std::stringstream text;
  text << file.rdbuf();
  google::protobuf::ListValue cases;
  EXPECT_TRUE(JsonStringToMessage(text.str(), &cases).ok());
  return cases;
}

TEST(JobStateTest, TheGoldenCasesComeOut) {
  const auto cases = Cases();
  ASSERT_GE(cases.values_size(), 9);
  for (const auto& one : cases.values()) {
    const auto& fields = one.struct_value().fields();
    SCOPED_TRACE(fields.at("name").string_value());
    v1::JobState state;
    for (const auto& json : fields.at("events").list_value().values()) {
      v1::ProgressEvent event;
      ASSERT_TRUE(JsonStringToMessage(Json(json), &event).ok()) << Json(json);
      Reduce(event, &state);
    }
    v1::JobState expected;
    ASSERT_TRUE(JsonStringToMessage(Json(fields.at("state")), &expected).ok());
    MessageDifferencer differencer;
    std::string difference;
    differencer.ReportDifferencesToString(&difference);
    EXPECT_TRUE(differencer.Compare(expected, state)) << difference << Json(state);
  }
}

v1::ProgressEvent Line(const std::string& text) {
  v1::ProgressEvent event;
  event.set_job("job:1");
  event.mutable_output()->mutable_line()->set_text(text);
  return event;
}

TEST(JobStateTest, TheTailOfTheOutputIsBounded) {
  v1::JobState state;
  for (int i = 0; i < kMaxOutputTail + 5; ++i) Reduce(Line("line " + std::to_string(i)), &state);
  ASSERT_EQ(state.output_tail_size(), kMaxOutputTail);
  EXPECT_EQ(state.output_tail(0), "line 5");
  EXPECT_EQ(state.output_tail(kMaxOutputTail - 1), "line 24");
}

TEST(JobStateTest, ALongLineIsCutBetweenCharacters) {
  v1::JobState state;
  Reduce(Line(std::string(kMaxTailLineBytes - 1, 'x') + "\u20ac and more"), &state);
  EXPECT_EQ(state.output_tail(0), std::string(kMaxTailLineBytes - 1, 'x'));
  Reduce(Line(std::string(kMaxTailLineBytes, 'y')), &state);
  EXPECT_EQ(state.output_tail(1).size(), kMaxTailLineBytes);
}

TEST(JobStateTest, StepsAndArtifactsAreBounded) {
  v1::JobState state;
  for (int i = 0; i < kMaxStateSteps + 3; ++i) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.mutable_progress()->set_step("s" + std::to_string(i));
    Reduce(event, &state);
  }
  EXPECT_EQ(state.steps_size(), kMaxStateSteps);
  EXPECT_EQ(state.step(), "s258");
  for (int i = 0; i < kMaxStateArtifacts + 1; ++i) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.mutable_output()->mutable_artifact()->set_name("a" + std::to_string(i));
    Reduce(event, &state);
  }
  ASSERT_EQ(state.artifacts_size(), kMaxStateArtifacts);
  EXPECT_EQ(state.artifacts(0).name(), "a1");
}

TEST(JobStateTest, MetadataKeepsTheNewestValueOfEachKeyWithinItsLimit) {
  v1::JobState state;
  const auto add = [&](const std::string& key, size_t size) {
    v1::ProgressEvent event = Line("x");
    (*event.mutable_metadata()->mutable_fields())[key].set_string_value(std::string(size, 'x'));
    Reduce(event, &state);
  };
  for (int i = 0; i < 4; ++i) add("k" + std::to_string(i), 4000);
  add("k1", 1);
  EXPECT_EQ(state.metadata().fields().size(), 4);
  EXPECT_EQ(state.metadata().fields().at("k1").string_value(), "x");
  add("k4", 4000);
  EXPECT_EQ(state.metadata().fields().size(), 5);
  add("k5", 4000);
  EXPECT_EQ(state.metadata().fields().size(), 1);
}

TEST(JobStateTest, WhatEndsForGood) {
  v1::JobState state;
  EXPECT_FALSE(HasEndedForGood(state));
  state.set_state(v1::JobState::FAILED);
  EXPECT_TRUE(HasEndedForGood(state));
  state.mutable_error()->set_retryable(true);
  EXPECT_FALSE(HasEndedForGood(state));
  state.set_state(v1::JobState::CANCELLED);
  EXPECT_TRUE(HasEndedForGood(state));
}

}  // namespace
}  // namespace milepost::contract
