# Sets MILLRACE_CPU_LEVEL to the highest of x86-64-v4, -v3 and -v2 that this machine has; empty on
# other processors.
if(NOT DEFINED MILLRACE_CPU_LEVEL)
  set(source ${CMAKE_BINARY_DIR}/cpu_level.cc)
  file(WRITE ${source} [[
#include <cstdio>
int main() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return std::puts("x86-64-v4") < 0;
  if (__builtin_cpu_supports("x86-64-v3")) return std::puts("x86-64-v3") < 0;
  if (__builtin_cpu_supports("x86-64-v2")) return std::puts("x86-64-v2") < 0;
  return 1;
}
]])
  try_run(exit_code compiled ${CMAKE_BINARY_DIR} ${source} RUN_OUTPUT_VARIABLE level)
  if(compiled AND exit_code EQUAL 0)
    string(STRIP "${level}" level)
  else()
    set(level "")
  endif()
  set(MILLRACE_CPU_LEVEL "${level}" CACHE INTERNAL "")
  message(STATUS "Processor level: ${level}")
endif()
