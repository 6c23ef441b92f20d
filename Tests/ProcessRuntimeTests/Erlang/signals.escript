#!/usr/bin/env escript
%%! +S 1:1 +SDcpu 1:1 +SDio 1 +A 1
%% Runs programs of links, monitors, exits, names and aliases on Erlang's own processes: a program a line on standard input, what
%% came of each a line on standard output. SignalProgram.swift tells the language.
%%
%% One scheduler, and the processes have a higher priority than who drives them: when that one runs, nothing is under way.
-mode(compile).

main(_) ->
    ok = io:setopts(standard_io, [binary, {encoding, latin1}]),
    lines().

lines() ->
    case io:get_line(standard_io, <<>>) of
        eof -> ok;
        Line ->
            Steps = [[binary_to_integer(Word) || Word <- binary:split(Step, <<" ">>, [global])]
                     || Step <- binary:split(string:trim(Line), <<";">>, [global])],
            ok = file:write(standard_io, [lists:join($;, program(Steps)), $\n]),
            lines()
    end.

%% slots: who has a slot, or had it last. ids: processes' numbers. refs: the numbers of monitors and aliases, and whose they are.
-record(world, {slots = #{}, ids = #{}, alive = #{}, refs = #{}, numbers = #{}, drops = none}).

program(Steps) ->
    First = lists:foldl(fun(Slot, World) -> born(spawn_opt(fun idle/0, [{priority, high}]), Slot, Slot, World) end,
                        #world{}, [0, 1, 2]),
    {Lines, Last} = lists:mapfoldl(fun step/2, {3, First}, Steps ++ [[16, Slot] || Slot <- lists:seq(0, 5)]),
    {_, World} = Last,
    Names = [name(World, whereis(atom(Name))) || Name <- [0, 1, 2]],
    maps:foreach(fun(Pid, _) -> exit(Pid, kill), receive {'DOWN', _, process, Pid, _} -> ok end end, World#world.alive),
    Lines ++ Names.

born(Pid, Slot, Id, World) ->
    monitor(process, Pid),
    World#world{slots = (World#world.slots)#{Slot => Pid}, ids = (World#world.ids)#{Pid => Id},
                alive = (World#world.alive)#{Pid => Id}}.

%% A step's line: what the call returned, and who ended.
step(Step, {Number, World}) ->
    {Result, Next} = act(Step, Number, World),
    {Deaths, After} = deaths([], Next),
    {[Result | [[" ", integer_to_list(Id), "+", reason(Reason)] || {Id, Reason} <- lists:sort(Deaths)]],
     {Number + 1, After}}.

deaths(Found, World) ->
    receive
        {'DOWN', _, process, Pid, Reason} when is_map_key(Pid, World#world.alive) ->
            {Id, Alive} = maps:take(Pid, World#world.alive),
            deaths([{Id, Reason} | Found], World#world{alive = Alive})
    after 0 -> {Found, World}
    end.

act([0, A, Slot, Flags], Number, World) ->
    case is_map_key(maps:get(Slot, World#world.slots, none), World#world.alive) of
        true -> {"-", World};
        false ->
            case by(A, World, {spawn, Flags}) of
                {Pid, Ref} -> {"ok", reference(Ref, Number, slot(A, World), born(Pid, Slot, Number, World))};
                none -> {"-", World}
            end
    end;
act([3, A, B, Alias], Number, World) ->
    case at(B, World, fun(Target) -> by(A, World, {monitor, Target, Alias}) end) of
        none -> {"-", World};
        Ref -> {"ok", reference(Ref, Number, slot(A, World), World)}
    end;
act([4, Number, Flush], _, World) ->
    case is_lasting(Number, World) of
        true -> {"-", World};
        false -> {of_owner(Number, World, fun(Ref) -> {demonitor, Ref, Flush} end), World}
    end;
act([10, A, Number], _, World) ->
    case World#world.refs of
        #{Number := {Ref, Owner}} ->
            Result = plain(by(A, World, {send, Ref, Number})),
            %% A monitor's alias is for one message, and the monitor stands.
            Ends = Result =/= "-" andalso is_map_key(Owner, World#world.alive) andalso not is_lasting(Number, World),
            if Ends -> ask(Owner, {unalias, Ref}); true -> ok end,
            {Result, World};
        _ -> {"-", World}
    end;
act([14, A], Number, World) ->
    case by(A, World, alias) of
        none -> {"-", World};
        Ref ->
            Next = reference(Ref, Number, slot(A, World), World),
            {"ok", Next#world{numbers = (Next#world.numbers)#{{lasting, Number} => true}}}
    end;
act([15, Number], _, World) ->
    case is_lasting(Number, World) of
        true -> {of_owner(Number, World, fun(Ref) -> {unalias, Ref} end), World};
        false -> {"-", World}
    end;
act([16, A], _, World) ->
    case by(A, World, drain) of
        none -> {"-", World};
        Messages -> {["[", lists:join(" ", order([item(Each, World) || Each <- Messages])), "]"], World}
    end;
act([13, A, Name], _, World) ->
    case by(A, World, {whereis, Name}) of
        none -> {"-", World};
        {found, Pid} -> {name(World, Pid), World}
    end;
act([1, A, B], _, World) -> {two(A, B, World, fun(Target) -> {link, Target} end), World};
act([2, A, B], _, World) -> {two(A, B, World, fun(Target) -> {unlink, Target} end), World};
act([5, A, On], _, World) -> {plain(by(A, World, {trap, On})), World};
act([6, A, Reason], _, World) -> {plain(by(A, World, {exit, Reason})), World};
act([7, A, B, Reason], _, World) -> {two(A, B, World, fun(Target) -> {exit, Target, Reason} end), World};
act([8, A, B], Number, World) -> {two(A, B, World, fun(Target) -> {send, Target, Number} end), World};
act([9, A, Name], Number, World) -> {plain(by(A, World, {send, atom(Name), Number})), World};
act([11, A, Name, B], _, World) -> {two(A, B, World, fun(Target) -> {register, Name, Target} end), World};
act([12, A, Name], _, World) -> {plain(by(A, World, {unregister, Name})), World};
act([17, A, B], _, World) -> {two(A, B, World, fun(Target) -> {alive, Target} end), World};
act([18], _, World) -> {"-", World}.

slot(A, World) -> maps:get(A, World#world.slots, none).
is_lasting(Number, World) -> is_map_key({lasting, Number}, World#world.numbers).
reference(none, _, _, World) -> World;
reference(Ref, Number, Owner, World) ->
    World#world{refs = (World#world.refs)#{Number => {Ref, Owner}}, numbers = (World#world.numbers)#{Ref => Number}}.

at(B, World, Do) ->
    case slot(B, World) of none -> none; Target -> Do(Target) end.
two(A, B, World, Request) -> plain(at(B, World, fun(Target) -> by(A, World, Request(Target)) end)).
by(A, World, Request) ->
    Pid = slot(A, World),
    case is_map_key(Pid, World#world.alive) of true -> ask(Pid, Request); false -> none end.
of_owner(Number, World, Request) ->
    case World#world.refs of
        #{Number := {Ref, Owner}} when is_map_key(Owner, World#world.alive) -> plain(ask(Owner, Request(Ref)));
        _ -> "-"
    end.
ask(Pid, Request) ->
    Pid ! {ask, self(), Request},
    erlang:yield(),
    receive {answer, Answer} -> Answer after 0 -> gone end.

plain(none) -> "-";
plain(Result) -> atom_to_list(Result).
name(_, undefined) -> "none";
name(World, Pid) -> integer_to_list(maps:get(Pid, World#world.ids)).

%% Between senders there is no order, and a death's DOWNs come in any.
order(Items) -> texts(lists:keysort(1, Items)).
texts([]) -> [];
texts([{Sender, down, _, _} | _] = Items) ->
    {Downs, Others} = lists:splitwith(fun({From, Kind, _, _}) -> From =:= Sender andalso Kind =:= down end, Items),
    [Text || {_, _, _, Text} <- lists:sort(Downs)] ++ texts(Others);
texts([{_, _, _, Text} | Others]) -> [Text | texts(Others)].

item({data, Pid, Number}, World) ->
    Id = maps:get(Pid, World#world.ids),
    {Id, data, Number, io_lib:format("d~b:~b", [Id, Number])};
item({'EXIT', Pid, Reason}, World) ->
    Id = maps:get(Pid, World#world.ids),
    {Id, exit, 0, io_lib:format("x~b:~s", [Id, reason(Reason)])};
item({'DOWN', Ref, process, Pid, Reason}, World) ->
    Id = maps:get(Pid, World#world.ids),
    Number = maps:get(Ref, World#world.numbers),
    {Id, down, Number, io_lib:format("w~b:~b:~s", [Id, Number, reason(Reason)])}.

reason({bytes, Number}) -> "b" ++ integer_to_list(Number);
reason(Reason) when is_atom(Reason) -> atom_to_list(Reason);
reason(Reason) -> io_lib:format("~0p", [Reason]).

%% The processes. What is not asked by the driver stays in the mailbox until they are told to drain it.

idle() ->
    receive
        {ask, Driver, {exit, Pid, Reason}} when Pid =/= self() ->
            %% Before, for who is linked may not come to answer.
            Driver ! {answer, ok},
            exit(Pid, term(Reason)),
            idle();
        {ask, Driver, Request} ->
            Driver ! {answer, do(Request)},
            idle()
    end.

trapping(Flags) ->
    process_flag(trap_exit, Flags band 4 =/= 0),
    idle().

do({spawn, Flags}) ->
    Options = [link || Flags band 1 =/= 0] ++ [monitor || Flags band 2 =/= 0] ++ [{priority, high}],
    case spawn_opt(fun() -> trapping(Flags) end, Options) of
        {Pid, Ref} -> {Pid, Ref};
        Pid -> {Pid, none}
    end;
do({link, Pid}) -> try link(Pid), ok catch error:noproc -> noproc end;
do({unlink, Pid}) -> unlink(Pid), ok;
do({monitor, Pid, 0}) -> monitor(process, Pid);
do({monitor, Pid, 1}) -> monitor(process, Pid, [{alias, demonitor}]);
do({demonitor, Ref, 0}) -> demonitor(Ref), ok;
do({demonitor, Ref, 1}) -> demonitor(Ref, [flush]), ok;
do({trap, On}) -> process_flag(trap_exit, On =:= 1), ok;
do({exit, Reason}) -> exit(term(Reason));
do({exit, Pid, Reason}) -> exit(Pid, term(Reason)), ok;
do({send, To, Number}) -> try To ! {data, self(), Number}, ok catch error:badarg -> badarg end;
do({register, Name, Pid}) ->
    %% A process has one name at most here; that is not what is compared.
    case process_info(Pid, registered_name) of
        {registered_name, _} -> named;
        _ -> try register(atom(Name), Pid), ok catch error:badarg -> badarg end
    end;
do({unregister, Name}) -> try unregister(atom(Name)), ok catch error:badarg -> badarg end;
do({whereis, Name}) -> {found, whereis(atom(Name))};
do(alias) -> alias();
do({unalias, Ref}) -> unalias(Ref), ok;
do({alive, Pid}) -> is_process_alive(Pid);
do(drain) -> drain().

drain() -> receive Message -> [Message | drain()] after 0 -> [] end.

atom(Name) -> element(Name + 1, {name0, name1, name2}).
term(Reason) when Reason < 5 -> element(Reason + 1, {normal, shutdown, kill, killed, noproc});
term(Reason) -> {bytes, Reason}.
