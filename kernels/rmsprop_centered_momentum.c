/* RMSprop by the variance of gradients, with momentum. */
#define CENTERED 1
#define MOMENTUM 1
#include "rmsprop.h"

void KERNEL(rmsprop_centered_momentum)(char *base, const double *args) { update(base, args); }
