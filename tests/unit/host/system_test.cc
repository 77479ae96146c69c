#include "gonka/host/system.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <future>

namespace gonka::host {
namespace {

TEST_CASE("entropy fills every byte and does not repeat") {
  SystemEntropy entropy;
  std::array<uint8_t, 64> first{}, second{};
  entropy.Fill(first);
  entropy.Fill(second);
  CHECK(first != second);
  entropy.Fill({});
  std::array<uint8_t, 1000> seen{};
  for (int round = 0; round < 8; ++round) {
    std::array<uint8_t, 1000> more{};
    entropy.Fill(more);
    for (size_t i = 0; i < seen.size(); ++i) seen[i] |= more[i];
  }
  CHECK(std::count(seen.begin(), seen.end(), 0) == 0);
}

TEST_CASE("the wall clock is after this was written") {
  CHECK(SystemClock().UnixUs() > 1'700'000'000'000'000);
}

TEST_CASE("the first stop signal is a request") {
  for (const int signal : {SIGINT, SIGTERM}) {
    std::promise<int> got;
    StopSignals signals([&](int s) { got.set_value(s); });
    REQUIRE(::kill(::getpid(), signal) == 0);
    CHECK(got.get_future().get() == signal);
  }
}

TEST_CASE("the second stop signal ends the process, even if the first hangs") {
  const pid_t child = ::fork();
  if (child == 0) {
    std::promise<void> first;
    StopSignals signals([&](int) {
      first.set_value();
      while (true) ::pause();
    });
    ::kill(::getpid(), SIGTERM);
    first.get_future().get();
    ::kill(::getpid(), SIGTERM);
    while (true) ::pause();
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM));
}

}  // namespace
}  // namespace gonka::host
