/* Two workers that run out of work and sleep, and whoever wakes them: no process stays queued while both sleep.

   Rings and the overflow queue are counts here. Loads that the program makes one after the other are steps of their own. The program
   reads some of them without a fence and lets the ticker repair what that misses (RuntimeCore.help); here they are in order.

   SCENARIO 1 and 2 choose where work comes from. Planted faults: SLEEP_WITHOUT_LOOKING, NO_ADOPTION, WAKE_FIRST, TWO_POLLERS, NO_SECOND_LOOK. */

#define NOBODY 2

byte ring[2];                   /* WorkerState.woken and preempted */
byte overflow = 0;              /* RuntimeCore.overflow */
byte idleCount = 0;
bool sleeper[2];                /* RuntimeCore.Idle.sleepers */
byte poller = NOBODY;           /* RuntimeCore.Idle.poller */
bool isCalled = false;          /* RuntimeCore.Idle.isPollerCalled */
byte searching = 0;
bool woken[2];                  /* ThreadState.parker: a wake-up that is kept */
bool interrupted = false;       /* Reactor.interrupt */

byte made = 0;                  /* processes made runnable */
byte ran = 0;

/* RuntimeCore.hasWork. */
inline hasWork() {
#if SCENARIO == 1
    yes = overflow > 0                          /* the rings stay empty */
#else
    yes = overflow > 0;
    yes = yes || ring[0] > 0;
    yes = yes || ring[1] > 0
#endif
}

/* RuntimeCore.wakeIdle and wakeOne. */
inline wakeIdle() {
    do
    :: idleCount == 0 -> break
    :: else ->
        atomic {
            if
            :: searching == 0 -> searching = 1; mine = true
            :: else -> mine = false
            fi
        }
        if
        :: !mine -> break
        :: else ->
            atomic {
                choice = NOBODY; choseIt = false;
                if
                :: sleeper[0] -> choice = 0; sleeper[0] = false; idleCount--
                :: !sleeper[0] && sleeper[1] -> choice = 1; sleeper[1] = false; idleCount--
#ifdef TWO_POLLERS
                :: !sleeper[0] && !sleeper[1] && poller != NOBODY -> poller = NOBODY; choseIt = true; idleCount--
#else
                :: !sleeper[0] && !sleeper[1] && poller != NOBODY && !isCalled ->
                    isCalled = true; choseIt = true; idleCount--
#endif
                :: else -> skip
                fi
            }
            if
            :: choice != NOBODY -> woken[choice] = true; break
            :: choseIt -> interrupted = true; break
            :: else ->
                searching--;
#ifdef NO_SECOND_LOOK
                break
#else
                /* Others may have left it to this one to wake somebody, who was not idle yet. */
                hasWork();
                if
                :: !yes -> break
                :: else -> skip
                fi
#endif
            fi
        fi
    od;
    atomic { choice = NOBODY; choseIt = false; mine = false; yes = false }
}

/* RuntimeCore.leaveIdle. */
inline leaveIdle() {
    atomic {
        if
        :: poller == self && !isCalled -> poller = NOBODY; idleCount--; left = true
        :: poller == self && isCalled -> poller = NOBODY; isCalled = false; left = false
        :: sleeper[self] -> sleeper[self] = false; idleCount--; left = true
        :: else -> left = false
        fi
    }
}

/* RuntimeCore.adoptSearch: who woke it has counted it as searching. */
inline adoptSearch() {
#ifndef NO_ADOPTION
    isSearching = true
#else
    skip
#endif
}

/* RuntimeCore.sleep. */
inline sleep() {
    atomic {
        idleCount++;
        if
        :: poller == NOBODY -> poller = self; isPoller = true
        :: else -> sleeper[self] = true; isPoller = false
        fi
    }
    left = false; isDone = false;
#ifndef SLEEP_WITHOUT_LOOKING
    hasWork();
    if
    :: yes ->
        leaveIdle();
        if
        :: left -> isDone = true
        :: !left && isPoller -> adoptSearch(); isDone = true
        :: else -> skip
        fi
    :: else -> skip
    fi;
#endif
    if
    :: isDone -> skip
    :: else ->
end_asleep:
        if
        :: atomic { isPoller && interrupted -> interrupted = false }
        :: atomic { !isPoller && woken[self] -> woken[self] = false }
        fi;
        leaveIdle();
        if
        :: left -> skip
        :: else -> adoptSearch()
        fi
    fi
}

/* RuntimeCore.endSearch. */
inline endSearch() {
    isSearching = false;
    atomic { searching--; others = searching }
    if
    :: found && others == 0 ->
        hasWork();
        if
        :: yes -> wakeIdle()
        :: else -> skip
        fi
    :: else -> skip
    fi
}

/* RuntimeCore.work, take, search, run, pushWoken. */
proctype Worker(bit self; byte spawns) {
    bool yes, mine, choseIt, left, isPoller, isDone, isSearching, found;
    byte choice = NOBODY, others;
    do
    :: true ->
        found = false;
        atomic {
            if
            :: ring[self] > 0 -> ring[self]--; found = true
            :: else -> skip
            fi
        }
        if
        :: !found -> atomic { if :: overflow > 0 -> overflow--; found = true :: else -> skip fi }
        :: else -> skip
        fi;
        if
        :: !found ->
            if
            :: !isSearching -> atomic { isSearching = true; searching++ }
            :: else -> skip
            fi;
            atomic { if :: ring[1 - self] > 0 -> ring[1 - self]--; found = true :: else -> skip fi }
            endSearch();
            if
            :: !found -> sleep()
            :: else -> skip
            fi
        :: else -> skip
        fi;
        if
        :: found ->
            if
            :: isSearching -> endSearch()
            :: else -> skip
            fi;
            ran++;
            if
            :: spawns > 0 ->
                /* pushWoken */
                atomic { spawns--; made++ }
#ifdef WAKE_FIRST
                wakeIdle();
                ring[self]++
#else
                ring[self]++;
                wakeIdle()
#endif
            :: true -> skip
            fi
        :: else -> skip
        fi
    od
}

/* RuntimeCore.submit: a thread without a worker, a timer, a job. */
proctype Outsider(byte times) {
    bool yes, mine, choseIt;
    byte choice = NOBODY;
    do
    :: times == 0 -> break
    :: else ->
        times--;
#ifdef WAKE_FIRST
        atomic { made++ }
        wakeIdle();
        overflow++
#else
        atomic { made++; overflow++ }
        wakeIdle()
#endif
    od
}

init {
    atomic {
#if SCENARIO == 1
        run Worker(0, 0);
        run Worker(1, 0);
        run Outsider(1);
        run Outsider(1)
#else
        run Worker(0, 1);
        run Worker(1, 1);
        run Outsider(1)
#endif
    }
    timeout ->
    assert(ran == made && overflow == 0 && ring[0] == 0 && ring[1] == 0);
    /* Nobody is believed to search: that would keep the next one from being woken. */
    assert(searching == 0 && idleCount == 2)
}
