#include "quant/cholesky.h"

#include <math.h>

#include "base/pool.h"

/* Right-looking, in panels of PANEL columns:
 *
 *     | A11        |      A11 = L11 L11^T
 *     | A21   A22  |      L21 = A21 L11^-T        by rows, in parallel
 *                         A22 -= L21 L21^T        by rows, in parallel; L21^T is copied so that rows of it are runs of memory
 */
enum { PANEL = 64, ROWS = 16 };

typedef struct panel {
    int64_t n, begin, end; /* columns of the panel */
    double *a, *turned;    /* turned[PANEL][n]: L21^T, by absolute row */
} panel;

static bool factor_corner(const panel *p) {
    for (int64_t i = p->begin; i < p->end; i++) {
        double *row = p->a + i * p->n;
        for (int64_t j = p->begin; j <= i; j++) {
            const double *other = p->a + j * p->n;
            double sum = row[j];
            for (int64_t k = p->begin; k < j; k++)
                sum -= row[k] * other[k];
            if (j < i)
                row[j] = sum / other[j];
            else if (sum > 0 && isfinite(sum))
                row[j] = sqrt(sum);
            else
                return false;
        }
    }
    return true;
}

static void solve_rows(void *arg, int64_t begin, int64_t end, int worker) {
    const panel *p = arg;
    (void)worker;
    for (int64_t i = p->end + begin; i < p->end + end; i++) {
        double *row = p->a + i * p->n;
        for (int64_t j = p->begin; j < p->end; j++) {
            const double *other = p->a + j * p->n;
            double sum = row[j];
            for (int64_t k = p->begin; k < j; k++)
                sum -= row[k] * other[k];
            row[j] = sum / other[j];
            p->turned[(j - p->begin) * p->n + i] = row[j];
        }
    }
}

static void subtract_rows(void *arg, int64_t begin, int64_t end, int worker) {
    const panel *p = arg;
    (void)worker;
    for (int64_t i = p->end + begin; i < p->end + end; i++) {
        double *restrict row = p->a + i * p->n;
        int64_t k = 0;
        for (; k + 4 <= p->end - p->begin; k += 4) {
            const double *restrict t = p->turned + k * p->n, *restrict l = row + p->begin + k;
            const double l0 = l[0], l1 = l[1], l2 = l[2], l3 = l[3];
            const double *restrict t1 = t + p->n, *restrict t2 = t1 + p->n, *restrict t3 = t2 + p->n;
            for (int64_t j = p->end; j <= i; j++)
                row[j] -= l0 * t[j] + l1 * t1[j] + l2 * t2[j] + l3 * t3[j];
        }
        for (; k < p->end - p->begin; k++)
            for (int64_t j = p->end; j <= i; j++)
                row[j] -= row[p->begin + k] * p->turned[k * p->n + j];
    }
}

bool qn_cholesky(qn_context *ctx, int64_t n, double *a, double *work) {
    for (int64_t begin = 0; begin < n; begin += PANEL) {
        panel p = {.n = n, .begin = begin, .end = begin + PANEL < n ? begin + PANEL : n, .a = a, .turned = work};
        if (!factor_corner(&p))
            return false;
        qn_parallel_for(ctx, n - p.end, ROWS, solve_rows, &p);
        qn_parallel_for(ctx, n - p.end, ROWS, subtract_rows, &p);
    }
    return true;
}
