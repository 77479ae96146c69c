// Replays a fuzz target's corpus as an ordinary test, for compilers without libFuzzer: every file
// as it is, cut short, and damaged. All of it is a function of the corpus, so a failure repeats,
// and it names its input.
//
//   fuzz_url tests/fuzz/corpus/url [more files or folders]

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
// Where a sanitizer is linked in: it reports and exits without a signal.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

constexpr int kDamagedInputs = 200;
constexpr size_t kCutInputs = 64;
constexpr size_t kDamagedBytesMax = 1 << 16;  // Larger inputs are tried as they are only.

// xorshift: the same numbers everywhere.
class Numbers {
 public:
  explicit Numbers(uint64_t start) : state_(start * 2 + 1) {}
  size_t Below(size_t bound) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<size_t>(state_ % bound);
  }

 private:
  uint64_t state_;
};

std::string current;  // The input at work.

void NameCurrent() {
  const std::string message = "input: " + current + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, message.data(), message.size());
}

void OnSignal(int number) {
  NameCurrent();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void NameInputOnDeath() {
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(NameCurrent);
  std::signal(SIGABRT, OnSignal);
  if (__sanitizer_set_death_callback != nullptr) return;  // The sanitizer has the others.
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(number, OnSignal);
}

void Try(const std::string& name, const Bytes& input) {
  current = name;
  // An exact copy on the heap: a sanitizer sees a read beyond its end.
  const Bytes exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

void Damage(Bytes& input, Numbers& numbers) {
  constexpr uint8_t kEdges[] = {0x00, 0x01, 0x7F, 0x80, 0xFF, '{', '}', '"'};
  const size_t changes = 1 + numbers.Below(4);
  for (size_t i = 0; i < changes && !input.empty(); ++i) {
    const size_t at = numbers.Below(input.size());
    switch (numbers.Below(5)) {
      case 0:
        input[at] = static_cast<uint8_t>(numbers.Below(256));
        break;
      case 1:
        input[at] = kEdges[numbers.Below(std::size(kEdges))];
        break;
      case 2:
        input[at] = static_cast<uint8_t>(input[at] ^ 1u << numbers.Below(8));
        break;
      case 3:
        input.erase(input.begin() + static_cast<ptrdiff_t>(at));
        break;
      default: {  // A stretch twice.
        const size_t length = std::min(1 + numbers.Below(16), input.size() - at);
        const Bytes stretch(input.begin() + static_cast<ptrdiff_t>(at),
                            input.begin() + static_cast<ptrdiff_t>(at + length));
        input.insert(input.begin() + static_cast<ptrdiff_t>(at), stretch.begin(), stretch.end());
      }
    }
  }
}

size_t Replay(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const Bytes whole{std::istreambuf_iterator<char>(file), {}};
  const std::string name = path.filename().string();
  Try(name, whole);
  if (whole.empty() || whole.size() > kDamagedBytesMax) return 1;
  Numbers numbers(whole.size());
  const size_t cuts = std::min(kCutInputs, whole.size());
  for (size_t i = 0; i < cuts; ++i) {
    const size_t size = whole.size() * i / cuts;
    Try(name + " cut to " + std::to_string(size),
        Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)));
  }
  for (int i = 0; i < kDamagedInputs; ++i) {
    Bytes damaged = whole;
    Damage(damaged, numbers);
    Try(name + " damaged " + std::to_string(i), damaged);
  }
  return 1 + cuts + kDamagedInputs;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    if (!fs::is_directory(argv[i])) {
      files.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(argv[i])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  if (files.empty()) {
    std::fprintf(stderr, "no inputs: name files or folders\n");
    return 2;
  }
  std::sort(files.begin(), files.end());
  NameInputOnDeath();
  size_t inputs = 0;
  for (const fs::path& path : files) inputs += Replay(path);
  std::printf("%zu inputs from %zu files\n", inputs, files.size());
  return 0;
}
