// gonka model chat: talks with a checkpoint on this machine.

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <iostream>

#include "gonka/crypto/hash.h"
#include "gonka/host/system.h"
#include "gonka/model/prompter.h"
#include "gonka/model_commands.h"

namespace gonka::cli {
namespace {

struct ChatFlags {
  RunFlags run;
  uint32_t tokens_max = 256;
  std::string system;
  std::string message;
  double temperature = 0;
  double top_p = 1;
  uint64_t seed = 1;
};

uint32_t Millionths(double value) {
  return static_cast<uint32_t>(std::llround(value * 1'000'000));
}

class Chat {
 public:
  Chat(const ChatFlags& flags, std::unique_ptr<engine::Engine> engine,
       std::shared_ptr<const model::Prompter> prompter)
      : flags_(flags), engine_(std::move(engine)), prompter_(std::move(prompter)) {
    if (!flags.system.empty()) messages_.push_back({"system", flags.system});
  }

  // Prints the answer as it comes, and remembers both.
  absl::Status Say(const std::string& message) {
    messages_.push_back({"user", message});
    GONKA_ASSIGN_OR_RETURN(const engine::GenerateRequest request, Request());
    model::StreamDecoder decoder(prompter_->tokenizer());
    std::string answer;
    absl::Status decoded;
    const auto reason = Run(*engine_, request, [&](const engine::TokenFacts& token) {
      const auto piece = decoder.Push(token.id);
      if (!piece.ok()) return decoded.Update(piece.status());
      answer += *piece;
      Print(*piece);
    });
    const std::string rest = decoder.Finish();
    Print(rest + "\n");
    GONKA_RETURN_IF_ERROR(reason.status());
    GONKA_RETURN_IF_ERROR(decoded);
    messages_.push_back({"assistant", answer + rest});
    if (*reason == engine::FinishReason::kLength) {
      fmt::print(stderr, "(cut off after {} tokens)\n", request.tokens_max);
    }
    return absl::OkStatus();
  }

  absl::Status Converse() {
    const bool is_terminal = ::isatty(STDIN_FILENO) != 0;
    if (is_terminal) fmt::print(stderr, "One line a message; an empty line or Ctrl-D ends.\n");
    for (std::string line;;) {
      if (is_terminal) fmt::print(stderr, "> ");
      if (!std::getline(std::cin, line) || line.empty()) return absl::OkStatus();
      GONKA_RETURN_IF_ERROR(Say(line));
    }
  }

 private:
  static void Print(const std::string& text) {
    fmt::print("{}", text);
    std::fflush(stdout);
  }

  absl::StatusOr<engine::GenerateRequest> Request() {
    const int64_t now_s = host::SystemClock().UnixUs() / 1'000'000;
    engine::GenerateRequest request;
    GONKA_ASSIGN_OR_RETURN(request.prompt,
                           prompter_->Chat(messages_, {.render_time_unix_s = now_s}));
    const uint32_t context = engine_->Info().context;
    if (request.prompt.size() >= context) {
      return absl::ResourceExhaustedError(fmt::format(
          "the conversation has {} tokens, the context is {}", request.prompt.size(), context));
    }
    request.tokens_max =
        std::min(flags_.tokens_max, context - static_cast<uint32_t>(request.prompt.size()));
    request.sampler.temperature_ppm = Millionths(flags_.temperature);
    request.sampler.top_p_ppm = Millionths(flags_.top_p);
    request.sampling_seed =
        TaggedHash("gonka/model-chat/1", flags_.seed, uint64_t{messages_.size()});
    request.stop_ids = prompter_->tokenizer()->end_ids();
    return request;
  }

  const ChatFlags& flags_;
  std::unique_ptr<engine::Engine> engine_;
  std::shared_ptr<const model::Prompter> prompter_;
  std::vector<model::ChatMessage> messages_;
};

absl::Status StartChat(const ChatFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(flags.run.path));
  if (checkpoint->chat_template().empty()) {
    return absl::FailedPreconditionError(
        fmt::format("{} has no chat template: a base model cannot chat", flags.run.path));
  }
  GONKA_ASSIGN_OR_RETURN(auto prompter, model::Prompter::FromCheckpoint(*checkpoint));
  GONKA_ASSIGN_OR_RETURN(auto engine, LoadEngine(flags.run, checkpoint));
  Chat chat(flags, std::move(engine), std::move(prompter));
  return flags.message.empty() ? chat.Converse() : chat.Say(flags.message);
}

}  // namespace

void AddModelChat(CLI::App& model, Context& context) {
  CLI::App* command = model.add_subcommand("chat", "talk with the model, here");
  auto flags = std::make_shared<ChatFlags>();
  AddRunFlags(*command, flags->run);
  command->add_option("--message", flags->message, "say this, print the answer and end");
  command->add_option("--system", flags->system, "a system message to begin with");
  command->add_option("--temperature", flags->temperature, "0: always the likeliest token")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 100.0));
  command->add_option("--top-p", flags->top_p)->capture_default_str()->check(CLI::Range(0.0, 1.0));
  command->add_option("--seed", flags->seed, "the same seed, the same answers")
      ->capture_default_str();
  command->add_option("--tokens-max", flags->tokens_max, "of one answer")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->callback([flags, &context] { context.run = [flags] { return StartChat(*flags); }; });
}

}  // namespace gonka::cli
