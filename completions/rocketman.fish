# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rocketman_global_optspecs
    string join \n q/quiet v/verbose log-format= progress= color= h/help V/version
end

function __fish_rocketman_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rocketman_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rocketman_using_subcommand
    set -l cmd (__fish_rocketman_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rocketman -n "__fish_rocketman_needs_command" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_needs_command" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_needs_command" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_needs_command" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_needs_command" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_needs_command" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_needs_command" -f -a "tail" -d 'Stream events to stdout, a file or a program'
complete -c rocketman -n "__fish_rocketman_needs_command" -f -a "probe" -d 'Look at servers: are they there, how far behind, how far back'
complete -c rocketman -n "__fish_rocketman_needs_command" -f -a "cursor" -d 'Look at a cursor, or move it'
complete -c rocketman -n "__fish_rocketman_needs_command" -f -a "serve" -d 'Serve recordings, a live stream or invented events, as a Jetstream of your own'
complete -c rocketman -n "__fish_rocketman_needs_command" -f -a "check" -d 'Check recordings: whole, how many events, in which order, any repeats'
complete -c rocketman -n "__fish_rocketman_needs_command" -f -a "compare" -d 'Compare two servers or recordings: what one of them misses'
complete -c rocketman -n "__fish_rocketman_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c rocketman -n "__fish_rocketman_needs_command" -f -a "man" -d 'Print a page of the manual, or write all of them'
complete -c rocketman -n "__fish_rocketman_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s c -l collection -d 'Only records of this collection, or of all with a prefix: \'app.bsky.feed.*\' (can be repeated)' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s d -l did -d 'Only this account, or those listed in @FILE, or @- for stdin (can be repeated)' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s k -l kind -d 'Only this kind of event (can be repeated)' -r -f -a "all\t''
commit\t''
identity\t''
account\t''
sync\t''"
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l op -d 'Only commits with this operation (can be repeated)' -r -f -a "create\t''
update\t''
delete\t''"
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l shard -d 'Only the accounts of this shard: 1/4 is the first of four' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l max-message-size -d 'Leave out events whose JSON is larger than this' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l since -d 'Begin at this time or age: 2026-11-23T10:00:00Z, or 2h' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l cursor-file -d 'Go on from this file, and keep it up to date' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l cursor -d 'Begin at this cursor: a server\'s number, microseconds since 1970, a time, or an age' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l begin -d 'Begin here where nothing was saved yet: what --cursor takes, or \'oldest\'' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l on-gap -d 'What to do when the server no longer has what was asked for' -r -f -a "warn\t'Say it and go on'
fail\t'Say it and end with exit code 4'"
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l save-interval -d 'Save the cursor file this often while it changes' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l rewind -d 'Go back this far from the highest time that was read where a resume is by time' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l cursor-kv -d 'Go on from this key in a bucket of NATS, and keep it up to date' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s o -l output -d 'Append to this file, or to those of a pattern, and not to stdout' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s x -l exec -d 'Run this program for each event; takes the rest of the line, up to a lone \';\'' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l format -d 'Write events as json, human, csv, or by a template' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l fields -d 'Write these fields of each event, separated by commas, with --format csv or tsv' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l bad-events -d 'Append messages from the server that are no events to this file' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l rotate-size -d 'Begin a new file when one has this many bytes, such as 64M or 1G' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l rotate-every -d 'Begin a new file at each multiple of this, such as 15m, by the server\'s time of the events' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l rotate-count -d 'Begin a new file when one has this many events' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l compression-level -d 'Compress files that end in .zst (1 to 22) or .gz (1 to 9) this much' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l checkpoint -d 'Make compressed files durable after this much input, this long, or both: 1M, 5s or 1M,5s' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l max-files -d 'Give at most this many collections a file of their own at once' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l max-open-files -d 'Keep at most this many files open at once, one for each collection' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l on-disk-full -d 'What to do when the disk is full' -r -f -a "fail\t'End with exit code 1, as by default'
wait\t'Say so, and try again until there is room'"
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l exec-mode -d 'Run a program for each event, or one that lives on and takes one line after the other' -r -f -a "event\t'A program for each event'
stream\t'Programs that live on'"
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l in-flight -d 'Let a program of --exec-mode stream have so many events that it has not answered' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s j -l jobs -d 'Run so many programs at the same time' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l exec-timeout -d 'Allow a program this long for an event' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l exec-retries -d 'Try an event that failed this many times more' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l on-exec-error -d 'Do this when an event failed for good: stop, skip or dead-letter=FILE' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s n -l count -d 'End after this many events' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l until -d 'End with the events before this time; an age such as 5m is allowed too' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l duration -d 'End after this time' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l idle-timeout -d 'End with exit code 5 when no event came for this long' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l max-lag -d 'End with exit code 5 when the stream is read further behind than this' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l grace -d 'Allow this long for the rest to be delivered when asked to stop' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l envelope -d 'Put messages into an envelope, or leave them as they are [default: auto]' -r -f -a "always\t'Each is put into an envelope'
auto\t'Each that is not an event of a Jetstream is put into an envelope'
never\t'Each is a line as it is'"
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l lag -d 'Deliver each message only when it is this old' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l durable -d 'Share a durable consumer of this name with other workers' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l on-undeliverable -d 'Do this with a message of --durable that cannot be delivered: keep, stop, skip or dead-letter=FILE' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l max-retries -d 'Give up after this many failed tries in a row; 0 for none' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l max-backoff -d 'Wait at most this long between two tries' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l connect-timeout -d 'Allow this long for a connection to open' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l frame-timeout -d 'Reconnect when nothing at all was received for this long' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l quiet-timeout -d 'Try the next server when this one answers and brings no event for this long [default: 60s]' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l max-frame-size -d 'Refuse messages from the server that are larger than this' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l threads -d 'Inflate on so many cores, 1 or 2, where many events are ready' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l context -d 'Use this context of the nats command, or the one in this file' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l creds -d 'Log in with this credentials file' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l nkey -d 'Log in with the nkey whose seed is in this file' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l tlscert -d 'Show this certificate to the server' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l tlskey -d 'The key of that certificate' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l tlsca -d 'Trust the certificates in this file, instead of the platform\'s' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l js-domain -d 'The JetStream domain' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l js-api-prefix -d 'What requests to JetStream begin with, instead of $JS.API' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l inbox-prefix -d 'What inboxes begin with, instead of _INBOX' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l connection-name -d 'How the connection is called in the server\'s lists [default: rocketman]' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l nats-timeout -d 'How long a server may take for an answer [default: 5s]' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l partitions -d 'Put one of N partitions into the subjects, by account' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l publish-window -d 'Have at most so many messages on their way to the stream [default: 1024]' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l stream-storage -d 'Keep the stream that is made in files or in memory' -r -f -a "file\t'In files'
memory\t'In memory, where it is gone with the server'"
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l stream-replicas -d 'Keep the stream that is made on so many servers of a cluster' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l stream-max-age -d 'Have the stream that is made keep messages for so long; 0s means for ever' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l stream-max-bytes -d 'Have the stream that is made keep at most so many bytes' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l stream-max-msgs -d 'Have the stream that is made keep at most so many messages' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l stream-discard -d 'What the stream that is made does at these limits' -r -f -a "old\t'Discard its oldest messages'
new\t'Refuse new messages'"
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l stream-dupe-window -d 'For how long the server knows duplicates in the stream that is made' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l metrics-addr -d 'Serve metrics and a health check over HTTP at this address' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l allow-host -d 'Answer requests for the metrics page that name this host (can be repeated)' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l lag-alert -d 'Say it on stderr when the stream is read further behind than this, and when it no longer is' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l fate -d 'Have each delivery fail with this probability, after it succeeded and before it counts' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l fate-seed -d 'Choose which deliveries fail: the same of the same events for the same number' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l create-bucket -d 'Make the bucket if it is not there'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l no-header -d 'Write no row of names before the rows of --fields'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l raw -d 'Write the server\'s payload byte for byte'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s 0 -l print0 -d 'End each event with NUL instead of a line end'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l validate -d 'Check that each event is valid JSON to its end, and drop those that are not'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l no-output -d 'Drop what programs print'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s e -l exit-at-end -d 'End once everything up to the moment of the start was read'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l no-compress -d 'Do not ask the server for compressed events'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l no-context -d 'Use no context, not even the selected one'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l tlsfirst -d 'Begin with TLS before the server has said anything'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -l create-stream -d 'Make the stream if it is not there'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_using_subcommand tail" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_using_subcommand probe" -l timeout -d 'Allow this long for each server' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand probe" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_using_subcommand probe" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand probe" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand probe" -l json -d 'Print one JSON object a line for each server instead of a table'
complete -c rocketman -n "__fish_rocketman_using_subcommand probe" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_using_subcommand probe" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_using_subcommand probe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_using_subcommand probe" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and not __fish_seen_subcommand_from show set rewind help" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and not __fish_seen_subcommand_from show set rewind help" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and not __fish_seen_subcommand_from show set rewind help" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and not __fish_seen_subcommand_from show set rewind help" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and not __fish_seen_subcommand_from show set rewind help" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and not __fish_seen_subcommand_from show set rewind help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and not __fish_seen_subcommand_from show set rewind help" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and not __fish_seen_subcommand_from show set rewind help" -f -a "show" -d 'Show where a cursor stands'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and not __fish_seen_subcommand_from show set rewind help" -f -a "set" -d 'Set a cursor to a time or a number'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and not __fish_seen_subcommand_from show set rewind help" -f -a "rewind" -d 'Move a cursor back in time'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and not __fish_seen_subcommand_from show set rewind help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l context -d 'Use this context of the nats command, or the one in this file' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l creds -d 'Log in with this credentials file' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l nkey -d 'Log in with the nkey whose seed is in this file' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l tlscert -d 'Show this certificate to the server' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l tlskey -d 'The key of that certificate' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l tlsca -d 'Trust the certificates in this file, instead of the platform\'s' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l js-domain -d 'The JetStream domain' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l js-api-prefix -d 'What requests to JetStream begin with, instead of $JS.API' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l inbox-prefix -d 'What inboxes begin with, instead of _INBOX' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l connection-name -d 'How the connection is called in the server\'s lists [default: rocketman]' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l nats-timeout -d 'How long a server may take for an answer [default: 5s]' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l no-context -d 'Use no context, not even the selected one'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l tlsfirst -d 'Begin with TLS before the server has said anything'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -l json -d 'Show it as one JSON object on one line'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l context -d 'Use this context of the nats command, or the one in this file' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l creds -d 'Log in with this credentials file' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l nkey -d 'Log in with the nkey whose seed is in this file' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l tlscert -d 'Show this certificate to the server' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l tlskey -d 'The key of that certificate' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l tlsca -d 'Trust the certificates in this file, instead of the platform\'s' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l js-domain -d 'The JetStream domain' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l js-api-prefix -d 'What requests to JetStream begin with, instead of $JS.API' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l inbox-prefix -d 'What inboxes begin with, instead of _INBOX' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l connection-name -d 'How the connection is called in the server\'s lists [default: rocketman]' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l nats-timeout -d 'How long a server may take for an answer [default: 5s]' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l source -d 'The server that the number is of, or that is to be read first' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l no-context -d 'Use no context, not even the selected one'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l tlsfirst -d 'Begin with TLS before the server has said anything'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -l forget-files -d 'Move it although it counts on output files, which then may hold events twice, or not at all'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from set" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l context -d 'Use this context of the nats command, or the one in this file' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l creds -d 'Log in with this credentials file' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l nkey -d 'Log in with the nkey whose seed is in this file' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l tlscert -d 'Show this certificate to the server' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l tlskey -d 'The key of that certificate' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l tlsca -d 'Trust the certificates in this file, instead of the platform\'s' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l js-domain -d 'The JetStream domain' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l js-api-prefix -d 'What requests to JetStream begin with, instead of $JS.API' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l inbox-prefix -d 'What inboxes begin with, instead of _INBOX' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l connection-name -d 'How the connection is called in the server\'s lists [default: rocketman]' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l nats-timeout -d 'How long a server may take for an answer [default: 5s]' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l no-context -d 'Use no context, not even the selected one'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l tlsfirst -d 'Begin with TLS before the server has said anything'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -l forget-files -d 'Move it although it counts on output files, which then may hold events twice, or not at all'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from rewind" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show where a cursor stands'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from help" -f -a "set" -d 'Set a cursor to a time or a number'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from help" -f -a "rewind" -d 'Move a cursor back in time'
complete -c rocketman -n "__fish_rocketman_using_subcommand cursor; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l listen -d 'Listen at this address' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l allow-host -d 'Answer requests that name this host (can be repeated)' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l allow-origin -d 'Let web pages of this origin connect (can be repeated)' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l store -d 'Keep a live stream in this folder, and go on from there at the next start' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l retain -d 'Keep so much of a live stream: a time, a size, or both as in 36h,100G [default: 10G, or 1G without --store]' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l begin -d 'Begin here where nothing is kept yet: a cursor, a time, an age, or \'oldest\'' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -s c -l collection -d 'Keep only records of this collection, or of all with a prefix: \'app.bsky.feed.*\' (can be repeated)' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -s d -l did -d 'Keep only this account, or those listed in @FILE (can be repeated)' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -s k -l kind -d 'Keep only this kind of event (can be repeated)' -r -f -a "all\t''
commit\t''
identity\t''
account\t''
sync\t''"
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l speed -d 'Play recordings so many times as fast as they were made, or max for no waits' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l fault -d 'Make this go wrong, so that you see how your consumer copes (can be repeated)' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l legacy -d 'Speak as servers do that do not number their events'
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l rebase -d 'Give recorded events the time at which they are sent'
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -l loop -d 'Begin anew at the end of recordings'
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -s e -l exit-at-end -d 'End when consumers have everything, and none is left'
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_using_subcommand serve" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_using_subcommand check" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_using_subcommand check" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand check" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand check" -l repair -d 'Cut torn ends off: what lies behind the last whole line, frame or member'
complete -c rocketman -n "__fish_rocketman_using_subcommand check" -l json -d 'Print one JSON object a line for each file'
complete -c rocketman -n "__fish_rocketman_using_subcommand check" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_using_subcommand check" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_using_subcommand check" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -s c -l collection -d 'Only records of this collection, or of all with a prefix: \'app.bsky.feed.*\' (can be repeated)' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -s d -l did -d 'Only this account, or those listed in @FILE, or @- for stdin (can be repeated)' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -s k -l kind -d 'Only this kind of event (can be repeated)' -r -f -a "all\t''
commit\t''
identity\t''
account\t''
sync\t''"
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -l op -d 'Only commits with this operation (can be repeated)' -r -f -a "create\t''
update\t''
delete\t''"
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -l shard -d 'Only the accounts of this shard: 1/4 is the first of four' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -l max-message-size -d 'Leave out events whose JSON is larger than this' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -l since -d 'Compare from this time or age on: 2026-11-23T10:00:00Z, or 2h' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -l until -d 'Compare the events before this time or age' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -l slack -d 'Give an event this long to come from the other, in time of the stream' -r
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -l json -d 'Print each missing event and a summary as JSON, one object a line'
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_using_subcommand compare" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_using_subcommand completions" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_using_subcommand completions" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand completions" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand completions" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_using_subcommand completions" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_using_subcommand completions" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_using_subcommand man" -l dir -d 'Write all pages into this folder instead' -r -F
complete -c rocketman -n "__fish_rocketman_using_subcommand man" -l log-format -d 'Write messages as text or as JSON, one object a line' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rocketman -n "__fish_rocketman_using_subcommand man" -l progress -d 'Show the status line on stderr' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand man" -l color -d 'Colour messages' -r -f -a "auto\t'Where it makes sense'
always\t'Wherever it is possible'
never\t'In no case'"
complete -c rocketman -n "__fish_rocketman_using_subcommand man" -s q -l quiet -d 'Say nothing but errors on stderr'
complete -c rocketman -n "__fish_rocketman_using_subcommand man" -s v -l verbose -d 'Say more on stderr (can be repeated)'
complete -c rocketman -n "__fish_rocketman_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rocketman -n "__fish_rocketman_using_subcommand man" -s V -l version -d 'Print version'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and not __fish_seen_subcommand_from tail probe cursor serve check compare completions man help" -f -a "tail" -d 'Stream events to stdout, a file or a program'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and not __fish_seen_subcommand_from tail probe cursor serve check compare completions man help" -f -a "probe" -d 'Look at servers: are they there, how far behind, how far back'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and not __fish_seen_subcommand_from tail probe cursor serve check compare completions man help" -f -a "cursor" -d 'Look at a cursor, or move it'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and not __fish_seen_subcommand_from tail probe cursor serve check compare completions man help" -f -a "serve" -d 'Serve recordings, a live stream or invented events, as a Jetstream of your own'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and not __fish_seen_subcommand_from tail probe cursor serve check compare completions man help" -f -a "check" -d 'Check recordings: whole, how many events, in which order, any repeats'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and not __fish_seen_subcommand_from tail probe cursor serve check compare completions man help" -f -a "compare" -d 'Compare two servers or recordings: what one of them misses'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and not __fish_seen_subcommand_from tail probe cursor serve check compare completions man help" -f -a "completions" -d 'Print the completions for a shell'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and not __fish_seen_subcommand_from tail probe cursor serve check compare completions man help" -f -a "man" -d 'Print a page of the manual, or write all of them'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and not __fish_seen_subcommand_from tail probe cursor serve check compare completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and __fish_seen_subcommand_from cursor" -f -a "show" -d 'Show where a cursor stands'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and __fish_seen_subcommand_from cursor" -f -a "set" -d 'Set a cursor to a time or a number'
complete -c rocketman -n "__fish_rocketman_using_subcommand help; and __fish_seen_subcommand_from cursor" -f -a "rewind" -d 'Move a cursor back in time'
