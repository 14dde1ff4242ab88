// What system(), popen() and the functions that execute programs promise, a line for each.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static const char* action_of(int number) {
  struct sigaction action;
  sigaction(number, NULL, &action);
  return action.sa_handler == SIG_IGN ? "ignored" : action.sa_handler == SIG_DFL ? "default" : "handled";
}

static void* run_shell(void* command) {
  system(command);
  return NULL;
}

// A shell says that it is there, and waits until it is told to end.
static void wait_for_line(int from) {
  char byte = 0;
  while (read(from, &byte, 1) == 1 && byte != '\n') continue;
}

static void overlapping_calls(void) {
  int begun[2], end[2][2];
  char commands[2][100];
  pthread_t threads[2];
  if (pipe(begun) != 0) abort();
  for (int i = 0; i < 2; ++i) {
    if (pipe(end[i]) != 0) abort();
    sprintf(commands[i], "echo >&%d; read line <&%d; exit 0", begun[1], end[i][0]);
    pthread_create(&threads[i], NULL, run_shell, commands[i]);
    wait_for_line(begun[0]);
  }
  printf("in two: SIGINT %s, SIGQUIT %s\n", action_of(SIGINT), action_of(SIGQUIT));
  for (int i = 0; i < 2; ++i) {
    if (write(end[i][1], "\n", 1) != 1) abort();
    pthread_join(threads[i], NULL);
    printf("%d ended: SIGINT %s, SIGQUIT %s\n", i + 1, action_of(SIGINT), action_of(SIGQUIT));
  }
  for (int i = 0; i < 2; ++i) close(begun[i]), close(end[0][i]), close(end[1][i]);
}

static void cancelled_call(void) {
  int begun[2];
  char command[100];
  pthread_t thread;
  if (pipe(begun) != 0) abort();
  sprintf(command, "echo >&%d; exec sleep 1000", begun[1]);
  pthread_create(&thread, NULL, run_shell, command);
  wait_for_line(begun[0]);
  pthread_cancel(thread);
  pthread_join(thread, NULL);
  printf("cancelled: SIGINT %s, SIGQUIT %s, children %d\n", action_of(SIGINT), action_of(SIGQUIT),
         (int)waitpid(-1, NULL, WNOHANG));
  // The shell held the other end.
  close(begun[1]);
  wait_for_line(begun[0]);
  close(begun[0]);
}

static void statuses(void) {
  printf("no command: %d\n", system(NULL) != 0);
  printf("exit 3: %#x\n", system("exit 3"));
  printf("a signal: %#x\n", system("kill -9 $$"));
  printf("not there: %#x\n", system("exec /nowhere/at/all 2>/dev/null"));
  signal(SIGCHLD, SIG_IGN);
  errno = 0;
  printf("nobody to wait for: %d, %s\n", system("exit 0"), strerror(errno));
  signal(SIGCHLD, SIG_DFL);
}

static void streams(void) {
  static const char* const kModes[] = {"", "x", "rw", "r", "w", "re", "ew", "rr"};
  char line[200] = "";
  char** const before = environ;
  for (unsigned i = 0; i < sizeof kModes / sizeof *kModes; ++i) {
    errno = 0;
    FILE* const file = popen("cat > /dev/null; exit 5", kModes[i]);
    printf("mode '%s': ", kModes[i]);
    if (file == NULL) {
      puts(strerror(errno));
      continue;
    }
    printf("file %d, flags %d, ", fileno(file), fcntl(fileno(file), F_GETFD));
    if (strchr(kModes[i], 'w') != NULL) fputs("something", file);
    // With nothing to read: the end of its own input.
    printf("closed with %#x\n", strchr(kModes[i], 'w') != NULL ? pclose(file) : fclose(file));
  }
  FILE* const first = popen("exec cat", "w");
  FILE* const second = popen("echo /proc/$$/fd/*", "r");
  if (fgets(line, sizeof line, second) == NULL) puts("nothing");
  int files = 0;
  for (const char* at = line; (at = strstr(at, "/fd/")) != NULL; ++at) ++files;
  printf("files in the second: %d\n", files);
  printf("first %d, second %d\n", pclose(first), pclose(second));
  printf("environ stays: %d\n", environ == before);
}

static void environments(void) {
  FILE* const file = popen("env | grep -E '^(MTRACE|LD_PRELOAD|MINE)=' | sort", "r");
  char line[300];
  while (fgets(line, sizeof line, file) != NULL) printf("popen has %s", line);
  pclose(file);
  fflush(stdout);
  system("env | grep -E '^(MTRACE|LD_PRELOAD|MINE)=' | sort");
  char* const words[] = {"sh", "-c", "echo \"spawned: $ONLY $MINE $MTRACE\"", NULL};
  char* const variables[] = {"ONLY=1", NULL};
  pid_t process = 0;
  posix_spawn(&process, "/bin/sh", NULL, NULL, words, variables);
  waitpid(process, NULL, 0);
}

static const char* how;

static void* on_small_stack(void* nothing) {
  char* const words[] = {"true", NULL};
  pid_t process = 0;
  int status = -1;
  if (strcmp(how, "system") == 0) status = system("true");
  if (strcmp(how, "popen") == 0) status = pclose(popen("true", "r"));
  if (strcmp(how, "spawn") == 0 && posix_spawn(&process, "/bin/true", NULL, NULL, words, environ) == 0) {
    waitpid(process, &status, 0);
  }
  if (strcmp(how, "vfork") == 0) {
    process = vfork();
    if (process == 0) execve("/bin/true", words, environ), _exit(9);
    waitpid(process, &status, 0);
  }
  printf("on a small stack: %s %d\n", how, status);
  return nothing;
}

static void small_stacks(void) {
  static const char* const kWays[] = {"system", "popen", "spawn", "vfork"};
  enum { kSize = 24 << 10, kGuard = 4096 };
  char* const memory = mmap(NULL, kSize + kGuard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(memory + kGuard, kSize, PROT_READ | PROT_WRITE);
  for (int i = 0; i < 4; ++i) {
    pthread_attr_t attributes;
    pthread_t thread;
    how = kWays[i];
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, memory + kGuard, kSize);
    pthread_create(&thread, &attributes, on_small_stack, NULL);
    pthread_join(thread, NULL);
  }
}

static void* open_and_close(void* nothing) {
  for (int i = 0; i < 40; ++i) pclose(popen("exit 0", "r"));
  return nothing;
}

// Children that call it while another thread of their parent is in the middle of it.
static void forks_meanwhile(void) {
  pthread_t thread;
  int failed = 0;
  pthread_create(&thread, NULL, open_and_close, NULL);
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      // libc's own popen() may find its lock held.
      _exit(getenv("UNTRACED") != NULL || system("exit 7") == 7 << 8 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) ++failed;
  }
  pthread_join(thread, NULL);
  printf("forks meanwhile: %d failed\n", failed);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  setenv("MINE", "1", 1);
  statuses();
  overlapping_calls();
  cancelled_call();
  streams();
  environments();
  small_stacks();
  forks_meanwhile();
  return 0;
}
