#include "gonka/host/system.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "gonka/base/check.h"

namespace gonka::host {

int64_t SystemClock::UnixUs() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void SystemEntropy::Fill(std::span<uint8_t> out) {
  while (!out.empty()) {
    const ssize_t count = getrandom(out.data(), out.size(), 0);
    GONKA_CHECK(count > 0 || errno == EINTR);
    if (count > 0) out = out.subspan(static_cast<size_t>(count));
  }
}

class StopSignals::Impl {
 public:
  explicit Impl(std::function<void(int)> on_stop) : on_stop_(std::move(on_stop)) {
    std::signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    GONKA_CHECK(pthread_sigmask(SIG_BLOCK, &signals_, &before_) == 0);
    signal_fd_ = signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
    quit_fd_ = eventfd(0, EFD_CLOEXEC);
    GONKA_CHECK(signal_fd_ >= 0 && quit_fd_ >= 0);
    thread_ = std::thread([this] { Watch(); });
  }

  ~Impl() {
    const uint64_t one = 1;
    GONKA_CHECK(::write(quit_fd_, &one, sizeof(one)) == sizeof(one));
    thread_.join();
    ::close(signal_fd_);
    ::close(quit_fd_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  void Watch() {
    const int signal = Next();
    if (signal == 0) return;
    // From here on the next one finds this thread with the default action, whatever on_stop does.
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
    on_stop_(signal);
  }

  // 0 when this object goes.
  int Next() {
    while (true) {
      pollfd ready[2] = {{.fd = signal_fd_, .events = POLLIN, .revents = 0},
                         {.fd = quit_fd_, .events = POLLIN, .revents = 0}};
      ::poll(ready, 2, -1);
      if (ready[1].revents != 0) return 0;
      signalfd_siginfo info;
      if (::read(signal_fd_, &info, sizeof(info)) == sizeof(info)) {
        return static_cast<int>(info.ssi_signo);
      }
    }
  }

  std::function<void(int)> on_stop_;
  sigset_t signals_;
  sigset_t before_;
  int signal_fd_ = -1;
  int quit_fd_ = -1;
  std::thread thread_;
};

StopSignals::StopSignals(std::function<void(int signal)> on_stop)
    : impl_(std::make_unique<Impl>(std::move(on_stop))) {}
StopSignals::~StopSignals() = default;

}  // namespace gonka::host
