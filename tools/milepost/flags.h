// Flags of one subcommand: `--name=value`, `--name value`, `--switch`, `-x value`; `--` ends them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace milepost::tool {

// Where flags end.
enum class FlagOrder {
  kAnywhere,     // flags and operands may be mixed
  kBeforeFirst,  // the first operand ends the flags: what follows belongs to a command
};

// A table of flags that points to where their values go. Built by each subcommand, used once. Not thread-safe.
class FlagSet {
 public:
  // `value` is what the help shows for the value, for example "ADDRESS".
  void String(std::string name, std::string* target, std::string value, std::string help);
  void String(std::string name, std::optional<std::string>* target, std::string value, std::string help);
  void Strings(std::string name, std::vector<std::string>* target, std::string value, std::string help);
  void Number(std::string name, std::optional<double>* target, std::string value, std::string help);
  void Integer(std::string name, std::optional<uint32_t>* target, std::string value, std::string help);
  // Takes "2", "2s", "500ms", "1m"; `target` is in milliseconds.
  void Duration(std::string name, int64_t* target, std::string value, std::string help);
  void Switch(std::string name, bool* target, std::string help);
  // `-x VALUE` or `-xVALUE` for the flag `name`, which was added before.
  void Short(char letter, std::string name);

  // Sets the targets. `operands` gets what is no flag. INVALID_ARGUMENT is a sentence that names the flag.
  absl::Status Parse(const std::vector<std::string>& args, FlagOrder order, std::vector<std::string>* operands);

  // --help or -h was given; then the rest was not checked.
  bool help() const { return help_; }
  // The flags as lines of help.
  std::string Describe() const;

 private:
  struct Flag {
    std::string name;
    std::string value;  // empty: a switch
    std::string help;
    std::function<absl::Status(absl::string_view)> set;
    char letter = 0;  // 0: none
  };

  absl::Status ParseOne(const std::vector<std::string>& args, size_t* at);

  std::vector<Flag> flags_;
  bool help_ = false;
};

}  // namespace milepost::tool
