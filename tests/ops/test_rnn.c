#include "tests/ops/shape_case.h"

#define LSTM_IN "input %x: float32[s,b,10]\ninput %w: float32[2,32,10]\ninput %r: float32[2,32,8]\ninput %c: float32[2,64]\ninput %h: float32[2,b,8]\n"
#define GRU_IN "input %x: float32[s,b,10]\ninput %w: float32[1,24,10]\ninput %r: float32[1,24,8]\n"

QN_TEST(ops_rnn_lstm) {
    SHAPE(LSTM_IN, "%y, %yh, %yc = LSTM(%x, %w, %r, %c, _, %h, %h) {direction=\"bidirectional\", hidden_size=8}\noutput %yh\noutput %yc",
          "float32[2,b,8]; float32[2,b,8]; float32[s,2,b,8]");
    SHAPE("input %x: float32[b,s,10]\ninput %w: float32[1,32,10]\ninput %r: float32[1,32,8]",
          "%y, %yh = LSTM(%x, %w, %r) {layout=1}\noutput %yh", "float32[b,1,8]; float32[b,s,1,8]");
    MALFORMED(LSTM_IN, "%y = LSTM(%x, %w, %r) {hidden_size=8}", "dimension 0 of input 1 is 2, must be 1");
    MALFORMED(LSTM_IN, "%y = LSTM(%x, %w, %r) {direction=\"bidirectional\", hidden_size=9}", "9 against 8");
    MALFORMED(LSTM_IN, "%y = LSTM(%x, %w, %r, %r) {direction=\"bidirectional\"}", "input 3 has rank 3, must have rank 2");
    MALFORMED(LSTM_IN, "%y = LSTM(%x, %w, %w) {direction=\"bidirectional\"}", "dimension 1 of input 1 is 32, must be 40");
    MALFORMED(LSTM_IN, "%y = LSTM(%x, %w, %r) {direction=\"up\"}", "direction 'up'");
    MALFORMED(LSTM_IN, "%y = LSTM(%x, %w, %r) {layout=2}", "layout is 2");
    MALFORMED(LSTM_IN, "%y = LSTM(%x, %w, %r) {hidden_size=-8}", "hidden_size is -8");
}

QN_TEST(ops_rnn_gru) {
    SHAPE(GRU_IN, "%y, %yh = GRU(%x, %w, %r) {hidden_size=8}\noutput %yh", "float32[1,b,8]; float32[s,1,b,8]");
    SHAPE(GRU_IN "input %l: int32[b]", "_, %y = GRU(%x, %w, %r, _, %l) {direction=\"reverse\"}", "float32[1,b,8]");
    MALFORMED(GRU_IN "input %h: float32[1,b,9]", "%y = GRU(%x, %w, %r, _, _, %h)", "dimension 2 of input 5 is 9, must be 8");
    MALFORMED(GRU_IN "input %l: float32[b]", "%y = GRU(%x, %w, %r, _, %l)", "int64 or int32");
}
