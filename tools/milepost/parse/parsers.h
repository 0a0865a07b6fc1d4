// What real tools print about their progress: one small class a tool.
//
// Each is given the pieces of the output one after the other and answers with a reading when a piece is one. They
// would rather miss a reading than take an ordinary line for one. Not thread-safe; no clocks, no input or output.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace milepost::tool {

// How far a tool says that it is.
struct Reading {
  std::string what;                // "build", "test", "download", …: becomes the step's name
  std::optional<double> fraction;  // 0 to 1
  std::optional<double> done;      // with `total` if known
  std::optional<double> total;
  std::string unit;
  std::string message;
  bool counts = false;  // a counter: it never falls within one run of the tool, so a fall is a new run
  bool fresh = false;   // the tool said that something new begins
};

class Parser {
 public:
  virtual ~Parser() = default;
  // One name a tool, for example "ninja".
  virtual absl::string_view tool() const = 0;
  // `piece` is free of escapes and control characters.
  virtual std::optional<Reading> Feed(absl::string_view piece) = 0;
};

// "[12/345] text". Any program may print such a line once, so the first one of a count is not believed: a second one
// must count on.
class NinjaParser final : public Parser {
 public:
  absl::string_view tool() const override { return "ninja"; }
  std::optional<Reading> Feed(absl::string_view piece) override;

 private:
  bool trusted_ = false;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

// "[ 45%] text": make with CMake's generated files.
class MakeParser final : public Parser {
 public:
  absl::string_view tool() const override { return "make"; }
  std::optional<Reading> Feed(absl::string_view piece) override;
};

// " 12/80 Test  #7: name ....   Passed    0.01 sec"
class CtestParser final : public Parser {
 public:
  absl::string_view tool() const override { return "ctest"; }
  std::optional<Reading> Feed(absl::string_view piece) override;

 private:
  bool fresh_ = false;
};

// "test_a.py ....F..   [ 45%]", with -v one line a test, with -q only the letters.
class PytestParser final : public Parser {
 public:
  absl::string_view tool() const override { return "pytest"; }
  std::optional<Reading> Feed(absl::string_view piece) override;

 private:
  bool fresh_ = false;
};

// The meter of twelve columns after its heading, and the bar of -#.
class CurlParser final : public Parser {
 public:
  absl::string_view tool() const override { return "curl"; }
  std::optional<Reading> Feed(absl::string_view piece) override;

 private:
  std::optional<Reading> Meter(absl::string_view piece);
  std::optional<Reading> Bar(absl::string_view piece);

  bool in_table_ = false;
  bool fresh_ = false;
};

// "name  45%[====>   ] 1.2M 300KB/s", or the dots that it writes where there is no terminal.
class WgetParser final : public Parser {
 public:
  absl::string_view tool() const override { return "wget"; }
  std::optional<Reading> Feed(absl::string_view piece) override;

 private:
  bool fresh_ = false;
  std::string name_;
};

// "  327,680  46%  296.85kB/s    0:00:01 (xfr#2, to-chk=2/5)": of one file, or of all with --info=progress2.
class RsyncParser final : public Parser {
 public:
  absl::string_view tool() const override { return "rsync"; }
  std::optional<Reading> Feed(absl::string_view piece) override;

 private:
  // Whether the percentage is of all files can only be told once a file has ended.
  enum class Scope { kUnknown, kFile, kAll };

  bool many_ = false;  // a list of files was announced: one file's percentage would mislead
  bool fresh_ = false;
  Scope scope_ = Scope::kUnknown;
  double done_ = 0, total_ = 0;
};

// "   ━━━━━━╸━━━ 1.2/1.5 MB 338.2 kB/s eta 0:00:01"
class PipParser final : public Parser {
 public:
  absl::string_view tool() const override { return "pip"; }
  std::optional<Reading> Feed(absl::string_view piece) override;

 private:
  bool fresh_ = false;
  std::string name_;
};

// "time=00:00:20.56" against the longest "Duration: 00:01:00.00" of the inputs.
class FfmpegParser final : public Parser {
 public:
  absl::string_view tool() const override { return "ffmpeg"; }
  std::optional<Reading> Feed(absl::string_view piece) override;

 private:
  double duration_ = 0;
  bool fresh_ = false;
};

// "epoch:  45%|████▌     | 18/40 [00:00<00:00, 97.42it/s]"
class TqdmParser final : public Parser {
 public:
  absl::string_view tool() const override { return "tqdm"; }
  std::optional<Reading> Feed(absl::string_view piece) override;
};

// One of each, in the order in which they are asked.
std::vector<std::unique_ptr<Parser>> AllParsers();

}  // namespace milepost::tool
