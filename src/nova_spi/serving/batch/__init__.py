"""Many inputs at once: a batch, which a kill or a full disk only interrupts: the same command goes on with it.

    DIR/batch.json       what the batch is of (inputs, model, command, each by its digest) and how far it has come
    DIR/results.jsonl    one line an item, appended as soon as it is done: this file is the journal
    DIR/failures.jsonl   those lines again that tell of a failure
    DIR/files/ITEM/      the output files of an item

`items` reads what is to be done, `asking` makes a call of each, a `runner` runs it (`local`: a supervisor in this
process; `cluster`: one on each of a Ray cluster's nodes), `keeping` puts its files into place, and `journal` writes its
line. An item whose line is written is never run again. One that was running when everything ended is run again by the
next start, so a model may see an input twice, but the results never hold it twice.
"""
