#include "devnet/questions.h"

#include <iterator>

namespace gonka::devnet {
namespace {

constexpr const char* kQuestions[] = {
    "What is the capital of France?",
    "Why is the sky blue?",
    "Name three things that float on water.",
    "Write one sentence about the sea.",
    "What does a baker do?",
    "Explain what a prime number is.",
    "How do birds find their way south?",
    "Give me a title for a story about a lighthouse.",
    "What is the difference between weather and climate?",
    "Which planet is closest to the sun?",
    "Describe the taste of an apple.",
    "How does a bicycle stay upright?",
    "Tell me a short fact about whales.",
    "What is a good name for a grey cat?",
    "Why do leaves turn red in autumn?",
    "How many legs does a spider have?",
    "What should I pack for a walk in the rain?",
    "Write a greeting for a birthday card.",
    "What is salt made of?",
    "Who wrote Romeo and Juliet?",
    "What is the purpose of a bridge?",
    "Suggest a simple supper.",
    "How is paper made?",
    "What makes bread rise?",
};

}  // namespace

std::string Question(size_t number) {
  return kQuestions[number % std::size(kQuestions)];
}

}  // namespace gonka::devnet
