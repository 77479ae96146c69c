// Measures what honest machines and cheats look like to a verifier, fits the calibration of a model
// and prints tables.
//
//   calibrate --model FILE --prompts FILE --out FOLDER
//
// Every machine runs in a process of its own; runs whose results are in FOLDER already are not
// repeated. --fit makes only the fit and the tables, from what is there, and names what is not.
//
// The result is FOLDER/calibration.bin, for the ledger, and FOLDER/calibration.json, for people.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "gonka/base/json.h"
#include "verification/report.h"
#include "verification/runs.h"

namespace gonka::calibrate {
namespace {

struct Arguments {
  std::string model;
  std::string prompts;
  std::string out;
  uint32_t questions = 120;
  uint32_t tokens_max = 48;
  std::string answer;  // Of this executor alone: a child's work.
  std::string score;   // By this verifier alone.
  bool fit_only = false;
  std::string command;
};

std::string FileName(const std::string& name) {
  std::string file;
  for (const char c : name) file += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return file;
}

std::string AnswersPath(const Arguments& arguments, const std::string& executor) {
  return arguments.out + "/answers-" + FileName(executor) + ".bin";
}

std::string ScoresPath(const Arguments& arguments, const std::string& executor,
                       const std::string& verifier) {
  return arguments.out + "/scores-" + FileName(executor) + "-by-" + FileName(verifier) + ".bin";
}

// Cheats are scored by cpu-exact/1, which everybody runs; honest executors by everyone.
bool IsScored(const Executor& executor, const Machine& verifier) {
  return executor.honest || !verifier.torch;
}

absl::Status Answer(const Arguments& arguments) {
  const Executor* executor = FindExecutor(arguments.answer);
  if (executor == nullptr) {
    return absl::NotFoundError(fmt::format("no executor {}", arguments.answer));
  }
  GONKA_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(arguments.model));
  GONKA_ASSIGN_OR_RETURN(const auto tokenizer, checkpoint->LoadTokenizer());
  GONKA_ASSIGN_OR_RETURN(const auto questions,
                         ReadQuestions(*checkpoint, arguments.prompts, arguments.questions));
  GONKA_ASSIGN_OR_RETURN(const auto engine, MakeEngine(checkpoint, executor->machine));
  const RunOptions options{.tokens_max = arguments.tokens_max, .stop_ids = tokenizer->end_ids()};
  absl::StatusOr<AnswersRecord> answers;
  if (executor->writer.empty()) {
    answers = RunAnswers(*engine, *executor, questions, options);
  } else {
    GONKA_ASSIGN_OR_RETURN(const auto written,
                           Load<AnswersRecord>(AnswersPath(arguments, executor->writer)));
    answers = RunForgery(*engine, *executor, questions, options, written);
  }
  if (!answers.ok()) return answers.status();
  return WriteFile(AnswersPath(arguments, arguments.answer), Encode(*answers));
}

absl::Status Score(const Arguments& arguments) {
  const Machine* verifier = FindVerifier(arguments.score);
  if (verifier == nullptr) {
    return absl::NotFoundError(fmt::format("no verifier {}", arguments.score));
  }
  GONKA_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(arguments.model));
  GONKA_ASSIGN_OR_RETURN(const auto questions,
                         ReadQuestions(*checkpoint, arguments.prompts, arguments.questions));
  GONKA_ASSIGN_OR_RETURN(const auto engine, MakeEngine(checkpoint, *verifier));
  for (const Executor& executor : Executors()) {
    if (!IsScored(executor, *verifier)) continue;
    const std::string& name = executor.machine.name;
    if (std::filesystem::exists(ScoresPath(arguments, name, verifier->name))) continue;
    GONKA_ASSIGN_OR_RETURN(const auto answers, Load<AnswersRecord>(AnswersPath(arguments, name)));
    GONKA_ASSIGN_OR_RETURN(ScoresRecord scores,
                           RunScores(*engine, verifier->running, questions, answers));
    scores.executor = Text<128>(name);
    scores.verifier = Text<128>(verifier->name);
    GONKA_RETURN_IF_ERROR(WriteFile(ScoresPath(arguments, name, verifier->name), Encode(scores)));
  }
  return absl::OkStatus();
}

absl::Status Spawn(const Arguments& arguments, const Machine& machine, const std::string& verb) {
  std::error_code error;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return absl::UnavailableError("cannot find the own program: " + error.message());
  std::string command = "OMP_WAIT_POLICY=passive ";
  if (!machine.capability.empty()) command += "ATEN_CPU_CAPABILITY=" + machine.capability + " ";
  command +=
      fmt::format("'{}' --model '{}' --prompts '{}' --out '{}' --questions {} --tokens {} {} '{}'",
                  self, arguments.model, arguments.prompts, arguments.out, arguments.questions,
                  arguments.tokens_max, verb, machine.name);
  fmt::print("{} {}\n", verb, machine.name);
  std::cout.flush();
  if (std::system(command.c_str()) == 0) return absl::OkStatus();
  return absl::InternalError(fmt::format("{} {} failed", verb, machine.name));
}

absl::Status RunEverything(const Arguments& arguments) {
  for (const Executor& executor : Executors()) {
    if (std::filesystem::exists(AnswersPath(arguments, executor.machine.name))) continue;
    GONKA_RETURN_IF_ERROR(Spawn(arguments, executor.machine, "--answer"));
  }
  for (const Machine& verifier : Verifiers()) {
    GONKA_RETURN_IF_ERROR(Spawn(arguments, verifier, "--score"));
  }
  return absl::OkStatus();
}

// What was measured, and the names of the pairs that were not.
struct Measured {
  std::vector<ScoresRecord> honest;
  std::vector<ScoresRecord> cheats;
  std::string missing;
};

absl::StatusOr<Measured> LoadScores(const Arguments& arguments) {
  Measured measured;
  for (const Executor& executor : Executors()) {
    for (const Machine& verifier : Verifiers()) {
      if (!IsScored(executor, verifier)) continue;
      const std::string& name = executor.machine.name;
      const std::string path = ScoresPath(arguments, name, verifier.name);
      if (arguments.fit_only && !std::filesystem::exists(path)) {
        measured.missing += fmt::format("\n  {}, scored by {}", name, verifier.name);
        continue;
      }
      GONKA_ASSIGN_OR_RETURN(ScoresRecord record, Load<ScoresRecord>(path));
      (executor.honest ? measured.honest : measured.cheats).push_back(std::move(record));
    }
  }
  if (measured.honest.empty()) return absl::NotFoundError("there are no scores of honest machines");
  return measured;
}

std::vector<const ScoresRecord*> Pointers(const std::vector<ScoresRecord>& records) {
  std::vector<const ScoresRecord*> pointers;
  for (const ScoresRecord& record : records) pointers.push_back(&record);
  return pointers;
}

// Fitted without one executor environment, judged on that one: what a machine that nobody measured
// would have met.
std::string HeldOutTable(const std::vector<const ScoresRecord*>& honest,
                         const FitOptions& options) {
  std::string table = "\nHeld out: each honest executor judged by a fit without it.\n";
  for (const Executor& executor : Executors()) {
    std::vector<const ScoresRecord*> fitted, held_out;
    for (const ScoresRecord* run : honest) {
      (std::string(run->executor) == executor.machine.name ? held_out : fitted).push_back(run);
    }
    if (held_out.empty()) continue;
    table += HonestRows(Fit(fitted, options), held_out);
  }
  return table;
}

absl::Status FitAndReport(const Arguments& arguments) {
  GONKA_ASSIGN_OR_RETURN(const Measured measured, LoadScores(arguments));
  GONKA_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(arguments.model));
  const std::vector<const ScoresRecord*> honest = Pointers(measured.honest);
  const FitOptions options{.model = checkpoint->config().name, .command = arguments.command};
  const verify::Calibration calibration = Fit(honest, options);
  GONKA_RETURN_IF_ERROR(verify::CheckCalibration(calibration));
  GONKA_RETURN_IF_ERROR(WriteFile(arguments.out + "/calibration.bin", Encode(calibration)));
  GONKA_RETURN_IF_ERROR(
      WriteFile(arguments.out + "/calibration.json", AsBytes(ToJson(calibration) + "\n")));
  const std::vector<const ScoresRecord*> cheats = Pointers(measured.cheats);
  const std::string report = fmt::format(
      "{}\n{}\n\n{}\n{}\nThe same where the executor claims a kernel class that nobody measured:\n"
      "{}{}{}{}\n",
      options.model, options.command, HonestTable(calibration, honest),
      CheatTable(calibration, cheats, ""), CheatTable(calibration, cheats, "unknown/1"),
      HeldOutTable(honest, options),
      measured.missing.empty() ? "" : "\nNot run:", measured.missing);
  fmt::print("{}", report);
  return WriteFile(arguments.out + "/report.txt", AsBytes(report));
}

absl::Status Run(const Arguments& arguments) {
  if (!arguments.answer.empty()) return Answer(arguments);
  if (!arguments.score.empty()) return Score(arguments);
  if (!arguments.fit_only) GONKA_RETURN_IF_ERROR(RunEverything(arguments));
  return FitAndReport(arguments);
}

}  // namespace
}  // namespace gonka::calibrate

int main(int argc, char** argv) {
  gonka::calibrate::Arguments arguments;
  CLI::App app{"Measures the null model of a checkpoint, and what cheats look like against it."};
  app.add_option("--model", arguments.model, "GGUF file")->required();
  app.add_option("--prompts", arguments.prompts, "one prompt a line")->required();
  app.add_option("--out", arguments.out, "an existing folder")->required();
  app.add_option("--questions", arguments.questions, "how many of the prompts");
  app.add_option("--tokens", arguments.tokens_max, "of an answer, at most");
  app.add_option("--answer", arguments.answer, "only this executor's answers");
  app.add_option("--score", arguments.score, "only this verifier's scores");
  app.add_flag("--fit", arguments.fit_only, "only the fit, from what is in the folder");
  CLI11_PARSE(app, argc, argv);
  arguments.command = fmt::format("calibrate --model {} --prompts {} --questions {} --tokens {}",
                                  std::filesystem::path(arguments.model).filename().string(),
                                  std::filesystem::path(arguments.prompts).filename().string(),
                                  arguments.questions, arguments.tokens_max);
  const absl::Status status = gonka::calibrate::Run(arguments);
  if (status.ok()) return 0;
  std::cerr << "calibrate: " << gonka::ToString(status) << "\n";
  return 1;
}
