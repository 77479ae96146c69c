"""A second ledger, naive and slow, written from libgonka/doc/protocol.md: what is wrong in the first one, or
unclear in the text, shows as a difference over the same blocks.

    python3 -m ledger_model [--program build/tests/unit/ledger/ledger_trace] [--seeds 1-20] [--blocks 700]
    python3 -m ledger_model --trace FILE

It keeps all tables of section 10 as they are, but for those that only repeat what stands in others (h, o, u, w,
x, z, P), which it makes anew from these and compares, and the totals, which it sums up after every block. Of
blocks it compares receipts, notices, every value that was written, and the app hash over the ledger's writes.
Signatures inside events are not computed: the trace names those that were made, all others are invalid; the
model decides whose signature it wants under what. Signatures of transactions and blocks are checked before a
ledger and are none of its business."""
