/* How a photo becomes the input of a model: recorded with the graph, so that every user of it does the same. */
#ifndef QN_IR_PREPROCESS_H
#define QN_IR_PREPROCESS_H

#include "ir/graph.h"

/** What decides the size that a photo is brought to; docs/images.md has the formulas. The values are those of the
 *  package format. */
typedef enum qn_size_rule {
    QN_SIZE_KEEP = 0,     /**< its own size */
    QN_SIZE_EXACT = 1,    /**< height x width, each to the nearest multiple */
    QN_SIZE_ASPECT = 2,   /**< the scale nearest to 1 of those that fit height or width, each side to the nearest multiple
                               (keep_aspect_ratio of Hugging Face's DPTImageProcessor) */
    QN_SIZE_LONGEST = 3,  /**< the longest side to `height`, then each side to the nearest multiple: two resizes (Depth
                               Anything 3, upper_bound_resize) */
    QN_SIZE_SHORTEST = 4, /**< the shortest side to `height`, the other in proportion, rounded down */
    QN_N_SIZE_RULES
} qn_size_rule;

typedef enum qn_interpolation {
    QN_INTERPOLATE_NEAREST = 0,
    QN_INTERPOLATE_BILINEAR = 1,
    QN_INTERPOLATE_BICUBIC = 2,
    QN_INTERPOLATE_AREA = 3, /**< the mean over the area that an output pixel covers; bicubic where a side grows */
    QN_N_INTERPOLATIONS
} qn_interpolation;

/** Largest height, width and multiple. */
#define QN_MAX_SIDE 65535
/** Most pixels of a photo, before and after. */
#define QN_MAX_PIXELS ((int64_t)1 << 28)

/** Mean and deviation of R, G, B over ImageNet, of 0..1. */
#define QN_IMAGENET_MEAN {0.485, 0.456, 0.406}
#define QN_IMAGENET_STD {0.229, 0.224, 0.225}

/** From RGB of 8 bits to float32: (x * rescale - mean) / std in each channel, and a resize before or after it. */
typedef struct qn_preprocess {
    const char *input;     /**< name of the graph input that takes the photo; NULL: the one that can (see below) */
    qn_size_rule size;
    int32_t height, width; /**< 1..QN_MAX_SIDE; both the same for QN_SIZE_LONGEST and QN_SIZE_SHORTEST, 0 for QN_SIZE_KEEP */
    int32_t multiple;      /**< 1..QN_MAX_SIDE; 1 for QN_SIZE_KEEP and QN_SIZE_SHORTEST */
    qn_interpolation interpolation;
    bool antialias;        /**< bilinear and bicubic: widen the filter where a side shrinks */
    bool resize_last;      /**< resize the normalised float32 numbers; else the 8 bit ones, and round to 8 bits again */
    double rescale;        /**< not 0 */
    double mean[3], std[3]; /**< of R, G, B; std not 0 */
} qn_preprocess;

/** Names ("aspect", "bicubic"); NULL for what is no value. */
const char *qn_size_rule_name(qn_size_rule rule);
const char *qn_interpolation_name(qn_interpolation interpolation);

/** QN_MALFORMED names the field that breaks what is said above. */
QN_MUST_USE qn_status qn_preprocess_check(qn_context *ctx, const qn_preprocess *p);

/** True when a graph input of this type takes photos: float32 [n, 3, h, w] or [n, views, 3, h, w]. Dimensions that are
 *  not known, or the rank, may still be so. */
bool qn_preprocess_fits(const qn_type *type);

/** graph->preprocess = a checked copy of `p` (NULL: none). Without a name in `p` the input is the first that fits.
 *  QN_MALFORMED: no such input, or it takes no photo. */
QN_MUST_USE qn_status qn_graph_set_preprocess(qn_context *ctx, qn_graph *graph, const qn_preprocess *p);

#endif
