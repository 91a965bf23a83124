/* Choices under a bound, against all of them. */
#include "quant/assign.h"

#include "tests/test.h"

enum { ITEMS = 6, CHOICES = 4 };

static uint32_t g_seed;
static double some(void) {
    g_seed = g_seed * 1664525u + 1013904223u;
    return (double)(g_seed >> 22);
}

/* The best of all 4^6; *step: the largest saving of a single change of one item. */
static double best_of_all(const qn_choice *c, bool bytes, double bound, double *step) {
    double best = -1;
    *step = 0;
    for (int code = 0; code < 1 << 2 * ITEMS; code++) {
        qn_choice sum = {0, 0};
        for (int i = 0; i < ITEMS; i++) {
            const qn_choice *k = &c[i * CHOICES + (code >> 2 * i & 3)];
            sum.bytes += k->bytes;
            sum.cost += k->cost;
        }
        const double taken = bytes ? sum.bytes : sum.cost, cost = bytes ? sum.cost : sum.bytes;
        if (taken <= bound && (best < 0 || cost < best))
            best = cost;
    }
    for (int i = 0; i < ITEMS; i++)
        for (int a = 0; a < CHOICES; a++)
            for (int b = 0; b < CHOICES; b++) {
                const qn_choice *x = &c[i * CHOICES + a], *y = &c[i * CHOICES + b];
                const double saves = bytes ? x->cost - y->cost : x->bytes - y->bytes;
                *step = saves > *step ? saves : *step;
            }
    return best;
}

QN_TEST(quant_assign_is_within_a_step_of_the_best) {
    qn_choice choices[ITEMS * CHOICES], total;
    int32_t chosen[ITEMS];
    bool memory;
    int exact = 0, met = 0;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        g_seed = seed;
        for (int i = 0; i < ITEMS * CHOICES; i++)
            choices[i] = (qn_choice){some(), some()};
        const bool bytes = seed % 2;
        const double bound = 200.0 * (seed % 16);
        double step;
        const double best = best_of_all(choices, bytes, bound, &step);
        const bool fits = qn_assign(choices, ITEMS, CHOICES, bytes ? bound : -1, bound, chosen, &total, &memory);
        assert_false(memory);
        assert_int_equal(fits, best >= 0);
        qn_choice sum = {0, 0};
        for (int i = 0; i < ITEMS; i++) {
            assert_in_range(chosen[i], 0, CHOICES - 1);
            sum.bytes += choices[i * CHOICES + chosen[i]].bytes;
            sum.cost += choices[i * CHOICES + chosen[i]].cost;
        }
        assert_true(sum.bytes == total.bytes && sum.cost == total.cost);
        if (!fits)
            continue;
        assert_true((bytes ? total.bytes : total.cost) <= bound);
        assert_true((bytes ? total.cost : total.bytes) <= best + step);
        exact += (bytes ? total.cost : total.bytes) == best;
        met++;
    }
    assert_true(met > 30);
    assert_true(2 * exact > met); /* most are the optimum itself */
}

QN_TEST(quant_assign_edges) {
    const qn_choice one[] = {{10, 5}, {20, 1}};
    qn_choice total;
    int32_t chosen[1] = {7};
    bool memory;
    assert_true(qn_assign(one, 1, 2, 20, 0, chosen, &total, &memory));
    assert_int_equal(chosen[0], 1);
    assert_true(qn_assign(one, 1, 2, 19, 0, chosen, &total, &memory));
    assert_int_equal(chosen[0], 0);
    assert_true(total.bytes == 10 && total.cost == 5);
    assert_false(qn_assign(one, 1, 2, 9, 0, chosen, &total, &memory));
    assert_int_equal(chosen[0], 0); /* nearest to the bound */
    assert_true(qn_assign(one, 1, 2, -1, 1, chosen, NULL, &memory));
    assert_int_equal(chosen[0], 1);
    assert_true(qn_assign(one, 0, 2, 0, 0, chosen, &total, &memory)); /* nothing to choose */
    assert_true(total.bytes == 0 && total.cost == 0);
}
