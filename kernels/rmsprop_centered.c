/* RMSprop by the variance of gradients. */
#define CENTERED 1
#define MOMENTUM 0
#include "rmsprop.h"

void KERNEL(rmsprop_centered)(char *base, const double *args) { update(base, args); }
