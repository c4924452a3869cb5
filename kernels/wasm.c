/* Entry point of the WebAssembly build: the heap is the module's own memory, so offsets are addresses. */
#include "simd.h"
#include "table.h"

#define DECLARE(name) void KERNEL(name)(char *base, const double *args);
FOR_EACH_KERNEL(DECLARE)

#define ENTRY(name) KERNEL(name),
#ifdef FORWARD_ONLY
/* Whoever calls one traps. */
#define TRAINING_ENTRY(name) 0,
#else
#define TRAINING_ENTRY(name) ENTRY(name)
#endif
static const kernel_function kernels[] = {KERNEL_TABLE(ENTRY, TRAINING_ENTRY)};

__attribute__((export_name("run"))) void run(uint32_t kernel, uint32_t args) {
  kernels[kernel](0, (const double *)(uintptr_t)args);
}
