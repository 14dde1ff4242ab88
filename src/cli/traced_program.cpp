#include "cli/traced_program.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// --- the tracer ---

// Its SONAME: a program that is linked with the runtime then has no second one.
constexpr const char* kName = MTRACE_RUNTIME_NAME;

// From the folder of the program: where it was built, where it is installed, and where other ways
// of installing put it.
constexpr std::array kFolders = {".", MTRACE_RUNTIME_FOLDER, "../lib", "../lib/x86_64-linux-gnu",
                                 "../lib64"};

std::string find_library() {
  const char* const given = std::getenv("MTRACE_RUNTIME");
  if (given != nullptr && *given != '\0') {
    if (access(given, R_OK) != 0) throw Error("there is none").in(given);
    return std::filesystem::absolute(given);
  }
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const char* const folder : kFolders) {
    const auto path = (program.parent_path() / folder / kName).lexically_normal();
    if (access(path.c_str(), R_OK) == 0) return path;
  }
  throw Error(std::string("there is no ") + kName + " beside " + program.string() +
              ": set MTRACE_RUNTIME to its path");
}

// As LD_PRELOAD can name it.
std::string runtime_library() {
  std::string path = find_library();
  if (path.find_first_of(": ") != std::string::npos) {
    throw Error("LD_PRELOAD cannot hold a path with a space or a colon").in(path);
  }
  return path;
}

// Ours, and two variables behind all others: the tracer takes them away again.
std::vector<std::string> traced_environment(const std::string& library, const std::string& start) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  const char* const others = std::getenv("LD_PRELOAD");
  const bool alone = others == nullptr || *others == '\0';
  variables.push_back("LD_PRELOAD=" + library + (alone ? "" : std::string(":") + others));
  variables.push_back("MTRACE=" + start);
  return variables;
}

// --- the process ---

// Looked at before main(), which ignores the signal.
const bool kPipeSignalWasIgnored = [] {
  struct sigaction action {};
  return sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}();

sigset_t waited_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM,
                           SIGCONT, SIGTSTP, SIGWINCH, SIGPWR, SIGURG, SIGVTALRM, SIGPROF}) {
    sigaddset(&set, signal);
  }
  return set;
}

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// In the child: does not return. `failure` tells the parent why it failed.
[[noreturn]] void execute(char* const* arguments, char* const* environment, const sigset_t& mask,
                          int failure) {
  std::signal(SIGPIPE, kPipeSignalWasIgnored ? SIG_IGN : SIG_DFL);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execvpe(arguments[0], arguments, environment);
  const int error = errno;
  static_cast<void>(!write(failure, &error, sizeof(error)));
  _exit(kExitNotFound);
}

// True where the process has ended.
bool has_ended(pid_t process, ProgramEnd& end) {
  int status = 0;
  while (waitpid(process, &status, WNOHANG | WUNTRACED) == process) {
    if (WIFSTOPPED(status)) {
      raise(SIGSTOP);
      // Somebody has continued us.
      kill(process, SIGCONT);
      continue;
    }
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    if (WIFEXITED(status)) end.exit_status = WEXITSTATUS(status);
    return true;
  }
  return false;
}

// What the terminal sends (the kernel: a code above 0) goes to the whole job.
void wait_for_end(pid_t process, const sigset_t& signals, ProgramEnd& end) {
  while (!has_ended(process, end)) {
    siginfo_t information{};
    const int signal = sigwaitinfo(&signals, &information);
    if (signal <= 0 || signal == SIGCHLD || information.si_code > 0) continue;
    if (information.si_pid != process) kill(process, signal);
  }
}

int read_failure(int file) {
  int error = 0;
  ssize_t got = 0;
  do {
    got = read(file, &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  return got == sizeof(error) ? error : 0;
}

}  // namespace

int ProgramEnd::status() const {
  constexpr int kFirstSignal = 128;
  if (error != 0) return error == ENOENT || error == ENOTDIR ? kExitNotFound : kExitNotExecutable;
  return signal != 0 ? kFirstSignal + signal : exit_status;
}

ProgramEnd run_traced_program(const std::vector<std::string>& command,
                              const std::string& start_options) {
  const auto environment = traced_environment(runtime_library(), start_options);
  const std::vector<char*> words = pointers_to(command), variables = pointers_to(environment);
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) throw Error(std::strerror(errno));
  const sigset_t signals = waited_signals();
  sigset_t before;
  sigprocmask(SIG_BLOCK, &signals, &before);
  ProgramEnd end;
  end.process = fork();
  if (end.process < 0) throw Error(std::strerror(errno));
  if (end.process == 0) execute(words.data(), variables.data(), before, failure[1]);
  close(failure[1]);
  end.error = read_failure(failure[0]);
  close(failure[0]);
  wait_for_end(end.process, signals, end);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return end;
}

}  // namespace memtrace
