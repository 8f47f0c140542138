//! What goes wrong at the edges: files, streams of the shell, programs, NATS; and what comes of it.

/// As `FAULTS` of the wire.
#[rustfmt::skip]
pub const EDGES: &[(&str, &str, &str, &[&str])] = &[
    (
        "one file in two roles: output, cursor, its lock, bad events, lists, credentials, a stream that is redirected to it",
        "before anything is opened", "refused (code 2) with both roles; the file is as it was",
        &[
            "usage::roles::a_file_in_two_roles_is_refused_and_left_as_it_was",
            "usage::roles::a_file_that_stdout_goes_to_has_no_other_role",
            "usage::roles::nothing_is_printed_into_a_recording_that_is_read",
            "usage::roles::a_name_that_a_pattern_makes_is_looked_at_when_it_is_made",
        ],
    ),
    (
        "two processes write to one file",
        "at the start", "the second is refused (code 7)",
        &[
            "sink_files::shared::a_second_process_on_a_fixed_path_is_refused",
        ],
    ),
    (
        "`-o`, or another flag that names where something goes, twice",
        "at the start", "refused (code 2)",
        &[
            "usage::repeated::a_flag_that_names_where_something_goes_stands_once",
        ],
    ),
    (
        "stdout is `/dev/null`, or closed",
        "at the start", "no fault; the first message says that no event is kept",
        &[
            "usage::discarded::the_first_message_says_that_stdout_is_discarded",
            "usage::discarded::a_closed_stdout_looks_the_same_and_is_said",
        ],
    ),
    (
        "a program or a reader that is slower than the stream, and large events",
        "at once", "no fault; the stream waits, and memory stays within its bounds",
        &[
            "sink_exec::stream::large_events_do_not_pile_up_before_a_slow_program",
            "sink_stdout::a_slow_reader_costs_no_memory",
        ],
    ),
    (
        "more collections than files are allowed (`{collection}`)",
        "at the file beyond 1,000 (`--max-files`)", "the rest goes to one shared file, said once",
        &[
            "sink_files::many::beyond_the_limit_collections_share_one_file",
            "sink_files::many::with_thousands_of_files_a_stop_stays_within_its_grace",
        ],
    ),
    (
        "a run into a compressed file that gets no event",
        "at its end", "no fault; a fixed `-o FILE.gz` or `.zst` is an empty one that can be inflated, a pattern makes no file",
        &[
            "sink_files::compressed::a_compressed_file_without_events_can_be_inflated",
            "sink_files::compressed::a_pattern_makes_no_file_without_an_event",
        ],
    ),
    (
        "an output with a suffix that is not written (`.xz`, `.tgz`)",
        "at the start", "refused (code 2)",
        &[
            "sink_files::compressed::a_suffix_that_is_not_written_is_refused",
        ],
    ),
    (
        "an event whose time lies more than a day ahead of both clocks",
        "at that event", "it goes to the file of the event before it, said once",
        &[
            "sink_files::future::an_event_from_the_future_takes_no_names_there",
            "sink_files::future::a_first_event_from_the_future_counts_as_now",
        ],
    ),
    (
        "a link, a pipe or a device in place of a cursor or of what is made beside it",
        "at the start", "refused (code 2), not followed and not waited for",
        &[
            "cursor::neighbours::a_pipe_in_place_of_a_cursor_is_refused_and_never_awaited",
            "cursor::neighbours::a_link_beside_a_cursor_is_refused_and_left_alone",
        ],
    ),
    (
        "a pipe with a name, to which nobody writes, as a recording to compare",
        "never", "waited for until somebody does, or a signal ends it",
        &[
            "compare::recorded::a_pipe_that_nobody_writes_to_is_waited_for_until_a_signal",
        ],
    ),
    (
        "a proxy that cannot be used (`ALL_PROXY=socks5://…`)",
        "where a connection would use it", "refused with the variable's name; no matter for `demo:`, loopback and `NO_PROXY`",
        &[
            "connection::an_unusable_proxy_is_said_where_it_would_be_used",
            "connection::an_unusable_proxy_is_no_matter_where_none_is_needed",
            "connection::hosts_in_no_proxy_are_reached_directly",
        ],
    ),
    (
        "control characters in events on a terminal, or in what a NATS server says",
        "at once", "escaped; to pipes and files events go byte by byte",
        &[
            "sink_stdout::a_terminal_is_shown_nothing_that_it_acts_upon",
            "nats::hostile::what_a_server_says_to_a_login_is_escaped",
            "nats::hostile::what_a_server_says_to_a_request_is_escaped",
        ],
    ),
    (
        "`serve` and the metrics page: a web page of another origin or under another name asks",
        "at its request", "refused (403), unless `--allow-origin` or `--allow-host` names it",
        &[
            "serve::strangers::a_page_is_refused_unless_its_origin_is_allowed",
            "serve::strangers::a_name_is_refused_unless_it_is_allowed",
        ],
    ),
    (
        "`serve`: many half requests, or consumers that take nothing",
        "5 s", "they are given up; others are served meanwhile, within a budget of memory",
        &[
            "serve::crowd::a_slow_request_is_given_up",
            "serve::crowd::a_thousand_connections_do_not_make_it_grow",
            "serve::crowd::a_reader_that_stops_is_cut_and_named_and_others_read_on",
        ],
    ),
    (
        "an endpoint (`-o https://…`) that is down, slow, or answers 408, 425, 429, 5xx",
        "at once; without an answer 30 s (`--http-timeout`)",
        "tried again within 30 s, or as `Retry-After` asks; accounts that are not affected go on, up to `--max-unanswered`",
        &[
            "http_sink::failing::what_may_pass_is_tried_again_until_it_is_accepted",
            "http_sink::failing::retry_after_is_obeyed",
            "http_sink::failing::no_answer_within_the_timeout_is_a_failure",
            "http_sink::failing::lost_and_closed_connections_lose_nothing",
            "http_sink::failing::an_endpoint_that_is_not_there_yet_is_waited_for",
            "http_sink::accounts_that_fail_do_not_hold_up_others",
            "http_sink::too_much_that_is_unanswered_has_the_stream_wait",
        ],
    ),
    (
        "it answers 400, 413 or 422 to one event among many",
        "at once", "the request is divided until that one is alone; `--on-http-error` decides",
        &[
            "http_sink::failing::a_refused_event_stands_alone_in_the_dead_letters",
            "http_sink::failing::a_refused_event_is_skipped_or_ends_the_run",
            "http_sink::failing::one_that_is_too_large_makes_smaller_requests",
        ],
    ),
    (
        "it answers 401, 404, a redirect, or refuses twenty events in a row",
        "at once",
        "nothing is given up; tried again within 30 s, with a token that was replaced in its file; `--on-http-refusal stop` ends it (code 6)",
        &[
            "http_sink::endpoint::a_refusal_is_waited_out_and_nothing_is_given_up",
            "http_sink::endpoint::a_token_that_is_replaced_in_its_file_is_taken_up",
            "http_sink::endpoint::twenty_refused_events_in_a_row_are_the_endpoints_doing",
            "http_sink::endpoint::with_stop_a_refusal_ends_the_run",
        ],
    ),
    (
        "a program (`-x`) that is not there, or cannot be run",
        "at the start", "refused (code 2)",
        &[
            "usage::program::a_program_that_cannot_start_is_refused_before_anything",
        ],
    ),
    (
        "the reader of a pipe that programs print into leaves",
        "at once", "the same end (code 0) however programs run",
        &[
            "sink_exec::jobs::a_reader_that_leaves_is_the_same_end_however_programs_run",
        ],
    ),
    (
        "a collection of which nothing comes",
        "60 s of the live stream", "one look without the filter, and the nearest name is said, once",
        &[
            "unmatched::a_mistyped_collection_is_told_with_the_nearest_name",
            "unmatched::nothing_is_said_of_a_collection_that_is_seen_or_common",
        ],
    ),
    (
        "NATS: a message that the client library cannot read",
        "at the second connection that it costs", "said, and stepped over; from a work queue nothing is taken for it",
        &[
            "nats::unreadable::a_message_that_the_client_cannot_read_is_stepped_over",
            "nats::unreadable::an_unreadable_message_stays_queued_while_others_flow",
        ],
    ),
    (
        "NATS: a message of a work queue that cannot be delivered",
        "at that message", "given back with growing waits and said once (`--on-undeliverable`); others flow",
        &[
            "nats::queue::nothing_is_taken_out_of_a_queue_that_was_not_delivered",
            "nats::queue::an_undeliverable_message_is_skipped_or_kept_as_asked",
        ],
    ),
    (
        "NATS: a worker that is stopped or killed",
        "at once, or after the server's wait for an acknowledgement", "what it had not begun is given back, what it owed is acknowledged later",
        &[
            "nats::queue::what_a_worker_took_and_did_not_begin_is_given_back",
            "nats::queue::what_is_owed_outlives_a_consumer_that_cannot_be_reopened",
        ],
    ),
    (
        "NATS: credentials that are changed or expire",
        "at the next connection", "read anew for each connection",
        &[
            "nats::rotation::a_jwt_that_expires_is_followed_by_the_one_in_the_file",
            "nats::rotation::an_nkey_file_is_read_anew_for_each_connection",
        ],
    ),
    (
        "NATS: no leader, too many messages at once, or no answer",
        "at once, at the start too", "tried again as after a loss",
        &[
            "nats::unavailable::a_cluster_without_a_leader_is_waited_for_at_the_start",
            "nats::unavailable::too_many_messages_at_once_are_sent_again",
        ],
    ),
    (
        "NATS: a bucket for cursors that does not answer",
        "at the next save", "saves wait, delivery does not",
        &[
            "nats::cursor::a_bucket_that_does_not_answer_does_not_hold_up_delivery",
        ],
    ),
];
