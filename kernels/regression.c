/*
 * The loss of one number a row, of its squared or absolute error, in place. Targets y are standardised, t = (y - mean) / deviation, and
 * the network's output z is compared with t: so errors are about 1 in the beginning, whatever the targets' unit. What is predicted is
 * mean + deviation z. All of it is computed in float64 and rounded once, so that every instruction set has the same bits.
 */
#include "panel.h"

typedef struct {
  double outputs;   /* [1][rows][16]: z in the first column; becomes the gradient of the loss, or the number predicted */
  double targets;   /* float [rows], in their own unit; or 0: predictions only */
  double losses;    /* float [rows]: of standardised errors */
  double predicted; /* float [rows], in the targets' unit */
  double mean, deviation;
  double absolute;  /* whether the loss is |z - t|; else (z - t)^2 */
  double scale;     /* gradients are multiplied by it; 0: leave predictions */
  double row0, row1;
} regression_args;

void KERNEL(regression)(char *base, const double *args) {
  const regression_args *x = (const regression_args *)args;
  float *outputs = F32(base, x->outputs), *predicted = F32(base, x->predicted);
  const size_t end = (size_t)x->row1;
  for (size_t row = (size_t)x->row0; row < end; row++) {
    float *output = outputs + row * PANEL;
    const double z = (double)*output;
    const float number = (float)(x->mean + x->deviation * z);
    predicted[row] = number;
    double gradient = 0;
    if (x->targets != 0) {
      const double error = z - ((double)F32(base, x->targets)[row] - x->mean) / x->deviation;
      /* Where the error is 0, as PyTorch has it, the slope of its size is 0. */
      const double sign = error > 0 ? 1.0 : error < 0 ? -1.0 : error;
      F32(base, x->losses)[row] = (float)(error * (x->absolute != 0 ? sign : error));
      gradient = (x->absolute != 0 ? sign : 2.0 * error) * x->scale;
    }
    *output = x->scale != 0 ? (float)gradient : number;
  }
}
