#include "read/wire.h"

#include "tests/test.h"

static bool varint(const char *bytes, size_t n, uint64_t *v, const char **error) {
    qn_wire wire = {(const uint8_t *)bytes, (const uint8_t *)bytes + n, NULL};
    bool ok = qn_wire_varint(&wire, v);
    *error = wire.error;
    return ok;
}

QN_TEST(read_wire_varint) {
    uint64_t v;
    const char *error;
    assert_true(varint("\x00", 1, &v, &error));
    assert_int_equal(v, 0);
    assert_true(varint("\xac\x02", 2, &v, &error));
    assert_int_equal(v, 300);
    assert_true(varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, &v, &error));
    assert_true(v == UINT64_MAX);
    assert_true(varint("\x81\x80\x80\x00", 4, &v, &error)); /* leading zeros are fine */
    assert_int_equal(v, 1);
    assert_false(varint("", 0, &v, &error));
    assert_string_equal(error, "the bytes end inside a varint");
    assert_false(varint("\x80\x80", 2, &v, &error));
    assert_string_equal(error, "the bytes end inside a varint");
    assert_false(varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, &v, &error));
    assert_string_equal(error, "a varint has more than 64 bits");
    assert_false(varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, &v, &error));
    assert_string_equal(error, "a varint has more than 64 bits");
}

QN_TEST(read_wire_fields) {
    static const char bytes[] = "\x08\x96\x01" "\x12\x03" "abc" "\x1d\x01\x02\x03\x04" "\x21\x01\x00\x00\x00\x00\x00\x00\x80";
    qn_wire wire = {(const uint8_t *)bytes, (const uint8_t *)bytes + sizeof bytes - 1, NULL};
    qn_wire_field f;
    assert_true(qn_wire_next(&wire, &f));
    assert_int_equal(f.number, 1);
    assert_int_equal(f.type, QN_WIRE_VARINT);
    assert_int_equal(f.value, 150);
    assert_int_equal(f.n_bytes, 2);
    assert_true(qn_wire_next(&wire, &f));
    assert_int_equal(f.number, 2);
    assert_int_equal(f.n_bytes, 3);
    assert_memory_equal(f.data, "abc", 3);
    assert_true(qn_wire_next(&wire, &f));
    assert_int_equal(f.value, 0x04030201);
    assert_true(qn_wire_next(&wire, &f));
    assert_true(f.value == 0x8000000000000001u);
    assert_false(qn_wire_next(&wire, &f));
    assert_null(wire.error);
}

QN_TEST(read_wire_refusals) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *error;
    } rows[] = {
        {"\x00\x01", 2, "a field number is out of range"},
        {"\x80\x80\x80\x80\x10\x01", 6, "a field number is out of range"},
        {"\x0b", 1, "a group, which ONNX does not have"},
        {"\x0c", 1, "a group, which ONNX does not have"},
        {"\x0e", 1, "an unknown wire type"},
        {"\x0f", 1, "an unknown wire type"},
        {"\x0a\x05" "abcd", 6, "a length runs past the end"},
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "a length runs past the end"},
        {"\x0d\x01\x02\x03", 4, "the bytes end inside a number"},
        {"\x09\x01\x02\x03\x04\x05\x06\x07", 8, "the bytes end inside a number"},
        {"\x08", 1, "the bytes end inside a varint"},
        {"\x80", 1, "the bytes end inside a varint"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint8_t *p = (const uint8_t *)rows[i].bytes;
        qn_wire wire = {p, p + rows[i].n, NULL};
        qn_wire_field f;
        assert_false(qn_wire_next(&wire, &f));
        assert_non_null(wire.error);
        assert_string_equal(wire.error, rows[i].error);
        assert_ptr_equal(wire.at, p);
        assert_false(qn_wire_next(&wire, &f));
    }
}
