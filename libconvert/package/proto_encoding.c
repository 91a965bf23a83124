/* How a constant is stored: fields of a message to those of a qn_const, and back. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "package/proto.h"

/* The number that stands for 0 dB, since a field of 0 is not written. */
#define ZERO_DB 1e-300

static char *text(const char *s) { return (char *)(uintptr_t)(s ? s : ""); }

static void put_record(const qn_const_record *r, Quern__Constant *m) {
    m->scheme = text(r->scheme);
    m->reason = text(r->reason);
    qn_proto_put_sqnr(r, m);
}

void qn_proto_put_sqnr(const qn_const_record *r, Quern__Constant *m) {
    if (r->scheme && r->scheme[0]) /* always of eight bytes, so that it may be set when the layout is known */
        m->sqnr_db = isnan(r->sqnr_db) || r->sqnr_db == 0 ? ZERO_DB : r->sqnr_db;
}

void qn_proto_put_encoding(const qn_const *c, Quern__Constant *m) {
    m->encoding = (Quern__Encoding)c->encoding;
    if (c->record)
        put_record(c->record, m);
    if (c->encoding == QN_ENC_DENSE)
        return;
    m->sparse = c->sparse;
    m->kept = c->sparse ? c->n_kept : 0;
    m->mask_block = c->sparse ? c->mask_block : 0;
    if (c->encoding == QN_ENC_SPARSE)
        return;
    m->scale_dtype = (uint32_t)c->scale_dtype;
    if (c->scale_dtype != QN_NONE) {
        m->axis = (uint32_t)(c->axis + 1);
        m->block = c->block;
        m->axis2 = c->block2 > 0 ? (uint32_t)(c->axis2 + 1) : 0;
        m->block2 = c->block2;
        m->super_dtype = (uint32_t)c->super_dtype;
        m->super_block = c->super_block;
    }
    if (c->encoding == QN_ENC_AFFINE) {
        m->code_dtype = (uint32_t)c->code_dtype;
        m->symmetric = c->symmetric;
        return;
    }
    m->bits = (uint32_t)c->bits;
    m->width = (uint32_t)(c->width > 1 ? c->width : 1);
    m->lut_dtype = (uint32_t)c->lut_dtype;
    m->lut_axis = c->lut_axis < 0 ? 0 : (uint32_t)(c->lut_axis + 1);
    m->lut_group = c->lut_axis < 0 ? 0 : c->lut_group;
}

/* A dtype field that may be 0; others have a name. */
static qn_status get_dtype(qn_context *ctx, const Quern__Constant *m, uint32_t number, const char *what, qn_dtype *out) {
    if (number > 0xff || (number && !qn_stored_name((qn_dtype)number)[0]))
        return qn_fail(ctx, QN_UNSUPPORTED, "constant '%s': %s %" PRIu32 " is not known", m->name, what, number);
    *out = (qn_dtype)number;
    return QN_OK;
}

/* Axis + 1 of a message; a number that no axis has is left to qn_const_encoding_fault. */
static int32_t get_axis(uint32_t number) { return number > QN_MAX_RANK ? QN_MAX_RANK : (int32_t)number - 1; }

/* Fields that an encoding has not must be absent: what is written is one message for each constant. */
static const char *surplus(const qn_const *c, const Quern__Constant *m) {
    const bool scales = c->encoding == QN_ENC_AFFINE || (c->encoding == QN_ENC_PALETTE && m->scale_dtype);
    if (!scales && (m->scale_dtype || m->axis || m->block || m->axis2 || m->block2 || m->super_dtype || m->super_block))
        return "parameters of scales that it has not";
    if (c->encoding != QN_ENC_AFFINE && (m->code_dtype || m->symmetric))
        return "parameters of codes that it has not";
    if (c->encoding != QN_ENC_PALETTE && (m->bits || m->width || m->lut_dtype || m->lut_axis || m->lut_group))
        return "parameters of a palette that it has not";
    if (!m->sparse && (m->kept || m->mask_block))
        return "parameters of a mask that it has not";
    if ((m->block2 > 0) != (m->axis2 > 0) || (m->lut_group > 0) != (m->lut_axis > 0))
        return "an axis without a size";
    if (c->encoding == QN_ENC_PALETTE && !m->width)
        return "vectors that are not 1, 2 or 4 wide";
    return NULL;
}

static qn_status get_record(qn_context *ctx, qn_arena *arena, const Quern__Constant *m, qn_const *c) {
    if (!m->scheme[0] && !m->reason[0])
        return QN_OK;
    QN_NEW(ctx, arena, c->record);
    c->record->scheme = qn_arena_strdup(arena, m->scheme);
    c->record->reason = qn_arena_strdup(arena, m->reason);
    c->record->sqnr_db = m->sqnr_db == 0 ? NAN : fabs(m->sqnr_db) <= ZERO_DB ? 0.0 : m->sqnr_db;
    return c->record->scheme && c->record->reason ? QN_OK : qn_fail_memory(ctx, strlen(m->scheme), "a scheme");
}

qn_status qn_proto_get_encoding(qn_context *ctx, qn_arena *arena, const Quern__Constant *m, qn_const *c) {
    if ((unsigned)m->encoding > QN_ENC_SPARSE)
        return qn_fail(ctx, QN_UNSUPPORTED, "constant '%s': encoding %d", m->name, (int)m->encoding);
    c->encoding = (qn_encoding)m->encoding;
    QN_TRY(get_dtype(ctx, m, m->code_dtype, "code dtype", &c->code_dtype));
    QN_TRY(get_dtype(ctx, m, m->scale_dtype, "scale dtype", &c->scale_dtype));
    QN_TRY(get_dtype(ctx, m, m->super_dtype, "super scale dtype", &c->super_dtype));
    QN_TRY(get_dtype(ctx, m, m->lut_dtype, "table dtype", &c->lut_dtype));
    c->symmetric = m->symmetric != 0;
    c->axis = get_axis(m->axis);
    c->block = m->block;
    c->axis2 = get_axis(m->axis2);
    c->block2 = m->block2;
    c->super_block = m->super_block;
    c->bits = m->bits > 8 ? 9 : (int)m->bits;
    c->width = m->width > 4 ? 5 : (int)m->width;
    c->lut_axis = get_axis(m->lut_axis);
    c->lut_group = m->lut_group;
    c->sparse = m->sparse != 0;
    c->n_kept = m->kept;
    c->mask_block = m->mask_block;
    const char *fault = surplus(c, m);
    if (!fault)
        fault = qn_const_encoding_fault(c);
    if (!fault && c->encoding != QN_ENC_DENSE && !qn_dtype_is_float(c->dtype))
        fault = "codes for elements that are not floating point";
    if (fault)
        return qn_fail(ctx, QN_MALFORMED, "constant '%s' has %s", m->name, fault);
    return get_record(ctx, arena, m, c);
}
