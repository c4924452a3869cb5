/* RMSprop with momentum. */
#define CENTERED 0
#define MOMENTUM 1
#include "rmsprop.h"

void KERNEL(rmsprop_momentum)(char *base, const double *args) { update(base, args); }
