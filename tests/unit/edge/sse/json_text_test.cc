// JSON as text: what passes is exactly what RFC 8259 allows, and taking apart and quoting lose nothing.
#include "edge/sse/json_text.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace milepost::edge::sse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string Nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(JsonTextTest, AcceptsWhatIsJson) {
  for (const std::string& good :
       {std::string("{}"), std::string("[]"), std::string("null"), std::string("true"), std::string("false"),
        std::string("0"), std::string("-0"), std::string("-1.50e+10"), std::string("1E-400"), std::string("\"\""),
        std::string(" \t\r\n[ 1 , \"a\" , { \"b\" : [ ] , \"\" : { } } ]\n"),
        std::string(R"("\"\\\/\b\f\n\r\t\u0000\uD83D\ude00")"), std::string("\"\x7F\xC2\x80\xE2\x80\xA8\xF4\x8F\xBF\xBF\""),
        std::string("{\"a\":1,\"a\":2}"), std::string("[[],[{}],{}]"), Nested(kMaxJsonDepth)}) {
    EXPECT_TRUE(CheckJson(good).ok()) << good << ": " << CheckJson(good);
  }
}

TEST(JsonTextTest, RefusesWhatIsNoJsonAndSaysWhere) {
  struct Case {
    std::string text;
    size_t byte;
  };
  for (const Case& bad : std::vector<Case>{
           {"", 1},
           {"  ", 3},
           {"x", 1},
           {"nul", 1},
           {"nulll", 5},
           {"True", 1},
           {"NaN", 1},
           {"-", 2},
           {"+1", 1},
           {"01", 2},
           {".5", 1},
           {"1.", 3},
           {"1e", 3},
           {"1e+", 4},
           {"1e999", 6},
           {"0x1", 2},
           {"[", 2},
           {"[1", 3},
           {"[1,", 4},
           {"[1,]", 4},
           {"[,1]", 2},
           {"[1 2]", 4},
           {"[1}", 3},
           {"]", 1},
           {"[]]", 3},
           {"{", 2},
           {"{1:2}", 2},
           {"{a:1}", 2},
           {"{'a':1}", 2},
           {"{\"a\"}", 5},
           {"{\"a\":}", 6},
           {"{\"a\":1,}", 8},
           {"{\"a\":1 \"b\":2}", 8},
           {"{\"a\":1]", 7},
           {"{}{}", 3},
           {"{} x", 4},
           {"// c\n1", 1},
           {"\xEF\xBB\xBF{}", 1},
           {"\"", 2},
           {"\"\\\"", 4},
           {"\"\\", 2},
           {"\"\\x\"", 2},
           {"\"\\u12\"", 2},
           {"\"\\u+123\"", 2},
           {"\"\\ud800\"", 2},
           {"\"\\ud800\\u0041\"", 2},
           {"\"\\udc00\"", 2},
           {"\"\n\"", 2},
           {std::string("\"\0\"", 3), 2},
           {std::string("\0", 1), 1},
           {"\"\x80\"", 2},
           {"\"\xC0\x80\"", 2},
           {"\"\xE0\x80\x80\"", 2},
           {"\"\xED\xA0\x80\"", 2},
           {"\"\xF0\x80\x80\x80\"", 2},
           {"\"\xF4\x90\x80\x80\"", 2},
           {"\"\xE2\x82", 2},
           {Nested(kMaxJsonDepth + 1), kMaxJsonDepth + 1},
           {std::string(100'000, '['), kMaxJsonDepth + 1},
       }) {
    const absl::Status status = CheckJson(bad.text);
    ASSERT_FALSE(status.ok()) << bad.text.substr(0, 99);
    EXPECT_THAT(std::string(status.message()), testing::StartsWith(absl::StrCat("byte ", bad.byte, ": "))) << bad.text;
  }
}

TEST(JsonTextTest, EveryCutOfADocumentIsRefused) {
  const std::string text = R"({"a":[1,-2.5e3,"x\u00e4\ud83d\ude00"],"b":{"c":true,"d":null}})";
  ASSERT_TRUE(CheckJson(text).ok());
  for (size_t length = 0; length < text.size(); ++length) EXPECT_FALSE(CheckJson(text.substr(0, length)).ok()) << length;
}

TEST(JsonTextTest, ItemsAreThePartsOfAnArray) {
  EXPECT_THAT(ArrayItems("[]", 9), ElementsAre());
  EXPECT_THAT(ArrayItems(" [ ] ", 9), ElementsAre());
  EXPECT_THAT(ArrayItems(R"( [ 1 ,"a,]\"",[2,[3]],{"b":"}"} , null ] )", 9),
              ElementsAre("1", R"("a,]\"")", "[2,[3]]", R"({"b":"}"})", "null"));
  EXPECT_EQ(ArrayItems("[1,2,3]", 3).size(), 3u);
  EXPECT_EQ(ArrayItems("[1,2,3,4,5]", 3).size(), 4u);
}

TEST(JsonTextTest, MembersAreThePartsOfAnObject) {
  EXPECT_THAT(ObjectMembers("{ }", 9), ElementsAre());
  EXPECT_THAT(ObjectMembers(R"({"a" : 1, "\u0062\":":{"c":[",}"]} ,"":"" })", 9),
              ElementsAre(Pair("a", "1"), Pair("b\":", R"({"c":[",}"]})"), Pair("", "\"\"")));
  EXPECT_EQ(ObjectMembers(R"({"a":1,"a":2,"a":3,"a":4})", 2).size(), 3u);
}

TEST(JsonTextTest, TypesAreKnownByTheFirstCharacter) {
  EXPECT_EQ(TypeOf(" {}"), JsonType::kObject);
  EXPECT_EQ(TypeOf("\n[]"), JsonType::kArray);
  EXPECT_EQ(TypeOf("\"\""), JsonType::kString);
  EXPECT_EQ(TypeOf("-1"), JsonType::kNumber);
  EXPECT_EQ(TypeOf("false"), JsonType::kBool);
  EXPECT_EQ(TypeOf("null"), JsonType::kNull);
}

TEST(JsonTextTest, StringsAreUnescaped) {
  EXPECT_EQ(StringValue(R"("a\"\\\/\b\f\n\r\tz")"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(StringValue(R"("\u0041\u00e4\u20AC\ud83d\ude00\udbff\udfff")"), "A\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF");
  EXPECT_EQ(StringValue(R"("\u0000x")"), std::string("\0x", 2));
}

TEST(JsonTextTest, QuotedTextIsJsonAndReadsBackTheSame) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  for (const std::string& text : {all, std::string("\xC3\xA4\xE2\x80\xA8\xF0\x9F\x98\x80\xEF\xBB\xBF")}) {
    const std::string quoted = JsonQuote(text);
    ASSERT_TRUE(CheckJson(quoted).ok()) << quoted;
    EXPECT_EQ(StringValue(quoted), text);
    EXPECT_EQ(quoted.find_first_of("\r\n"), std::string::npos);
  }
  EXPECT_EQ(JsonQuote("\xC3(\xFF"), "\"\xEF\xBF\xBD(\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace milepost::edge::sse
