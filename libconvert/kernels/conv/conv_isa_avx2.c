#define CONV_TILES(X) X(1, 8) X(2, 4) X(3, 3) X(4, 3) X(5, 2) X(6, 2)
#include "kernels/conv/band_impl.h"
#include "kernels/conv/narrow_impl.h"
#include "kernels/conv/tile_impl.h"
#include "kernels/conv/winograd_impl.h"

const qn_conv_isa VF_NAME(qn_conv_isa) = {.lanes = VF_LANES,
                                          .max_rows = 6,
                                          .tile = {CONV_TILES(TILE_ENTRY)},
                                          .fill = fill,
                                          .weave = weave,
                                          .finish = finish,
                                          .weave_pairs = weave_pairs,
                                          .weave_codes = weave_codes,
                                          .winograd_weights = winograd_weights,
                                          .winograd_input = winograd_input,
                                          .winograd_output = winograd_output};
