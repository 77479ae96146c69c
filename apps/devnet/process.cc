#include "devnet/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <fstream>
#include <thread>

namespace gonka::devnet {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);
constexpr auto kPoll = std::chrono::milliseconds(10);

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void RunChild(const std::vector<char*>& argv, int log, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(125);
  ::setpgid(0, 0);  // Ctrl-C goes to the devnet alone, which stops the others in order.
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  ::execv(argv[0], argv.data());
  ::_exit(126);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Start(std::string name,
                                                        std::vector<std::string> argv,
                                                        std::string log_path) {
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) {
    return absl::UnavailableError(
        fmt::format("cannot open log '{}': {}", log_path, std::strerror(errno)));
  }
  std::vector<char*> arguments;
  for (std::string& argument : argv) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) RunChild(arguments, log, parent);
  ::close(log);
  if (pid < 0) {
    return absl::UnavailableError(
        fmt::format("cannot start {}: {}", argv[0], std::strerror(errno)));
  }
  return std::unique_ptr<Process>(new Process(std::move(name), std::move(argv), std::move(log_path), pid));
}

Process::~Process() {
  Terminate();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!Reap(false) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kPoll);
  }
  Kill();
}

bool Process::Reap(bool block) {
  if (!reaped_) reaped_ = ::waitpid(pid_, &status_, block ? 0 : WNOHANG) == pid_;
  return reaped_;
}

std::string Process::Ended() {
  if (!Reap(false)) return "";
  if (WIFSIGNALED(status_)) return fmt::format("killed by signal {}", WTERMSIG(status_));
  return fmt::format("exited with status {}", WEXITSTATUS(status_));
}

void Process::Terminate() {
  if (!Reap(false)) ::kill(pid_, SIGTERM);
}

void Process::Kill() {
  if (Reap(false)) return;
  ::kill(pid_, SIGKILL);
  Reap(true);
}

std::string Process::LogTail(size_t lines) const {
  std::ifstream in(log_path_);
  std::deque<std::string> tail;
  for (std::string line; std::getline(in, line);) {
    tail.push_back(line);
    if (tail.size() > lines) tail.pop_front();
  }
  std::string text;
  for (const std::string& line : tail) text += "    " + line + "\n";
  return text;
}

}  // namespace gonka::devnet
