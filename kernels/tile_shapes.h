/*
 * Runs tiles of every shape with numbers of rows and vectors that the compiler knows. A file that has tiles of its own includes this
 * behind their operands, tile_operands, and run_tile(rows, vectors, operands, c).
 */
#define TILE_CASE(n)            \
  case n:                       \
    run_tile(n, vectors, x, c); \
    break;

INLINE void run_rows(const int vectors, int rows, const tile_operands *x, float *c) {
#ifdef EACH_WIDE_HEIGHT
  if (vectors == WIDEST_VECTORS) {
    switch (rows) { EACH_WIDEST_HEIGHT(TILE_CASE) }
    return;
  }
  if (vectors == WIDE_VECTORS) {
    switch (rows) { EACH_WIDE_HEIGHT(TILE_CASE) }
    return;
  }
#endif
  switch (rows) { EACH_HEIGHT(TILE_CASE) }
}

INLINE void run_shape(size_t vectors, int rows, const tile_operands *x, float *c) {
  switch (vectors) {
#if TILE_VECTORS > PV
    case PV:
      run_rows(PV, rows, x, c);
      break;
#endif
#if WIDE_VECTORS > TILE_VECTORS
    case WIDE_VECTORS:
      run_rows(WIDE_VECTORS, rows, x, c);
      break;
    case WIDEST_VECTORS:
      run_rows(WIDEST_VECTORS, rows, x, c);
      break;
#endif
    default:
      run_rows(TILE_VECTORS, rows, x, c);
  }
}
