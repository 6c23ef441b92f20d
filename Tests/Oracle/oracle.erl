%% The real OTP side of the differential test of Supervision: runs scenarios on stdlib's own supervisor and writes traces.
%%
%%   erl -noshell -pa DIR -run oracle main SCENARIOS TRACES UNIT_MS SLOTS
%%
%% SCENARIOS holds one Erlang term a line (see Scenario.swift, which prints them). Every scenario is a group of processes
%% of its own; many run at once, because most of their time is waiting. Each step ends when the group is quiet: every
%% process of it waits, has waited since the last look, and everyone's death has been delivered.
%% TRACES gets, for each scenario, `S Number Status`, lines `Step Actor Text`, and `E`.
-module(oracle).
-export([main/1]).

-import(oracle_world, [call/5, collect/1, define/3, is_down/2, name/2, parent/1, stamp/0]).

-define(GROUPS, 1000).
%% Milliseconds in which a group must come to rest.
-define(STUCK, 10000).
-define(LOOK(P), process_info(P, [status, message_queue_len, current_function, reductions, links, monitors])).

main([In, Out, UnitText, SlotsText]) ->
    Unit = list_to_integer(UnitText),
    Slots = list_to_integer(SlotsText),
    {ok, Scenarios} = file:consult(In),
    ok = logger:set_primary_config(level, error),
    [logger:remove_handler(H) || H <- logger:get_handler_ids()],
    %% Their reports ask other processes for their state, out of our sight, while somebody dies.
    ok = logger:set_module_level([proc_lib, gen_server], none),
    ok = logger:add_handler(oracle, oracle_world, #{}),
    calibrate(),
    erlang:trace_pattern({erlang, exit, 2}, true, []),
    {ok, File} = file:open(Out, [write, raw, delayed_write]),
    Gate = spawn_link(fun() -> gate(Slots, queue:new(), queue:new()) end),
    Late = pool(Scenarios, File, Gate, Unit, ?GROUPS, 0, []),
    %% What was too slow for its timers runs again, alone and with more time.
    Gate1 = spawn_link(fun() -> gate(1, queue:new(), queue:new()) end),
    Later = pool(Late, File, Gate1, Unit * 4, ?GROUPS, 0, []),
    [io:format("late ~p~n", [element(2, S)]) || S <- Later],
    ok = file:close(File),
    halt(case Later of [] -> 0; _ -> 3 end).

%% At most Slots groups run at a time, so that nobody is late; those that sleep hold no slot and come first when they wake.
gate(Free, First, Second) ->
    case {Free > 0, queue:out(First), queue:out(Second)} of
        {true, {{value, P}, Rest}, _} -> P ! {self(), go}, gate(Free - 1, Rest, Second);
        {true, _, {{value, P}, Rest}} -> P ! {self(), go}, gate(Free - 1, First, Rest);
        _ ->
            receive
                {enter, P} -> gate(Free, First, queue:in(P, Second));
                {again, P} -> gate(Free, queue:in(P, First), Second);
                leave -> gate(Free + 1, First, Second)
            end
    end.

enter(Gate, How) -> Gate ! {How, self()}, receive {Gate, go} -> ok end.

pool([], _File, _Gate, _Unit, _Free, 0, Late) -> lists:reverse(Late);
pool([S | Rest], File, Gate, Unit, Free, Running, Late) when Free > 0 ->
    Self = self(),
    spawn(fun() ->
        Group = self(),
        {Runner, Monitor} = spawn_monitor(fun() -> enter(Gate, enter), run(S, Unit, Gate, Group) end),
        receive
            {trace, Status, Lines} -> Self ! {finished, S, Status, Lines};
            {'DOWN', Monitor, process, Runner, Why} ->
                Gate ! leave,
                Self ! {finished, S, failed, [io_lib:format("~w~n", [Why])]}
        end
    end),
    pool(Rest, File, Gate, Unit, Free - 1, Running + 1, Late);
pool(Rest, File, Gate, Unit, Free, Running, Late) ->
    receive
        {finished, S, late, _} -> pool(Rest, File, Gate, Unit, Free + 1, Running - 1, [S | Late]);
        {finished, S, Status, Lines} ->
            ok = file:write(File, [io_lib:format("S ~w ~w~n", [element(2, S), Status]), Lines, "E\n"]),
            pool(Rest, File, Gate, Unit, Free + 1, Running - 1, Late)
    end.

%%% One scenario.

run({scenario, Number, Root, Steps}, Unit, Gate, Group) ->
    Tab = ets:new(scenario, [public, ordered_set]),
    Collector = spawn(fun() -> collect(Tab) end),
    Ctx = #{tab => Tab, collector => Collector, unit => Unit, gate => Gate, number => Number},
    define(Ctx, 'r', {r, permanent, false, infinity, supervisor, Root, []}),
    Begin = erlang:monotonic_time(millisecond),
    put(slept, 0),
    put(suspended, []),
    ets:insert(Tab, {step, 0}),
    Parent = spawn(fun() -> parent(Ctx) end),
    ets:insert(Tab, [{{helper, Parent}}, {{helper, Collector}}]),
    Ctx1 = Ctx#{parent => Parent},
    quiet(Ctx1),
    Last = lists:foldl(
        fun(Step, N) ->
            ets:insert(Tab, [{step, N}, {{log, stamp()}, boundary, N}]),
            step(Step, N, Ctx1),
            quiet(Ctx1),
            N + 1
        end, 1, Steps),
    ets:insert(Tab, [{step, Last}, {{log, stamp()}, boundary, Last}]),
    finish(Ctx1),
    Active = erlang:monotonic_time(millisecond) - Begin - get(slept),
    Ref = erlang:trace_delivered(all),
    receive {trace_delivered, all, Ref} -> ok end,
    sync(Collector),
    Lines = lines(Tab),
    cleanup(Ctx1),
    exit(Collector, kill),
    ets:delete(Tab),
    Gate ! leave,
    %% Timers of two units and windows of a second are certain only while the group itself is quick.
    Status = case Active * 10 > Unit * 8 of true -> late; false -> ok end,
    Group ! {trace, Status, Lines}.

sync(Collector) -> Collector ! {sync, self()}, receive synced -> ok end.

step(Step, N, #{tab := Tab} = Ctx) ->
    case Step of
        {crash, Path, K, Reason} -> on(Ctx, worker, Path, K, fun(P) -> P ! {do_exit, Reason} end);
        {kill, Path, K} -> on(Ctx, any, Path, K, fun(P) -> exit(P, kill) end);
        {stranger, Path, K, Reason} -> on(Ctx, supervisor, Path, K, fun(P) -> exit(P, Reason) end);
        %% Until start_link returns, the parent is in it.
        {parent, Reason} ->
            case ets:member(Tab, root_started) of
                true -> maps:get(parent, Ctx) ! {exit_root, Reason};
                false -> ok
            end;
        {suspend, Path, K} ->
            on(Ctx, supervisor, Path, K, fun(P) ->
                case lists:member(P, get(suspended)) of
                    true -> ok;
                    false ->
                        case catch erlang:suspend_process(P) of
                            true -> put(suspended, get(suspended) ++ [P]);
                            _ -> ok
                        end
                end
            end);
        {resume, Path, K} -> on(Ctx, supervisor, Path, K, fun resume/1);
        {go, Path} ->
            case [H || {_, {P, _}} = H <- held_starts(Tab), P =:= Path] of
                [] -> ok;
                [Held | _] -> go(Tab, Held)
            end;
        {call, Path, K, Request} ->
            on(Ctx, supervisor, Path, K, fun(P) ->
                ets:insert(Tab, {{helper, spawn(fun() -> call(Ctx, N, P, Path, Request) end)}})
            end);
        settle -> settle(Ctx);
        sleep -> sleep(Ctx, 2300)
    end.

resume(P) ->
    case lists:member(P, get(suspended)) of
        true ->
            put(suspended, lists:delete(P, get(suspended))),
            catch erlang:resume_process(P);
        false -> ok
    end.

%% The K-th of the living instances of this path, in the order of their starts.
on(#{tab := Tab}, Kind, Path, K, Do) ->
    case [P || [_, P] <- lists:sort(ets:match(Tab, {{instance, Path, '$1'}, '$2'})), not is_down(Tab, P)] of
        [] -> ok;
        Living ->
            P = lists:nth(K rem length(Living) + 1, Living),
            case Kind =:= any orelse ets:lookup(Tab, {kind, P}) =:= [{{kind, P}, Kind}] of
                true -> Do(P);
                false -> ok
            end
    end.

held_starts(Tab) -> [{P, Name} || [Name, P] <- lists:sort(ets:match(Tab, {{held_start, '$1'}, '$2'})), not is_down(Tab, P)].

held_workers(Tab) -> [P || [_, P] <- lists:sort(ets:match(Tab, {{held_worker, '$1'}, '$2'})), not is_down(Tab, P)].

go(Tab, {P, Name}) -> ets:delete(Tab, {held_start, Name}), P ! {go, Name}.

%% Until every timer that can expire has: silence for longer than the longest of them.
settle(#{tab := Tab, unit := Unit} = Ctx) ->
    Before = activity(Tab),
    sleep(Ctx, 7 * Unit),
    quiet(Ctx),
    case activity(Tab) of
        Before -> ok;
        _ -> settle(Ctx)
    end.

activity(Tab) -> ets:info(Tab, size).

sleep(#{gate := Gate}, Ms) ->
    Gate ! leave,
    Begin = erlang:monotonic_time(millisecond),
    timer:sleep(Ms),
    enter(Gate, again),
    put(slept, get(slept) + erlang:monotonic_time(millisecond) - Begin).

finish(#{tab := Tab} = Ctx) ->
    lists:foreach(fun(P) -> resume(P), quiet(Ctx) end, get(suspended)),
    release(Tab, Ctx, fun() -> ets:member(Tab, root_started) end),
    maps:get(parent, Ctx) ! {exit_root, shutdown},
    quiet(Ctx),
    release(Tab, Ctx, fun() -> false end).

release(Tab, Ctx, Enough) ->
    case {Enough(), held_starts(Tab), held_workers(Tab)} of
        {true, _, _} -> ok;
        {false, [], []} -> ok;
        {false, [Start | _], _} -> go(Tab, Start), quiet(Ctx), release(Tab, Ctx, Enough);
        {false, [], [Worker | _]} -> Worker ! {do_exit, shutdown}, quiet(Ctx), release(Tab, Ctx, Enough)
    end.

cleanup(#{tab := Tab}) ->
    Everyone = [P || [P] <- ets:match(Tab, {{helper, '$1'}})] ++ [P || [P] <- ets:match(Tab, {{instance, '_', '_'}, '$1'})],
    [exit(P, kill) || P <- Everyone],
    Monitors = [monitor(process, P) || P <- Everyone],
    [receive {'DOWN', M, _, _, _} -> ok end || M <- Monitors],
    ok.

%%% Quiet: three looks in a row see everyone waiting, nobody having run in between, and every death delivered.

quiet(#{tab := Tab}) -> quiet(Tab, none, 0, erlang:monotonic_time(millisecond) + ?STUCK).

quiet(_, _, 2, _) -> ok;
quiet(Tab, Before, Same, Deadline) ->
    erlang:monotonic_time(millisecond) < Deadline orelse exit({never_quiet, ets:lookup(Tab, step), everyone(Tab)}),
    erlang:yield(),
    case look(Tab) of
        busy -> quiet(Tab, none, 0, Deadline);
        Before -> quiet(Tab, Before, Same + 1, Deadline);
        Now -> quiet(Tab, Now, 0, Deadline)
    end.

%% A look costs the one who is looked at some reductions, always the same; they are taken off again.
look(Tab) ->
    Looks = case get(looks) of undefined -> 1; N -> N + 1 end,
    put(looks, Looks),
    Size = activity(Tab),
    Everyone = [P || [P] <- ets:match(Tab, {{instance, '_', '_'}, '$1'})] ++ [P || [P] <- ets:match(Tab, {{helper, '$1'}})],
    case ets:match(Tab, {{unborn, '$1'}}) of
        [] -> look(Everyone, Tab, get(suspended), Looks * persistent_term:get(oracle_look), [Size]);
        _ -> busy
    end.

everyone(Tab) ->
    Helpers = [P || [P] <- ets:match(Tab, {{helper, '$1'}})],
    Named = [P || [P] <- ets:match(Tab, {{name, '$1'}, '_'})],
    [{name(Tab, P), P, is_down(Tab, P), ?LOOK(P), process_info(P, messages)} || P <- Named ++ Helpers].

calibrate() ->
    P = spawn(fun() -> receive stop -> ok end end),
    timer:sleep(20),
    [_, R1, R2, R3] = [begin [{status, waiting}, _, _, {_, R} | _] = ?LOOK(P), R end || _ <- [1, 2, 3, 4]],
    R1 - R2 =:= R2 - R3 orelse error({looks, R1, R2, R3}),
    P ! stop,
    persistent_term:put(oracle_look, R2 - R1).

look([], _, _, _, Seen) -> Seen;
look([P | Rest], Tab, Suspended, Cost, Seen) ->
    case ?LOOK(P) of
        undefined ->
            case is_down(Tab, P) orelse ets:member(Tab, {helper, P}) of
                true -> look(Rest, Tab, Suspended, Cost, Seen);
                false -> busy
            end;
        [{status, Status}, {_, Length}, {_, Function}, {_, Reductions}, {links, Links}, {monitors, Monitors}] ->
            %% Whoever is in the midst of something may have mail; who is at his loop may not. A link or a monitor of
            %% somebody dead has its signal still to come.
            Rests = case lists:member(P, Suspended) of
                true -> true;
                false ->
                    Status =:= waiting andalso
                        (is_deaf(Function) orelse (Length =:= 0 andalso is_listening(Function)))
            end,
            Owed = lists:any(fun(L) -> is_down(Tab, L) end, Links) orelse
                lists:any(fun({process, M}) -> is_down(Tab, M); (_) -> false end, Monitors),
            case Rests andalso not Owed of
                true -> look(Rest, Tab, Suspended, Cost, [{P, Length, Reductions - Cost} | Seen]);
                false -> busy
            end
    end.

is_deaf({supervisor, _, _}) -> true;
is_deaf({proc_lib, sync_start_link, _}) -> true;
is_deaf({proc_lib, sync_start, _}) -> true;
is_deaf({oracle_world, outcome, _}) -> true;
is_deaf(_) -> false.

%% Where somebody waits for the next thing; who waits elsewhere does so for a server of the system's, which answers.
is_listening({gen_server, loop, _}) -> true;
is_listening({erlang, hibernate, _}) -> true;
is_listening({gen, do_call, _}) -> true;
is_listening({oracle_world, _, _}) -> true;
is_listening(_) -> false.

%%% Traces.

lines(Tab) ->
    All = ets:select(Tab, [{{{log, '$1'}, '$2', '$3'}, [], [{{'$1', '$2', '$3'}}]}]),
    {Lines, _} = lists:foldl(
        fun({_, boundary, N}, {Acc, _}) -> {Acc, N};
           ({_, Actor, Text}, {Acc, Step}) -> {[[integer_to_list(Step), " ", actor(Actor), " ", Text, "\n"] | Acc], Step}
        end, {[], 0}, All),
    lists:reverse(Lines).

actor(A) when is_atom(A) -> atom_to_list(A);
actor(A) -> A.
