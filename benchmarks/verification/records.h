#pragma once

// What the runs leave on disk, so that fitting and tables can be repeated in a second.

#include <string>

#include "gonka/base/codec.h"
#include "gonka/verify/artifact.h"

namespace gonka::calibrate {

struct AnswerRecord {
  uint32_t question = 0;
  uint64_t stopped = 0;  // 1 where a stop token ended it.
  List<uint32_t, verify::kOutputTokensMax> output;
  verify::Artifact artifact;
  GONKA_FIELDS(AnswerRecord, question, stopped, output, artifact)
};

struct AnswersRecord {
  static constexpr RecordKind kKind{9001, 1};
  Text<128> executor_class;
  List<AnswerRecord, 100'000> answers;
  GONKA_FIELDS(AnswersRecord, executor_class, answers)
};

// One token as a verifier sees it. 10^-6 nat; an infinite margin is 2^32 - 1.
struct TokenRecord {
  uint32_t entropy_micronats = 0;
  uint32_t deviation_micronats = 0;
  uint32_t margin_micronats = 0;
  GONKA_FIELDS(TokenRecord, entropy_micronats, deviation_micronats, margin_micronats)
};

struct MeasuredRecord {
  uint32_t question = 0;
  List<TokenRecord, verify::kOutputTokensMax> tokens;
  GONKA_FIELDS(MeasuredRecord, question, tokens)
};

struct ScoresRecord {
  static constexpr RecordKind kKind{9002, 1};
  Text<128> executor;
  Text<128> verifier;
  Text<128> executor_class;
  Text<128> verifier_class;
  List<MeasuredRecord, 100'000> answers;
  GONKA_FIELDS(ScoresRecord, executor, verifier, executor_class, verifier_class, answers)
};

absl::StatusOr<Bytes> ReadFile(const std::string& path);
absl::Status WriteFile(const std::string& path, ByteSpan bytes);

template <class Record>
absl::StatusOr<Record> Load(const std::string& path) {
  GONKA_ASSIGN_OR_RETURN(const Bytes bytes, ReadFile(path));
  auto record = Decode<Record>(bytes);
  if (!record.ok()) return Annotate(record.status(), path);
  return record;
}

}  // namespace gonka::calibrate
