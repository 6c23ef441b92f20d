%% What a scenario is made of on OTP's side: stdlib's supervisors with scripted start functions, workers, the parent of the
%% root, callers, and the collector that hears of every death and every exit signal. See oracle.erl.
-module(oracle_world).
-behaviour(supervisor).
-export([call/5, collect/1, define/3, is_down/2, name/2, parent/1, stamp/0]).
%% For supervisor and logger.
-export([init/1, start/2, start/3, log/2]).

-define(LONG, 3600000).

%% Children by their paths, so that start functions find them.
define(#{tab := Tab} = Ctx, Path, Child) ->
    ets:insert(Tab, {{definition, Path}, Child}),
    case element(6, Child) of
        {sup, _, _, _, _, Children} -> [define(Ctx, child(Path, C), C) || C <- Children];
        _ -> ok
    end.

child(Path, Child) -> list_to_atom(atom_to_list(Path) ++ "." ++ atom_to_list(element(1, Child))).

stamp() -> {erlang:monotonic_time(nanosecond), erlang:unique_integer([monotonic])}.

note(Tab, Actor, Text) -> ets:insert(Tab, {{log, stamp()}, Actor, Text}).

is_down(Tab, P) -> ets:member(Tab, {down, P}).

%%% The collector: hears of everyone's death, and of every exit signal that a supervisor sends.

collect(Tab) ->
    receive
        {watch, From, Ref, P} -> monitor(process, P), From ! {Ref, watched};
        {'DOWN', _, process, P, Reason} ->
            Name = name(Tab, P),
            ets:insert(Tab, [{{down, P}}, {{log, stamp()}, ended, [Name, " ", reason(Reason)]}]);
        {trace_ts, From, call, {erlang, exit, [To, Reason]}, Stamp} ->
            ets:insert(Tab, {{log, Stamp}, name(Tab, From), ["signal ", name(Tab, To), " ", reason(Reason)]});
        {sync, From} -> From ! synced;
        _ -> ok
    end,
    collect(Tab).

watch(#{collector := Collector}, P) ->
    Ref = make_ref(),
    Collector ! {watch, self(), Ref, P},
    receive {Ref, watched} -> ok end.

parent(#{tab := Tab} = Ctx) ->
    process_flag(trap_exit, true),
    Result = start(Ctx, 'r'),
    note(Tab, parent, ["root ", started(Tab, Result)]),
    ets:insert(Tab, {root_started}),
    parent_loop(Tab).

parent_loop(Tab) ->
    receive
        {exit_root, Reason} ->
            case ets:match(Tab, {{instance, 'r', '_'}, '$1'}) of
                [[Root]] -> exit(Root, Reason);
                _ -> ok
            end;
        _ -> ok
    end,
    parent_loop(Tab).

%%% Start functions: they run in the supervisor.

start(Ctx, Path) -> start(Ctx, Path, none).

start(#{tab := Tab} = Ctx, Path, Extra) ->
    N = ets:update_counter(Tab, {count, Path}, 1, {{count, Path}, 0}),
    [{_, {_, _, _, _, _, Body, Script}}] = ets:lookup(Tab, {definition, Path}),
    case get(oracle) of
        {_, Actor} -> note(Tab, Actor, ["start ", instance({Path, N}), [[" x", integer_to_list(Extra)] || Extra =/= none]]);
        undefined -> ok
    end,
    outcome(Ctx, {Path, N}, Body, case N > length(Script) of true -> ok; false -> lists:nth(N, Script) end).

outcome(#{tab := Tab} = Ctx, Name, Body, {hold, Then}) ->
    ets:insert(Tab, {{held_start, Name}, self()}),
    receive {go, Name} -> ok end,
    outcome(Ctx, Name, Body, Then);
outcome(_, _, _, {error, E}) -> {error, E};
outcome(_, _, _, {exit, E}) -> exit(E);
outcome(_, _, _, {bad, Term}) -> Term;
outcome(_, _, {worker, _, _}, ignore) -> ignore;
outcome(Ctx, Name, {worker, Stop, Linked}, Outcome) ->
    Self = self(),
    {P, Monitor} = spawn_opt(fun() -> worker(Ctx, Name, Self, Stop, Linked) end, [link, monitor]),
    ets:insert(maps:get(tab, Ctx), [{{instance, element(1, Name), element(2, Name)}, P}, {{name, P}, Name}, {{kind, P}, worker}]),
    watch(Ctx, P),
    P ! {ready, Self},
    receive {P, ready} -> ok end,
    case Outcome of
        ok -> demonitor(Monitor, [flush]), {ok, P};
        {ok, Info} -> demonitor(Monitor, [flush]), {ok, P, Info};
        {dead, Reason} ->
            P ! {do_exit, Reason},
            receive {'DOWN', Monitor, _, _, _} -> {ok, P} end
    end;
outcome(#{tab := Tab} = Ctx, Name, {sup, _, _, _, _, _} = Body, Outcome) ->
    %% Nobody can look at it before it runs.
    ets:insert(Tab, {{unborn, Name}}),
    case supervisor:start_link(?MODULE, {Ctx, Name, Body, Outcome}) of
        {ok, P} when is_tuple(Outcome), element(1, Outcome) =:= ok -> {ok, P, element(2, Outcome)};
        Result -> Result
    end.

worker(#{tab := Tab}, Name, Parent, Stop, Linked) ->
    process_flag(trap_exit, Stop =/= die),
    Linked orelse unlink(Parent),
    receive
        {ready, Parent} -> Parent ! {self(), ready};
        {'EXIT', Parent, Reason} -> exit(Reason)
    end,
    work(Tab, Name, Parent, Stop).

work(Tab, Name, Parent, Stop) ->
    receive
        {do_exit, Reason} -> exit(Reason);
        {'EXIT', Parent, shutdown} ->
            case Stop of
                {trap, Reason} -> exit(Reason);
                hold -> ets:insert(Tab, {{held_worker, Name}, self()})
            end;
        {'EXIT', Parent, Reason} -> exit(Reason);
        _ -> ok
    end,
    work(Tab, Name, Parent, Stop).

init({#{tab := Tab, collector := Collector} = Ctx, {Path, N} = Name, Body, Outcome}) ->
    {sup, Strategy, Intensity, Period, Auto, Children} = Body,
    put(oracle, {Tab, instance(Name)}),
    ets:insert(Tab, [{{instance, Path, N}, self()}, {{name, self()}, Name}, {{kind, self()}, supervisor}]),
    ets:delete(Tab, {unborn, Name}),
    watch(Ctx, self()),
    erlang:trace(self(), true, [call, strict_monotonic_timestamp, {tracer, Collector}]),
    case Outcome of
        ignore -> ignore;
        _ ->
            Flags = #{strategy => Strategy, intensity => Intensity, period => Period, auto_shutdown => Auto},
            {ok, {Flags, [spec(Ctx, Path, C) || C <- Children]}}
    end.

spec(#{unit := Unit} = Ctx, Path, {Id, Restart, Significant, Shutdown, Type, Body, _} = Child) ->
    #{id => Id, start => {?MODULE, start, [Ctx, child(Path, Child)]}, restart => Restart, significant => Significant,
      shutdown => case Shutdown of long -> ?LONG; short -> short(Unit, Path, Body); Other -> Other end,
      type => Type, modules => [?MODULE]}.

%% Different for every level, so that no two timers that are set together expire together.
short(Unit, _, {worker, _, _}) -> 2 * Unit;
short(Unit, 'r', _) -> 5 * Unit;
short(Unit, _, _) -> 3 * Unit.

%%% Reports, in the process that makes them.

log(#{msg := {report, #{label := {supervisor, What}, report := Report}}}, _) when What =/= unexpected_msg ->
    case get(oracle) of
        {Tab, Actor} ->
            Offender = proplists:get_value(offender, Report),
            {_, Id} = lists:keyfind(id, 1, Offender),
            Who = case lists:keyfind(nb_children, 1, Offender) of
                {_, Count} -> ["n=", integer_to_list(Count)];
                false ->
                    case lists:keyfind(pid, 1, Offender) of
                        {_, {restarting, P}} -> ["restarting ", value(Tab, P)];
                        {_, P} -> value(Tab, P);
                        false -> "none"
                    end
            end,
            Context = proplists:get_value(errorContext, Report),
            Why = proplists:get_value(reason, Report),
            note(Tab, Actor, ["report ", atom(Context), " ", value(Tab, Id), " ", Who, " ", reason(Why)]);
        undefined -> ok
    end;
log(_, _) -> ok.

%%% Calls.

call(#{tab := Tab} = Ctx, N, Sup, Path, Request) ->
    Text =
        try
            case Request of
                {start, Child} ->
                    define(Ctx, child(Path, Child), Child),
                    started(Tab, supervisor:start_child(Sup, spec(Ctx, Path, Child)));
                {start_extra, Extra} -> started(Tab, supervisor:start_child(Sup, [Extra]));
                {terminate, Who} -> result(Tab, supervisor:terminate_child(Sup, who(Ctx, Who)));
                {restart, Id} -> started(Tab, supervisor:restart_child(Sup, Id));
                {delete, Id} -> result(Tab, supervisor:delete_child(Sup, Id));
                {get, Who} -> got(Ctx, supervisor:get_childspec(Sup, who(Ctx, Who)));
                which ->
                    All = [["{", value(Tab, Id), " ", value(Tab, P), " ", atom(Type), "}"]
                        || {Id, P, Type, _} <- supervisor:which_children(Sup)],
                    case All of
                        ["{undefined" ++ _ | _] -> lists:sort(All);
                        [[_, "undefined" | _] | _] -> lists:sort([lists:flatten(A) || A <- All]);
                        _ -> All
                    end;
                count ->
                    Counts = supervisor:count_children(Sup),
                    [[" ", integer_to_list(proplists:get_value(K, Counts))] || K <- [specs, active, supervisors, workers]]
            end
        catch
            exit:{Why, {gen_server, call, _}} -> ["exit ", reason(Why)]
        end,
    note(Tab, reply, [integer_to_list(N), " ", Text]).

who(_, Id) when is_atom(Id) -> Id;
who(#{tab := Tab} = Ctx, {pid, Path, N}) ->
    case ets:lookup(Tab, {instance, Path, N}) of
        [{_, P}] -> P;
        [] -> maps:get(parent, Ctx)
    end.

result(_, ok) -> "ok";
result(_, {error, E}) when is_atom(E) -> ["error ", atom(E)];
result(_, {error, _}) -> "error bad".

started(Tab, {ok, P}) -> ["ok ", value(Tab, P)];
started(Tab, {ok, P, Info}) -> ["ok ", value(Tab, P), " ", atom(Info)];
started(_, {error, already_present}) -> "error already_present";
started(Tab, {error, {already_started, P}}) -> ["error already_started ", value(Tab, P)];
started(_, {error, E}) -> ["error ", reason(failure(E))];
started(_, ignore) -> "ignore".

failure({Reason, Child}) when element(1, Child) =:= child -> Reason;
failure(Reason) -> Reason.

got(#{unit := Unit}, {ok, #{id := Id, restart := R, significant := S, shutdown := Shutdown, type := T}}) ->
    Time = case Shutdown of
        ?LONG -> "long";
        T1 when is_integer(T1), T1 =< 5 * Unit -> "short";
        T1 -> atom(T1)
    end,
    ["spec ", [atom(A) ++ " " || A <- [Id, R, S]], Time, " ", atom(T)];
got(_, {error, E}) -> ["error ", reason(E)].

%%% Text.

atom(A) -> atom_to_list(A).

instance({Path, N}) -> atom(Path) ++ "#" ++ integer_to_list(N).

name(Tab, P) ->
    case ets:lookup(Tab, {name, P}) of
        [{_, Name}] -> instance(Name);
        [] -> "stranger"
    end.

value(Tab, P) when is_pid(P) -> name(Tab, P);
value(_, A) when is_atom(A) -> atom(A).

reason({shutdown, {failed_to_start_child, Id, Why}}) -> ["failed(", atom(Id), " ", reason(Why), ")"];
reason({shutdown, X}) -> ["shutdown(", reason(X), ")"];
reason({'EXIT', X}) -> ["crash(", reason(X), ")"];
reason({bad, X}) -> ["bad(", reason(X), ")"];
reason({start_spec, _}) -> "badspec";
reason({supervisor_data, _}) -> "badspec";
reason({bad_start_spec, _}) -> "badspec";
reason(A) when is_atom(A) -> atom(A);
reason(Tuple) when is_tuple(Tuple) -> "badspec".
