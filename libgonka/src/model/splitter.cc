#include "splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string>

#include "fmt/format.h"

namespace gonka::model {
namespace {

// Unicode's White_Space, written out: PCRE2's own \s also takes U+180E, which the regular
// expression engines of the reference implementations do not.
#define GONKA_SPACES                                                                              \
  "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{" \
  "205f}\\x{3000}"
#define GONKA_S "[" GONKA_SPACES "]"
#define GONKA_NOT_S "[^" GONKA_SPACES "]"
#define GONKA_TAIL GONKA_S "+(?!" GONKA_NOT_S ")|" GONKA_S "+"

constexpr const char* kDigits = "\\p{N}";
constexpr const char* kGpt2 =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" GONKA_SPACES "\\p{L}\\p{N}]+|" GONKA_TAIL;
#define GONKA_CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define GONKA_MODERN(digits)                                                      \
  GONKA_CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits " ?[^" GONKA_SPACES \
                     "\\p{L}\\p{N}]+[\\r\\n]*|" GONKA_S "*[\\r\\n]+|" GONKA_TAIL
constexpr const char* kLlama = GONKA_MODERN("\\p{N}{1,3}|");
constexpr const char* kQwen2 = GONKA_MODERN("\\p{N}|");

constexpr uint32_t kMatchLimit = 100'000'000;
constexpr uint32_t kHeapLimitKb = 256 << 10;

std::vector<const char*> Patterns(PreTokenizer pre_tokenizer) {
  switch (pre_tokenizer) {
    case PreTokenizer::kGpt2:
      return {kGpt2};
    case PreTokenizer::kSmollm:
      return {kDigits, kGpt2};
    case PreTokenizer::kLlamaBpe:
      return {kLlama};
    case PreTokenizer::kQwen2:
      return {kQwen2};
    case PreTokenizer::kWhole:
    case PreTokenizer::kWords:
      break;  // Pieces need no regular expression.
  }
  return {};
}

std::string ErrorText(int code) {
  PCRE2_UCHAR buffer[128];
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char*>(buffer);
}

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
};

}  // namespace

struct Splitter::Stage {
  std::unique_ptr<pcre2_code, FreeCode> code;
};

struct Splitter::Matching {
  std::unique_ptr<pcre2_match_context, FreeContext> context;
  std::vector<std::unique_ptr<pcre2_match_data, FreeMatch>> data;  // By stage.
};

Splitter::Splitter() = default;
Splitter::~Splitter() = default;

absl::StatusOr<std::unique_ptr<const Splitter>> Splitter::Create(PreTokenizer pre_tokenizer) {
  std::unique_ptr<Splitter> splitter(new Splitter);
  for (const char* pattern : Patterns(pre_tokenizer)) {
    int error = 0;
    size_t offset = 0;
    Stage stage;
    stage.code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
    if (!stage.code) {
      return absl::InternalError(
          fmt::format("regular expression {} fails at {}: {}", pattern, offset, ErrorText(error)));
    }
    // Without a JIT on this machine, the interpreter does the same, slower.
    pcre2_jit_compile(stage.code.get(), PCRE2_JIT_COMPLETE);
    splitter->stages_.push_back(std::move(stage));
  }
  return std::unique_ptr<const Splitter>(std::move(splitter));
}

absl::Status Splitter::Split(std::string_view text, const Sink& sink) const {
  Matching matching;
  matching.context.reset(pcre2_match_context_create(nullptr));
  bool complete = matching.context != nullptr;
  for (const Stage& stage : stages_) {
    matching.data.emplace_back(pcre2_match_data_create_from_pattern(stage.code.get(), nullptr));
    complete &= matching.data.back() != nullptr;
  }
  if (!complete) return absl::ResourceExhaustedError("no memory to match text");
  pcre2_set_match_limit(matching.context.get(), kMatchLimit);
  pcre2_set_heap_limit(matching.context.get(), kHeapLimitKb);
  return SplitFrom(0, text, matching, sink);
}

absl::Status Splitter::SplitFrom(size_t stage, std::string_view text, Matching& matching,
                                 const Sink& sink) const {
  if (text.empty()) return absl::OkStatus();
  if (stage == stages_.size()) {
    sink(text);
    return absl::OkStatus();
  }
  pcre2_match_data* data = matching.data[stage].get();
  const auto match = [&](size_t begin, uint32_t options) {
    return pcre2_match(stages_[stage].code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                       text.size(), begin, PCRE2_NO_UTF_CHECK | options, data,
                       matching.context.get());
  };
  size_t begin = 0;
  while (begin < text.size()) {
    int found = match(begin, 0);
    // Compiled code has 32 KiB of stack; the interpreter has what the heap limit gives.
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = match(begin, PCRE2_NO_JIT);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) {
      return absl::ResourceExhaustedError(
          fmt::format("text of {} bytes cannot be cut into pieces at {}: {}", text.size(), begin,
                      ErrorText(found)));
    }
    const size_t* range = pcre2_get_ovector_pointer(data);
    const size_t end = range[1];
    GONKA_RETURN_IF_ERROR(
        SplitFrom(stage + 1, text.substr(begin, range[0] - begin), matching, sink));
    GONKA_RETURN_IF_ERROR(
        SplitFrom(stage + 1, text.substr(range[0], end - range[0]), matching, sink));
    begin = end;
  }
  return SplitFrom(stage + 1, text.substr(begin), matching, sink);
}

}  // namespace gonka::model
