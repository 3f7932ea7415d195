// Says so where the processor lacks instructions that the program was built for, instead of dying of
// one. Built without them, and run before all other initialisers.
#include <unistd.h>

namespace {

__attribute__((constructor(101))) void RequireCpu() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports(MILLRACE_CPU)) return;
  constexpr char kMessage[] =
      "millrace: this processor is not of the level " MILLRACE_CPU
      " that this program was built for; build it here, or with -DMILLRACE_CPU=x86-64-v2\n";
  _exit(write(STDERR_FILENO, kMessage, sizeof kMessage - 1) < 0 ? 2 : 1);
}

}  // namespace
