/* What one instruction set gives convolution. Before including it define
 *
 *   CONV_TILES(X)   X(rows, vectors) for rows 1 to CONV_MAX_ROWS: the vectors of positions that a tile has beside so
 * many output channels. rows * vectors sums, a vector of positions for each and an element of a weight fill the
 * registers. CONV_MAX_ROWS   most rows of a tile
 */
#include "kernels/conv/band_impl.h"
#include "kernels/conv/narrow_impl.h"
#include "kernels/conv/tile_impl.h"
#include "kernels/conv/winograd_impl.h"

const qn_conv_isa VF_NAME(qn_conv_isa) = {.lanes = VF_LANES,
                                          .max_rows = CONV_MAX_ROWS,
                                          .tile = {CONV_TILES(TILE_ENTRY)},
                                          .fill = fill,
                                          .weave = weave,
                                          .finish = finish,
                                          .weave_pairs = weave_pairs,
                                          .weave_codes = weave_codes,
                                          .winograd_weights = winograd_weights,
                                          .winograd_input = winograd_input,
                                          .winograd_output = winograd_output};
