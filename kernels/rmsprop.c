/* RMSprop, neither centered nor with momentum. */
#define CENTERED 0
#define MOMENTUM 0
#include "rmsprop.h"

void KERNEL(rmsprop)(char *base, const double *args) { update(base, args); }
