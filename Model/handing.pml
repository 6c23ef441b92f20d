/* One worker, three threads: direct calls that wait or take long hand the worker, and with it the run queue, to a spare thread.

   How an idle worker sleeps is in workers.pml; here it waits for its queue, though it may eat a wake-up of its thread's parker, as it
   does in the program.

   Planted faults: SPARE_SLEEPS_FIRST, KEEPS_WORKER, QUEUES_BLOCKED, GOES_BY_STATE. */

#define THREADS 3
#define PROCESSES 2
#define NONE 255

mtype = { waits, runnable, running }

mtype state[PROCESSES] = waits;         /* ProcessBlock.word */
byte blockedThread[PROCESSES] = NONE;   /* ProcessBlock.blockedThread */
bool queued[PROCESSES];                 /* in the worker's queue */
byte threadsOf[PROCESSES];              /* who runs it: never more than one */

bool hasWorker[THREADS];                /* ThreadState.worker */
bool assigned[THREADS];                 /* ThreadState.assigned */
bool woken[THREADS];                    /* ThreadState.parker */
bool isSpare[THREADS];                  /* RuntimeCore.spares */
byte reserved = NONE;                   /* WorkerState.spare */
bool isStarted = false, hasBegun = false;
byte handings = 2;                      /* how often calls still take long */

#define owners (hasWorker[0] + hasWorker[1] + hasWorker[2])
#define pending (assigned[0] + assigned[1] + assigned[2])

/* RuntimeCore.wakeState and enqueue, for whoever sends, or fires a timer. */
inline wake(p) {
    atomic {
        if
        :: state[p] == waits -> state[p] = runnable; isFirst = true
        :: else -> isFirst = false
        fi
    }
    if
    :: !isFirst -> skip
    :: else ->
#ifndef QUEUES_BLOCKED
        /* unblock: it takes the thread out, and that is what the thread waits for. */
        if
        :: blockedThread[p] != NONE ->
            atomic { blocked = blockedThread[p]; blockedThread[p] = NONE }
            woken[blocked] = true;
            blocked = NONE
        :: else -> atomic { assert(!queued[p]); queued[p] = true }
        fi
#else
        atomic { assert(!queued[p]); queued[p] = true }
#endif
    fi
}

/* RuntimeCore.handOn. */
inline handOn() {
    if
    :: hasWorker[self] && reserved != NONE ->
        atomic {
#ifndef KEEPS_WORKER
            hasWorker[self] = false;
#endif
            spare = reserved; reserved = NONE
        }
        assigned[spare] = true;
        woken[spare] = true;
        spare = NONE
    :: else -> skip
    fi
}

/* RuntimeCore.blockThread, from beginWait on. */
inline blockThread() {
    blockedThread[process] = self;
    atomic { state[process] = waits; threadsOf[process]-- }
    handOn();
    do
#ifdef GOES_BY_STATE
    :: state[process] == runnable -> break
#else
    :: blockedThread[process] == NONE -> break
#endif
    :: else ->
end_blocked:
        atomic { woken[self] -> woken[self] = false }
    od;
    atomic {
        threadsOf[process]++;
        assert(threadsOf[process] == 1 && state[process] == runnable);
        state[process] = running
    }
#ifdef GOES_BY_STATE
    blockedThread[process] = NONE
#endif
}

/* RuntimeCore.main, work, run, becomeSpare. */
proctype Thread(byte self) {
    byte process = NONE, spare = NONE;
    bool isDirect;
    /* RuntimeCore.awaitStart; the first thread is the one that starts the others. */
    do
    :: self == 0 && hasBegun -> break
    :: self != 0 && isStarted -> break
    :: self != 0 && !isStarted ->
end_start:
        atomic { woken[self] -> woken[self] = false }
    od;
    do
    :: hasWorker[self] ->
        assert(owners == 1);
end_idle:
        if
        :: atomic { queued[0] && hasWorker[self] -> queued[0] = false; process = 0 }
        :: atomic { queued[1] && hasWorker[self] -> queued[1] = false; process = 1 }
        :: atomic { woken[self] -> woken[self] = false }
        fi;
        if
        :: process == NONE -> skip
        :: else ->
            atomic {
                threadsOf[process]++;
                assert(threadsOf[process] == 1 && state[process] == runnable && blockedThread[process] == NONE);
                state[process] = running
            }
            /* reserveSpare */
            atomic {
                if
                :: reserved == NONE && isSpare[0] -> reserved = 0; isSpare[0] = false
                :: reserved == NONE && isSpare[1] -> reserved = 1; isSpare[1] = false
                :: reserved == NONE && isSpare[2] -> reserved = 2; isSpare[2] = false
                :: else -> skip
                fi;
                isDirect = reserved != NONE
            }
            if
            :: isDirect && handings > 0 -> handings--; handOn()         /* sliceIsOver */
            :: isDirect && handings > 0 -> handings--; blockThread()
            :: true -> skip
            fi;
            atomic { state[process] = waits; threadsOf[process]--; process = NONE }
            /* becomeSpare */
            if
            :: !hasWorker[self] -> isSpare[self] = true
            :: else -> skip
            fi
        fi
    :: !hasWorker[self] ->
#ifdef SPARE_SLEEPS_FIRST
end_spare:
        atomic { woken[self] -> woken[self] = false }
        atomic { if :: assigned[self] -> assigned[self] = false; hasWorker[self] = true :: else -> skip fi }
#else
        if
        :: atomic { assigned[self] -> assigned[self] = false; hasWorker[self] = true }
        :: else ->
end_spare:
            atomic { woken[self] -> woken[self] = false }
        fi
#endif
    od
}

proctype Waker(byte process; byte times) {
    bool isFirst;
    byte blocked = NONE;
    do
    :: times == 0 -> break
    :: else -> times--; wake(process)
    od
}

init {
    atomic {
        hasWorker[0] = true;
        isSpare[1] = true;
        isSpare[2] = true;
        run Thread(0);
        run Thread(1);
        run Thread(2);
        run Waker(0, 2);
        run Waker(1, 1)
    }
    /* RuntimeCore.start */
    isStarted = true;
    woken[1] = true;
    woken[2] = true;
    hasBegun = true;
    timeout ->
    /* Nothing that can run is left, and nobody has lost the worker. */
    assert(!queued[0] && !queued[1] && state[0] == waits && state[1] == waits);
    assert(owners == 1 && pending == 0)
}
