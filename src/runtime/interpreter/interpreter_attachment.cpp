// Traces an interpreter without a change to its program: where a traced process has CPython in it,
// the front end for that version is loaded as soon as the interpreter runs.
#include <dlfcn.h>
#include <linux/limits.h>
#include <unistd.h>

#include <string_view>

#include "runtime/interpreter/allocator_hooks.hpp"
#include "runtime/os/messages.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/tracer.hpp"

// CPython's, of which only pointers are passed on. Null where the process has no CPython: the
// loader finds out by itself, where a dlsym that fails asks the program's heap for its complaint.
extern "C" {
using AuditHook = int (*)(const char* event, void* arguments, void* data);
[[gnu::weak]] int PySys_AddAuditHook(AuditHook hook, void* data);  // NOLINT: CPython's name
[[gnu::weak]] int Py_IsInitialized();                              // NOLINT
[[gnu::weak]] const char* Py_GetVersion();                         // NOLINT
// PyPy's, which has the names above only within its own library.
[[gnu::weak]] int pypy_main_startup(int count, char** arguments);  // NOLINT
}

namespace memtrace::runtime {
namespace {

// The front end's: false where it is too early; and what is left to do when a program is run.
using Attach = bool (*)();
using ProgramBegins = void (*)();

struct Python {
  TextBuffer<PATH_MAX> front_end;
  bool is_loaded = false;  // or has failed to
  Attach attach = nullptr;
  ProgramBegins program_begins = nullptr;
};
constinit Python python;

template <class Function>
Function find(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

// Of a version "3.11.2 (main, ...": "311"; empty where it is another one than is known.
TextBuffer<8> short_version(std::string_view version) {
  TextBuffer<8> text;
  int dots = 0;
  for (const char character : version) {
    if (character == '.' && ++dots == 2) return text;
    if (character >= '0' && character <= '9') text << character;
  }
  text.clear();
  return text;
}

// It is in the Python package: where it was built, or where both are installed, below lib or, as
// Debian has it, lib/x86_64-linux-gnu. Debian's packages of Python modules are in python3/.
bool find_front_end() {
  const auto version = short_version(Py_GetVersion());
  Dl_info own;
  if (version.text().empty() || dladdr(reinterpret_cast<void*>(&python), &own) == 0) return false;
  std::string_view folder = own.dli_fname;
  folder.remove_suffix(folder.size() - (folder.rfind('/') + 1));
  TextBuffer<64> site_packages, dist_packages;
  site_packages << "python" << version.text().front() << '.';
  site_packages << std::string_view(version.c_str() + 1);
  dist_packages << site_packages.text() << "/dist-packages/mtrace/";
  site_packages << "/site-packages/mtrace/";
  for (const std::string_view up : {"", "../"}) {
    for (const std::string_view below :
         {std::string_view("python/mtrace/"), site_packages.text(), dist_packages.text(),
          std::string_view("python3/dist-packages/mtrace/")}) {
      python.front_end.clear();
      python.front_end << folder << up << below << "_mtrace.cpython-" << version.text()
                       << "-x86_64-linux-gnu.so";
      if (!python.front_end.is_whole()) continue;
      if (!is_error(system_call(SYS_access, python.front_end.c_str(), R_OK))) return true;
    }
  }
  return false;
}

void load_front_end() {
  // What the loader needs for it is the tracer's.
  const Guarded guarded;
  void* const library = dlopen(python.front_end.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return;
  python.attach = find<Attach>(library, "mtrace_python_attach");
  python.program_begins = find<ProgramBegins>(library, "mtrace_python_program_begins");
}

// Events come from the thread that has the interpreter's lock.
int on_audit_event(const char* event, void*, void*) {
  if (!python.is_loaded) {
    python.is_loaded = true;
    load_front_end();
  }
  if (python.attach != nullptr && python.attach()) python.attach = nullptr;
  if (python.program_begins != nullptr && python.attach == nullptr &&
      std::string_view(event).starts_with("cpython.run_")) {
    const ProgramBegins program_begins = python.program_begins;
    python.program_begins = nullptr;
    program_begins();
  }
  return 0;
}

void add_audit_hook() {
  const Guarded guarded;
  PySys_AddAuditHook(on_audit_event, nullptr);
  // CPython frees what it has asked malloc for here by the allocators that it chooses later.
  if (local.nested_allocations == 1) set_early_block(local.last_nested);
  local.nested_allocations = 0;
}

// "3.11.2 (main, ...": "3.11.2".
std::string_view number_of(std::string_view version) {
  return version.substr(0, version.find(' '));
}

bool has_no_lock(std::string_view version) {
  return version.find("free-threading") != std::string_view::npos;
}

// Traced it is, but as C: the one line that says so.
void say_untraced(std::string_view what, std::string_view why) {
  TextBuffer<PATH_MAX + 256> line;
  line << process_identity().program << " is " << what
       << ", which is traced without its own lines: " << why;
  send_message(MessageKind::interpreter, line.text());
}

constexpr std::string_view kKnown = "CPython 3.9 to 3.13, with its global lock, is known";

void say_why_not(std::string_view version) {
  TextBuffer<64> what;
  what << "CPython " << number_of(version);
  if (has_no_lock(version)) what << " without its global lock";
  const auto minor = short_version(version);
  // "3.9" to "3.13"
  const std::string_view digits = minor.text();
  const bool is_known =
      digits == "39" || digits == "310" || digits == "311" || digits == "312" || digits == "313";
  if (!is_known || has_no_lock(version)) return say_untraced(what.text(), kKnown);
  say_untraced(what.text(),
               "the Python package mtrace for this version is missing beside libmtrace_rt.so; "
               "python3 -m pip install the wheel, or use python3 -m mtrace run");
}

// What is called python and shows none of its functions.
bool is_called_python() {
  std::string_view name = process_identity().program;
  name.remove_prefix(name.rfind('/') + 1);
  return name.starts_with("python") || name.starts_with("pypy");
}

[[gnu::constructor(103)]] void watch_python() {
  if (!is_tracing()) return;
  if (pypy_main_startup != nullptr) return say_untraced("PyPy", kKnown);
  if (Py_GetVersion == nullptr) {
    if (is_called_python())
      say_untraced("a Python that does not show its functions (built without -rdynamic)", kKnown);
    return;
  }
  if (PySys_AddAuditHook == nullptr || Py_IsInitialized == nullptr || has_no_lock(Py_GetVersion()))
    return say_why_not(Py_GetVersion());
  // Where it runs already, it is the front end that has loaded this library.
  if (Py_IsInitialized() != 0) return;
  if (find_front_end()) return add_audit_hook();
  say_why_not(Py_GetVersion());
}

}  // namespace
}  // namespace memtrace::runtime
