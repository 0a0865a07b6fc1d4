// Flags and lines of JSON.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/milepost/flags.h"
#include "tools/milepost/publish_input.h"

namespace milepost::tool {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FlagSetTest : public testing::Test {
 protected:
  FlagSetTest() {
    set_.String("name", &name_, "TEXT", "a name");
    set_.Strings("many", &many_, "TEXT", "several");
    set_.Switch("on", &on_, "a switch");
    set_.Duration("wait", &wait_, "TIME", "a time");
    set_.Number("number", &number_, "N", "a number");
  }

  absl::Status Parse(std::vector<std::string> args, FlagOrder order = FlagOrder::kAnywhere) { return set_.Parse(args, order, &operands_); }

  FlagSet set_;
  std::string name_;
  std::vector<std::string> many_, operands_;
  bool on_ = false;
  int64_t wait_ = 0;
  std::optional<double> number_;
};

TEST_F(FlagSetTest, TakesValuesAfterEqualsOrAsTheNextWord) {
  ASSERT_TRUE(Parse({"--name=a=b", "--many", "x", "--on", "--many=", "y", "--number", "-1.5"}).ok());
  EXPECT_EQ(name_, "a=b");
  EXPECT_THAT(many_, ElementsAre("x", ""));
  EXPECT_TRUE(on_);
  EXPECT_EQ(number_, -1.5);
  EXPECT_THAT(operands_, ElementsAre("y"));
}

TEST_F(FlagSetTest, TwoDashesEndTheFlags) {
  ASSERT_TRUE(Parse({"a", "--", "--on", "-x", "--"}).ok());
  EXPECT_FALSE(on_);
  EXPECT_THAT(operands_, ElementsAre("a", "--on", "-x", "--"));
}

TEST_F(FlagSetTest, TheFlagsOfACommandAreItsOwn) {
  ASSERT_TRUE(Parse({"--on", "make", "--name=x", "-j8", "--help"}, FlagOrder::kBeforeFirst).ok());
  EXPECT_THAT(operands_, ElementsAre("make", "--name=x", "-j8", "--help"));
  EXPECT_THAT(name_, IsEmpty());
  EXPECT_FALSE(set_.help());
}

TEST_F(FlagSetTest, MistakesAreSentencesThatNameTheFlag) {
  const auto why = [&](std::vector<std::string> args) { return std::string(Parse(std::move(args)).message()); };
  EXPECT_THAT(why({"--bogus"}), HasSubstr("unknown flag \"--bogus\""));
  EXPECT_THAT(why({"-x"}), HasSubstr("unknown flag \"-x\""));
  EXPECT_THAT(why({"--name"}), HasSubstr("--name needs a value"));
  EXPECT_THAT(why({"--on=1"}), HasSubstr("--on takes no value"));
  EXPECT_THAT(why({"--wait=soon"}), HasSubstr("--wait: \"soon\" is not a time"));
  EXPECT_THAT(why({"--wait=-1s"}), HasSubstr("--wait: "));
  EXPECT_THAT(why({"--number=x"}), HasSubstr("--number: \"x\" is not a number"));
}

TEST_F(FlagSetTest, TimesHaveUnits) {
  for (const auto& [text, milliseconds] : std::vector<std::pair<std::string, int64_t>>{{"500ms", 500}, {"2s", 2000}, {"2", 2000}, {"1.5m", 90000}, {"1h", 3600000}, {"0", 0}}) {
    ASSERT_TRUE(Parse({"--wait", text}).ok()) << text;
    EXPECT_EQ(wait_, milliseconds) << text;
  }
}

TEST_F(FlagSetTest, HelpNamesEveryFlag) {
  ASSERT_TRUE(Parse({"--help", "--bogus"}).ok());
  EXPECT_TRUE(set_.help());
  EXPECT_THAT(set_.Describe(), HasSubstr("--name=TEXT"));
}

absl::StatusOr<v1::ProgressEvent> Event(std::vector<std::string> args) {
  EventFlags flags;
  FlagSet set;
  flags.AddTo(&set);
  std::vector<std::string> operands;
  EXPECT_TRUE(set.Parse(args, FlagOrder::kAnywhere, &operands).ok());
  return EventFromFlags(flags);
}

TEST(EventFromFlagsTest, EveryKindOfEventHasItsFlags) {
  const auto text = [](std::vector<std::string> args) {
    args.push_back("--job=job:1");
    auto event = Event(std::move(args));
    return event.ok() ? event->ShortDebugString() : std::string(event.status().message());
  };
  EXPECT_EQ(text({"--state=running", "--title=T"}), R"(job: "job:1" status { state: RUNNING title: "T" })");
  EXPECT_EQ(text({"--step=s", "--fraction=0"}), R"(job: "job:1" progress { step: "s" fraction: 0 })");
  EXPECT_EQ(text({"--step=s", "--done=1", "--total=2", "--unit=files", "--message=m"}),
            R"(job: "job:1" progress { step: "s" done: 1 total: 2 unit: "files" message: "m" })");
  EXPECT_EQ(text({"--step=s", "--state=DONE"}), R"(job: "job:1" step { id: "s" state: DONE })");
  EXPECT_EQ(text({"--completed", "--message=m", "--artifact=a=http://x"}),
            R"(job: "job:1" completed { artifacts { name: "a" uri: "http://x" } message: "m" })");
  EXPECT_EQ(text({"--failed=PROVIDER", "--retryable"}), R"(job: "job:1" failed { code: "PROVIDER" retryable: true })");
  EXPECT_EQ(text({"--cancelled", "--message=why"}), R"(job: "job:1" cancelled { reason: "why" })");
  EXPECT_EQ(text({"--warning=w"}), R"(job: "job:1" notice { severity: WARNING text: "w" })");
  EXPECT_EQ(text({"--line=l"}), R"(job: "job:1" output { line { text: "l" } })");
  EXPECT_EQ(text({"--artifact=a=u"}), R"(job: "job:1" output { artifact { name: "a" uri: "u" } })");
  EXPECT_EQ(text({"--metadata={\"a\":1}", "--attempt=2", "--resource=user:7", "--notice=n"}),
            R"(job: "job:1" resources: "user:7" attempt: 2 metadata { fields { key: "a" value { number_value: 1 } } } notice { severity: INFO text: "n" })");
}

TEST(EventFromFlagsTest, FlagsThatDoNotGoTogetherAreNamed) {
  const auto why = [](std::vector<std::string> args) { return std::string(Event(std::move(args)).status().message()); };
  EXPECT_THAT(why({"--completed"}), HasSubstr("--job is missing"));
  EXPECT_THAT(why({"--job=x", "--completed"}), HasSubstr("--job: "));
  EXPECT_THAT(why({"--job=job:1", "--resource=x", "--completed"}), HasSubstr("--resource: "));
  EXPECT_THAT(why({"--job=job:1", "--completed", "--failed=X"}), HasSubstr("--completed and --failed"));
  EXPECT_THAT(why({"--job=job:1", "--fraction=1"}), HasSubstr("need --step"));
  EXPECT_THAT(why({"--job=job:1", "--step=s", "--state=RUNNING"}), HasSubstr("--state: \"RUNNING\""));
  EXPECT_THAT(why({"--job=job:1", "--state=DONE"}), HasSubstr("--state: \"DONE\""));
  EXPECT_THAT(why({"--job=job:1", "--step=s", "--state=DONE", "--fraction=1"}), HasSubstr("one at a time"));
  EXPECT_THAT(why({"--job=job:1", "--notice=n", "--title=t"}), HasSubstr("--title and --kind do not go with --notice"));
  EXPECT_THAT(why({"--job=job:1", "--artifact=x"}), HasSubstr("NAME=URI"));
  EXPECT_THAT(why({"--job=job:1", "--notice=n", "--metadata=1"}), HasSubstr("--metadata: "));
  EXPECT_THAT(why({"--job=job:1", "--retryable"}), HasSubstr("--retryable needs --failed"));
}

TEST(EventFromJsonTest, ReadsProtobufsMapping) {
  const auto event = EventFromJson(R"({"job":"job:1","progress":{"step":"s","fraction":0.5},"attempt":2})");
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->progress().fraction(), 0.5);
  EXPECT_EQ(event->attempt(), 2u);
}

TEST(EventFromJsonTest, WhatIsNoEventIsRefusedInOneLine) {
  for (const std::string& bad : {std::string("{"), std::string("[]"), std::string("not json\nmore"), std::string(R"({"jub":1})"), std::string("{\"job\":\"\xff\"}"),
                                 std::string(R"({"attempt":"x"})"), std::string("null"), std::string("1")}) {
    const auto event = EventFromJson(bad);
    ASSERT_FALSE(event.ok()) << bad;
    EXPECT_EQ(event.status().message().find('\n'), std::string::npos) << event.status();
  }
}

TEST(EventFromJsonTest, ALineHasALimit) {
  const std::string head = R"({"job":")", tail = R"("})";
  const std::string fits = head + std::string(kMaxInputLineBytes - head.size() - tail.size(), 'x') + tail;
  EXPECT_TRUE(EventFromJson(fits).ok());
  EXPECT_THAT(std::string(EventFromJson(fits + " ").status().message()), HasSubstr("longer than 262144 bytes"));
}

}  // namespace
}  // namespace milepost::tool
