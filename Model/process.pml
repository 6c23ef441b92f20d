/* One block of the process table: messages, signals and wake-ups against waiting, ending and being used again.

   The block's word is modelled as it is in ProcessWord: state and newest node, changed by compare-and-exchange alone. What is
   one load or one exchange in the program is one step here; everything else may come in between.

   SCENARIO 1 to 5 chooses who does what to the process. Planted faults, each of which the checker must find: PARK_WITHOUT_LOOKING, FORGETFUL_WAKE, TWICE_QUEUED, ANY_GENERATION,
   LOST_ANSWER, EARLY_EXIT. */

mtype = { free, waitingForSignals, waitingForMessages, runnable, running, runningNotified, exiting }  /* ProcessState */
mtype = { message, signal, wake }                                       /* ProcessEvent, those that others cause */
mtype = { data, monitor, kill }                                         /* what a node is */

#define NODES 3                         /* nodes 1 to NODES - 1; 0 is none */
#define LAST 2                          /* generations 1 to LAST have a process */

/* The block. */
mtype state = free;
byte newest = 0;
byte generation = 0;

/* Nodes. Each is sent once. */
byte next[NODES];
mtype kind[NODES];
byte target[NODES];

/* The run queue that all workers share: the order in it does not matter with one block. */
chan queue = [2] of { bit };
byte queued = 0;

/* What the process that has the block keeps. Touched by who runs it. */
byte mailbox = 0;                       /* messages taken from the queue and not received */
bool pendingExit = false;
byte watchers = 0;
byte threads = 0;                       /* who runs it: never more than one */
byte yields = 1;                        /* how often slices still end */
mtype waitsFor = free;                  /* message, wake, or nothing yet (free) */

/* What happened, for the judge. */
bool isReady[LAST + 1];                 /* what a process may wait for without messages: a descriptor, a deadline */
bool killPushed[LAST + 1];
byte monitorsSent = 0;
byte monitorsAnswered = 0;

/* RuntimeCore.enqueue, submit, pushWoken: whoever made it runnable. */
inline enqueue() {
    queued++;
    assert(queued == 1);
    queue!1
}

/* ProcessState.after, for what others cause: from was to to, and what to do. */
inline after(from, event, to, queues, refused) {
    queues = false; refused = false; to = from;
    if
    :: from == free || from == exiting -> refused = true
    :: from == waitingForSignals ->
        if
        :: event == message -> skip
        :: else -> to = runnable; queues = true
        fi
    :: from == waitingForMessages -> to = runnable; queues = true
    :: from == running ->
#ifdef FORGETFUL_WAKE
        skip
#else
        if
        :: event == wake -> to = runningNotified
        :: else -> skip
        fi
#endif
    :: else -> skip
    fi
}

/* RuntimeCore.push(_:to:_:on:): a node to the process of a generation. To queue a process that was just made runnable is no step
   of its own: nobody else touches it before that is done. */
inline push(node, whose, event, gone) {
    atomic { oldState = state; oldNewest = newest; gone = false; done = false }
    do
    :: done -> break
    :: else ->
        atomic {
            after(oldState, event, newState, queues, refused);
            if
            :: generation != whose || refused -> gone = true; done = true
            :: else -> next[node] = oldNewest
            fi
        }
        atomic {
            if
            :: done -> skip
            :: !done && state == oldState && newest == oldNewest ->
                state = newState; newest = node; done = true;
                if
                :: queues -> enqueue()
#ifdef TWICE_QUEUED
                :: oldState == runnable -> enqueue()
#endif
                :: else -> skip
                fi
            :: else -> oldState = state; oldNewest = newest
            fi
        }
    od
}

/* RuntimeCore.accept(_:_:on:). Nodes for another generation came here while the block changed hands. All of it is the caller's own. */
inline accept(taken, ended) {
    do
    :: taken == 0 -> break
    :: else ->
        if
#ifndef ANY_GENERATION
        :: target[taken] != generation ->
            if
#ifndef LOST_ANSWER
            /* Signal.answerOfTheGone */
            :: kind[taken] == monitor -> monitorsAnswered++
#endif
            :: else -> skip
            fi
#endif
        :: else ->
            assert(target[taken] == generation);
            if
            :: ended && kind[taken] == monitor -> monitorsAnswered++
            :: !ended && kind[taken] == monitor -> watchers++
            :: !ended && kind[taken] == data -> mailbox++
            :: !ended && kind[taken] == kill -> pendingExit = true
            :: else -> skip
            fi
        fi;
        taken = next[taken]
    od
}

/* RuntimeCore.takeQueue(_:next:) and accept: all nodes, and with them a new state, in one exchange. */
inline receiveAs(to) {
    atomic {
        taken = newest; newest = 0; state = to;
        accept(taken, (to == exiting))
    }
}

/* RuntimeCore.receive(_:on:). */
inline receive() {
    atomic {
        taken = newest; newest = 0;
        accept(taken, false)
    }
}

/* RuntimeCore.finish(_:_:on:), release(_:on:), and spawn(_:on:_:) in the block that is free then. */
inline finish() {
    receive();
#ifdef EARLY_EXIT
    state = exiting;
#else
    receiveAs(exiting);
#endif
    atomic {
        /* Farewells. */
        monitorsAnswered = monitorsAnswered + watchers;
        watchers = 0; mailbox = 0; pendingExit = false; waitsFor = free;
        generation++;
        threads--
    }
    atomic {
        assert(newest == 0);
        state = free
    }
    if
    :: generation <= LAST -> atomic { state = runnable; enqueue() }
    :: else -> skip
    fi
}

/* RuntimeCore.beginWait(_:_:on:): waits, or looks again (1), or has been ended (2). */
inline beginWait(to, outcome) {
    receive();
    outcome = 3;
    do
    :: outcome != 3 -> break
    :: outcome == 3 && pendingExit -> outcome = 2
    :: outcome == 3 && !pendingExit && to == waitingForMessages && mailbox > 0 -> outcome = 1
    :: else ->
        atomic { oldState = state; oldNewest = newest }
#ifndef PARK_WITHOUT_LOOKING
        if
        :: oldNewest != 0 -> receive()
        :: else ->
#endif
            atomic {
                if
                :: state == oldState && newest == oldNewest ->
                    if
                    :: state == runningNotified -> state = running; outcome = 1
                    :: else ->
                        assert(state == running);
                        threads--;
                        state = to; outcome = 0
                    fi
                :: else -> skip
                fi
            }
#ifndef PARK_WITHOUT_LOOKING
        fi
#endif
    od
}

/* RuntimeCore.work, run, yield, suspend: a worker's thread. What the process's body does is left open. */
active [2] proctype Worker() {
    byte taken, outcome;
    mtype oldState, to;
    byte oldNewest;
end:
    do
    :: atomic {
            queue?_ ->
            queued--; threads++;
            assert(threads == 1 && state == runnable)
        }
        /* run */
        receiveAs(running);
        do
        :: pendingExit -> finish(); break
        :: !pendingExit && mailbox > 0 -> atomic { mailbox--; waitsFor = free }
        :: !pendingExit && isReady[generation] -> atomic { isReady[generation] = false; waitsFor = free }
        :: !pendingExit && yields > 0 ->
            /* yield */
            yields--;
            receive();
            if
            :: pendingExit -> skip
            :: else ->
                atomic {
                    assert(state == running || state == runningNotified);
                    threads--; state = runnable;
                    enqueue()
                }
                break
            fi
        :: atomic { !pendingExit && mailbox == 0 -> waitsFor = message; to = waitingForMessages };
            /* suspend */
            beginWait(to, outcome);
            if
            :: outcome == 0 -> break
            :: else -> skip
            fi
        :: atomic { !pendingExit && !isReady[generation] -> waitsFor = wake; to = waitingForSignals };
            beginWait(to, outcome);
            if
            :: outcome == 0 -> break
            :: else -> skip
            fi
        :: !pendingExit && generation == 1 -> finish(); break
        od;
        /* Nothing is kept from one process to the next; saying so spares the checker states. */
        atomic { outcome = 0; oldNewest = 0; oldState = free; to = free }
    od
}

/* Runtime.wake(_:), RuntimeCore.wakeState(_:): a timer, the reactor or a job that is done. */
proctype Waker() {
    mtype oldState, newState;
    byte oldNewest;
    bool queues, refused, done;
    isReady[1] = true;
    atomic { oldState = state; oldNewest = newest }
    do
    :: done -> break
    :: else ->
        atomic {
            after(oldState, wake, newState, queues, refused);
            done = generation != 1 || refused
        }
        atomic {
            if
            :: done -> skip
            :: !done && state == oldState && newest == oldNewest ->
                state = newState; done = true;
                if
                :: queues -> enqueue()
                :: else -> skip
                fi
            :: else -> oldState = state; oldNewest = newest
            fi
        }
    od
}

/* Process.send(_:tag:data:attachments:), Process.monitor(_:alias:), Process.exit(_:_:kill:). */
proctype Sender(byte node; mtype what; byte whose) {
    mtype oldState, newState, event;
    byte oldNewest;
    bool queues, refused, done, gone;
    atomic {
        kind[node] = what; target[node] = whose;
        if
        :: what == monitor -> monitorsSent++
        :: else -> skip
        fi;
        if
        :: what == data -> event = message
        :: else -> event = signal
        fi
    }
    push(node, whose, event, gone);
    atomic {
        if
        :: gone && what == monitor -> monitorsAnswered++
        :: !gone && what == kill -> killPushed[whose] = true
        :: else -> skip
        fi
    }
}

init {
    atomic {
        generation = 1;
        state = runnable; queued = 1; queue!1;
#if SCENARIO == 1
        run Sender(1, data, 1);
        run Sender(2, kill, 1);
#elif SCENARIO == 2
        run Sender(1, monitor, 1);
        run Sender(2, data, 2);
#elif SCENARIO == 3
        run Sender(1, data, 1);
        run Waker();
#elif SCENARIO == 4
        run Sender(1, kill, 1);
        run Sender(2, monitor, 1);
#else
        run Sender(1, kill, 1);
        run Waker();
#endif
    }
    /* Nothing can go on any more. */
    timeout ->
    assert(queued == 0 && threads == 0);
    /* No message sits in the mailbox of a process that waits for messages, nor in its queue. */
    assert(state != waitingForMessages || (newest == 0 && mailbox == 0));
    assert(state == waitingForMessages || state == waitingForSignals || state == free);
    /* No wake-up is lost. */
    assert(!(generation == 1 && state == waitingForSignals && waitsFor == wake && isReady[1]));
    /* A process that was killed has ended. */
    assert(!killPushed[1] || generation != 1);
    /* Every monitor has been answered, or its process lives. */
    assert(monitorsAnswered + watchers == monitorsSent)
}
