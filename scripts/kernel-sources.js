/** The sources of kernels/ that hold kernels: each is compiled once for every instruction set. */
export const kernelSources = [
  'product',
  'lstm',
  'embedding',
  'weight_gradient',
  'loss',
  'update',
  'dropout',
  'probe',
];
