/* The link protocol between two processes: link, unlink and death, with signals under way.

   Each proctype stands for a process's calls (Process.link, unlink) and for SignalState.handle, which takes one signal at a time
   from the queue. Between two processes signals keep their order (RuntimeCore.push, accept).

   Planted faults: NO_NUMBER, SILENT_GONE, UNLINK_DELETES. */

mtype = { LINK, UNLINK, ACK, EXIT }
mtype = { none, linked, idle }                  /* a link's record: idle from unlink to its answer */

chan toward[2] = [6] of { mtype, byte };        /* toward[p]: what process p has not handled yet */

mtype record[2] = none;
byte awaits[2];                                 /* the number of the unlink that an idle record waits for */
byte lastNumber[2];
bool isGone[2];
bool unlinked[2];                               /* unlink has returned, and no link was made since, as far as p knows */
bool heardExit[2];

#define peer (1 - self)

/* SignalState.handle(_:of:) for a signal, and Signal.answerOfTheGone. */
inline handle() {
    atomic {
        toward[self] ? kind, number;
        if
        :: isGone[self] ->
            if
            :: kind == LINK -> toward[peer] ! EXIT, 0
#ifndef SILENT_GONE
            :: kind == UNLINK -> toward[peer] ! ACK, number
#endif
            :: else -> skip
            fi
        :: else ->
            if
            :: kind == LINK ->
                unlinked[self] = false;
                if
                :: record[self] == none -> record[self] = linked
                :: else -> skip
                fi
            :: kind == UNLINK ->
                if
                :: record[self] == linked -> record[self] = none
                :: else -> skip
                fi;
                toward[peer] ! ACK, number
            :: kind == ACK ->
                if
#ifdef NO_NUMBER
                :: record[self] == idle -> record[self] = none
#else
                :: record[self] == idle && awaits[self] == number -> record[self] = none; awaits[self] = 0
#endif
                :: else -> skip
                fi
            :: kind == EXIT ->
                if
                :: record[self] == linked ->
                    /* No exit of this link takes effect after unlink. */
                    assert(!unlinked[self]);
                    heardExit[self] = true
                :: else -> skip
                fi;
                record[self] = none
            fi
        fi;
        kind = 0; number = 0
    }
}

proctype Process(bit self; byte calls; bool dies) {
    mtype kind;
    byte number;
    bool left;
end:
    do
    :: nempty(toward[self]) -> handle()
    :: atomic { calls > 0 && !isGone[self] && record[self] != linked ->
            /* Process.link(_:) */
            calls--;
            record[self] = linked; awaits[self] = 0;
            unlinked[self] = false;
            toward[peer] ! LINK, 0
        }
    :: atomic { calls > 0 && !isGone[self] && record[self] == linked ->
            /* Process.unlink(_:) */
            calls--;
            lastNumber[self]++;
#ifdef UNLINK_DELETES
            record[self] = none;
#else
            record[self] = idle;
            awaits[self] = lastNumber[self];
#endif
            unlinked[self] = true;
            toward[peer] ! UNLINK, lastNumber[self]
        }
    :: atomic { dies && !isGone[self] ->
            /* RuntimeCore.finish(_:_:on:) and SignalState.farewell(after:) */
            isGone[self] = true;
            if
            :: record[self] == linked -> toward[peer] ! EXIT, 0
            :: else -> skip
            fi;
            record[self] = none
        }
    od
}

init {
    atomic {
#if SCENARIO == 1
        run Process(0, 4, false);
        run Process(1, 3, false)
#elif SCENARIO == 2
        run Process(0, 4, false);
        run Process(1, 2, true)
#else
        run Process(0, 2, true);
        run Process(1, 2, true)
#endif
    }
    timeout ->
    /* Links are symmetric, none is with one that is gone, and no record waits for an answer for ever. */
    assert(isGone[0] || isGone[1] || record[0] == record[1]);
    assert(isGone[0] || record[0] != idle);
    assert(isGone[1] || record[1] != idle);
    assert(!isGone[1] || isGone[0] || record[0] == none);
    assert(!isGone[0] || isGone[1] || record[1] == none)
}
