//! Everything that goes wrong on the wire, and what comes of it: one table, which is also the one
//! in docs/promises.md.

mod clock;
mod cuts;
mod disk;
mod edges;
mod frames;
mod interrupted;
mod names;
mod order;
mod refusals;
mod silence;
mod slow;

use std::{fs, ops::Range, path::Path, time::Duration};

pub use self::interrupted::{interrupted, script, the_last_of_three, two_and_a_cut, unreachable};
use crate::support::assert_tests_exist;

/// The longest that "at once" may take here: far below every limit of the program, and enough for a
/// busy machine.
pub const AT_ONCE: Duration = Duration::from_secs(5);

/// When a limit of a second has to tell; the clock of these tests starts a little later than the
/// program's.
pub const AT_THE_LIMIT: Range<Duration> = Duration::from_millis(500)..Duration::from_secs(6);

/// What goes wrong, when that is noticed, what comes of it, and where in `tests/it` that is tested.
#[rustfmt::skip]
const FAULTS: &[(&str, &str, &str, &[&str])] = &[
    (
        "the connection ends without a close frame, by FIN or RST, be it in the middle of a frame",
        "at once", "resumed at the last event; half an event is never delivered",
        &[
            "reconnect::lost::an_end_without_a_close_frame_is_resumed",
            "faults::cuts::a_reset_is_resumed",
            "reconnect::lost::a_cut_in_the_middle_of_a_frame_is_resumed",
            "reconnect::lost::a_cut_before_any_event_resumes_10_s_before_the_handshake",
            "reconnect::two_hundred_cuts_change_nothing_in_the_output",
            "reconnect::cuts_change_nothing_on_a_server_that_does_not_count",
        ],
    ),
    (
        "it ends during the HTTP upgrade",
        "at once", "tried again",
        &[
            "faults::cuts::a_cut_in_the_upgrade_is_tried_again",
        ],
    ),
    (
        "the server closes it: code 1000, 1001, 1008, 1011, or one that is never to be sent (1006)",
        "at once", "code and reason are said; resumed at the last event",
        &[
            "reconnect::lost::a_close_is_resumed_and_its_code_and_reason_are_told",
            "faults::cuts::a_close_with_a_code_that_may_not_be_sent_is_a_close_too",
        ],
    ),
    (
        "silence: no event, no ping, no answer to ours",
        "75 s (`--frame-timeout`)", "resumed at the last event",
        &[
            "reconnect::silence::a_server_that_says_nothing_at_all_is_left",
            "faults::silence::a_frame_that_never_ends_is_left",
        ],
    ),
    (
        "no event, but pings, or answers to ours",
        "60 s (`--quiet-timeout`), without `--did`", "the next server is tried; a single one is said to be quiet, and connected to anew at growing distances; `--idle-timeout` ends that",
        &[
            "reconnect::eventless::a_quiet_server_makes_room_for_the_next",
            "reconnect::eventless::a_single_quiet_server_loses_and_repeats_nothing",
            "reconnect::eventless::a_quiet_server_is_connected_to_at_growing_distances",
            "reconnect::silence::a_short_silence_of_a_server_that_answers_pings_is_none",
            "reconnect::silence::a_server_that_only_pings_is_not_left_at_once",
            "limits::a_stream_without_events_ends_after_the_idle_timeout",
        ],
    ),
    (
        "messages, and the first 100 are no events: the v2 wire, a relay's firehose, web pages",
        "at once", "said what it looks like; the next server is tried, a single one again within 30 s (`--max-backoff`)",
        &[
            "reconnect::eventless::a_server_of_another_wire_is_named_and_left",
            "reconnect::eventless::a_single_server_of_another_wire_fails_like_one_that_is_lost",
        ],
    ),
    (
        "half-open: the network is gone, and nobody was told",
        "75 s (`--frame-timeout`)", "resumed at the last event once it is back",
        &[
            "faults::silence::a_pulled_cable_is_noticed_and_resumed_once_it_is_back",
        ],
    ),
    (
        "something accepts the connection, with TLS or without, and says nothing",
        "10 s (`--connect-timeout`)", "tried again",
        &[
            "reconnect::silence::a_server_that_says_nothing_after_the_socket_opened_is_left",
            "faults::silence::a_pulled_cable_is_noticed_and_resumed_once_it_is_back",
            "faults::silence::a_server_that_says_nothing_behind_its_tls_is_left",
        ],
    ),
    (
        "the name can no longer be looked up",
        "at once; without an answer 10 s (`--connect-timeout`)", "tried again",
        &[
            "faults::names::a_name_that_is_lost_in_mid_run_is_looked_up_until_it_is_back",
        ],
    ),
    (
        "400, 401, 403, 404, a redirect",
        "at once", "the next server is tried; when all refuse it is the end (code 6), with a hint and the cursor at the last event",
        &[
            "faults::refusals::a_refusal_for_good_is_the_end_and_the_next_run_goes_on",
            "bad_input::a_refusal_is_final_and_tells_the_servers_words_escaped",
            "reconnect::failures::a_refusal_is_final_only_when_all_servers_refuse",
        ],
    ),
    (
        "429, 503 with `Retry-After`",
        "at once", "tried again no sooner than asked, and within an hour",
        &[
            "reconnect::failures::a_passing_refusal_is_retried_when_the_server_allows_it",
            "reconnect::failures::a_wait_until_a_date_is_counted_by_the_servers_clock",
        ],
    ),
    (
        "429, 500, 503 without it",
        "at once", "tried again within 30 s (`--max-backoff`)",
        &[
            "faults::refusals::a_refusal_that_passes_is_tried_again",
            "flags::behaviour::retries_are_as_many_as_allowed_and_no_further_apart",
        ],
    ),
    (
        "answers before the last: 100, 103",
        "no fault", "passed over, also a proxy's",
        &[
            "faults::refusals::answers_before_the_last_are_passed_over",
            "faults::refusals::answers_before_the_last_that_never_end_are_a_failed_try",
            "connection::what_a_proxy_says_before_its_answer_is_passed_over",
        ],
    ),
    (
        "what cannot be a WebSocket frame",
        "at once", "resumed at the last event",
        &[
            "faults::frames::what_cannot_be_a_frame_ends_the_connection_and_is_resumed",
        ],
    ),
    (
        "a message that is no event, or no UTF-8",
        "at once", "skipped and counted; the first of its kind is shown, `--bad-events` keeps all",
        &[
            "bad_input::messages::a_malformed_message_is_counted_logged_once_and_skipped",
            "bad_input::messages::messages_that_end_early_or_lack_a_member_are_malformed",
            "bad_input::messages::a_time_that_no_server_can_be_asked_for_is_no_event",
            "bad_events::each_bad_event_is_a_line_with_class_position_and_event",
            "bad_input::messages::messages_too_large_or_not_utf8_are_counted_and_skipped",
        ],
    ),
    (
        "a message that keeps arriving, however slowly",
        "no fault; after 10 minutes", "waited for; then resumed at the last event",
        &[
            "faults::silence::a_message_that_keeps_arriving_is_no_silence",
            "faults::slow::a_message_that_is_slow_once_is_delivered",
            "faults::slow::what_one_server_sends_slowly_another_is_asked_for",
        ],
    ),
    (
        "one that takes more than 10 minutes twice, and from every server",
        "at the second time", "left out by its size, counted, kept by `--bad-events`, and `GAP from=… to=…`; with `--on-gap fail` the end (code 4)",
        &[
            "faults::slow::a_message_that_never_arrives_is_left_out_alone",
            "faults::slow::what_is_sent_all_the_same_is_passed_by_its_place",
            "faults::slow::what_does_not_say_its_place_is_passed_all_the_same",
            "faults::slow::on_gap_fail_ends_before_what_never_arrives",
        ],
    ),
    (
        "a message of more than 8 MiB (`--max-frame-size`)",
        "at once", "skipped and counted, and never held in memory",
        &[
            "bad_input::messages::messages_too_large_or_not_utf8_are_counted_and_skipped",
            "faults::silence::a_message_that_keeps_arriving_is_no_silence",
        ],
    ),
    (
        "zstd that is cut short, of another dictionary, or none",
        "at once", "skipped and counted; the first of its kind is shown, `--bad-events` keeps all",
        &[
            "bad_input::messages::bad_zstd_of_every_kind_is_counted_and_stepped_over",
        ],
    ),
    (
        "trouble with a dictionary of the v2 wire: retired, rotated, none, torn, damaged, 1 GiB",
        "at once", "another one is asked for, around caches and by its id; else events are read plain, which is said; nothing is lost",
        &[
            "v2::dictionary::a_retired_dictionary_is_replaced",
            "v2::dictionary::a_dictionary_that_rotates_while_connected_loses_nothing",
            "v2::dictionary::a_dictionary_that_is_no_use_is_no_obstacle",
            "v2::dictionary::where_no_dictionary_is_taken_events_are_read_plain",
        ],
    ),
    (
        "the v2 wire says that the number asked for is too old",
        "at once", "resumed by time; the GAP line says from when to when events are missing, and `--on-gap` decides",
        &[
            "v2::resumed::a_number_that_is_too_old_is_a_gap_told_in_time",
            "v2::resumed::on_gap_fail_ends_where_a_number_is_too_old",
            "v2::resumed::a_gap_of_moments_is_told_where_the_server_says_so",
        ],
    ),
    (
        "a proxy refuses a request that names many accounts (414, 431)",
        "at once", "the server is asked for all accounts, and the others are left out here",
        &[
            "v2::accounts::a_proxy_that_takes_no_long_request_is_asked_for_all",
        ],
    ),
    (
        "zstd that inflates to more than 8 MiB (`--max-frame-size`)",
        "at once", "skipped and counted; memory stays flat",
        &[
            "faults::frames::a_bomb_is_skipped_and_memory_stays_flat",
            "bad_input::messages::bad_zstd_of_every_kind_is_counted_and_stepped_over",
        ],
    ),
    (
        "a kind of event that nobody knows yet, or parts of another shape around a known one",
        "no fault", "delivered like any other",
        &[
            "bad_input::messages::kinds_of_the_future_and_events_without_optional_parts_pass",
            "bad_input::messages::members_of_another_shape_pass_but_for_a_commits_own",
        ],
    ),
    (
        "events that come again after a reconnect",
        "at the first", "recognised by what they are; dropped and counted",
        &[
            "faults::order::what_comes_again_after_a_cut_is_dropped_in_any_order",
            "faults::order::a_cut_amid_another_servers_repeats_brings_no_repeats",
            "reconnect::lost::events_of_equal_time_across_a_cut_are_told_apart",
            "reconnect::lost::a_time_that_goes_backwards_before_a_cut_brings_no_repeats",
        ],
    ),
    (
        "an event that a server sends twice on one connection",
        "no fault", "delivered twice",
        &[
            "faults::order::events_sent_twice_in_one_connection_are_delivered_twice",
        ],
    ),
    (
        "times or numbers that go backwards",
        "no fault", "delivered in the server's order",
        &[
            "bad_input::messages::times_that_repeat_or_go_backwards_lose_nothing",
            "cursor::around::what_was_overtaken_before_a_stop_comes_with_the_next_run",
            "cursor::ends::until_delivers_all_before_the_end_and_the_next_run_the_rest",
            "reconnect::lost::a_time_that_goes_backwards_across_a_cut_loses_nothing",
            "faults::order::what_comes_again_after_a_cut_is_dropped_in_any_order",
        ],
    ),
    (
        "a server that counts its events anew",
        "at the first event", "said; resumed by time, a minute before the last event (`--rewind`)",
        &[
            "reconnect::renumbered::another_event_under_the_last_number_loses_nothing",
            "reconnect::renumbered::a_lower_number_is_noticed_and_nothing_is_lost",
            "reconnect::renumbered::a_higher_number_is_noticed_and_nothing_is_lost",
            "reconnect::renumbered::a_server_that_no_longer_counts_loses_nothing",
            "cursor::around::no_rewind_goes_back_beyond_the_first_run",
        ],
    ),
    (
        "a server that has lost more than a minute of what was asked for",
        "at the first event", "`GAP from=… to=…`, and on; with `--on-gap fail` the end (code 4)",
        &[
            "reconnect::gaps::a_gap_is_one_line_with_from_and_to_and_reading_goes_on",
            "reconnect::doubts::a_busy_stream_that_begins_later_has_a_gap",
            "reconnect::gaps::on_gap_fail_ends_with_the_cursor_before_the_gap",
            "faults::order::a_number_that_the_server_no_longer_has_is_a_gap",
        ],
    ),
    (
        "a number (`--cursor`, `cursor set`) below what the server still has",
        "at the first event, by a short second connection", "`GAP from=… to=…` with both numbers, and on; with `--on-gap fail` the end (code 4); where that cannot be told it is said, and ends nothing",
        &[
            "reconnect::doubts::a_number_below_the_servers_floor_is_a_gap",
            "reconnect::doubts::on_gap_fail_delivers_nothing_after_a_number_that_is_gone",
            "reconnect::doubts::a_hole_in_the_numbers_is_no_gap",
            "reconnect::doubts::a_server_that_does_not_tell_its_floor_ends_nothing",
            "reconnect::doubts::a_hole_before_a_servers_first_event_ends_nothing",
        ],
    ),
    (
        "a number beyond what the server counts, or a time beyond its clock",
        "at the first event; when connected", "the end (code 2), with a hint",
        &[
            "reconnect::doubts::a_number_beyond_what_the_server_counts_is_refused",
            "reconnect::doubts::a_time_that_has_not_come_yet_is_refused_by_the_servers_clock",
            "cursor::command::tailed::a_server_without_the_number_is_an_error_and_not_a_tip",
        ],
    ),
    (
        "a server that begins, or is quiet, longer than a minute after what was asked for",
        "at the first event, by a short second connection", "no fault; where it begins is said",
        &[
            "reconnect::doubts::a_quiet_server_of_ones_own_has_no_gap",
            "reconnect::doubts::a_server_that_goes_back_far_enough_has_no_gap",
            "reconnect::doubts::the_first_event_that_a_server_ever_had_is_no_gap",
        ],
    ),
    (
        "a server that begins up to an hour before the time that was asked for",
        "no fault", "what is earlier is dropped; it is a sign of life (`--idle-timeout`, `/healthz`), and a stop meanwhile saves the time that was asked for",
        &[
            "reconnect::doubts::earlier_events_are_a_sign_of_life",
            "reconnect::doubts::a_stop_among_earlier_events_saves_the_beginning",
        ],
    ),
    (
        "a server whose clock is hours off",
        "no fault", "resumes, waits, `-e` and the lag go by that clock",
        &[
            "faults::clock::a_cut_loses_nothing_although_the_clocks_differ",
            "faults::clock::a_cut_before_any_event_loses_nothing_despite_clock_skew",
            "faults::clock::the_end_is_that_of_the_servers_clock_also_behind_a_cut",
            "faults::clock::the_status_line_shows_the_lag_despite_clock_skew",
            "reconnect::failures::a_wait_until_a_date_is_counted_by_the_servers_clock",
        ],
    ),
    (
        "a full disk under the cursor file",
        "at the next save, 1 s (`--save-interval`)", "the old cursor stays whole, and each later save tries again; still full at the end is code 1",
        &[
            "faults::disk::a_full_disk_under_the_cursor_file_loses_nothing",
            "cursor::saving::a_save_that_fails_is_told_once_and_tried_again",
        ],
    ),
    (
        "a limit on file sizes (`ulimit -f`, `LimitFSIZE=`)",
        "at the write that meets it", "said; the end (code 1), the cursor at what is in the file",
        &[
            "faults::disk::a_limit_on_file_sizes_is_said_and_nothing_is_lost",
            "faults::disk::programs_meet_a_limit_on_file_sizes_as_ever",
        ],
    ),
];

fn all() -> impl Iterator<
    Item = &'static (
        &'static str,
        &'static str,
        &'static str,
        &'static [&'static str],
    ),
> {
    FAULTS.iter().chain(edges::EDGES)
}

#[test]
fn every_test_of_the_table_exists() {
    assert_tests_exist(all().flat_map(|(.., tests)| *tests).copied());
}

#[test]
fn the_promises_have_the_same_table() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/promises.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## What it survives\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    let found: Vec<_> = rows.skip(2).collect();
    let expected: Vec<_> = all()
        .map(|(fault, noticed, outcome, _)| format!("| {fault} | {noticed} | {outcome} |"))
        .collect();
    let missing = expected.iter().find(|row| !found.contains(&row.as_str()));
    assert_eq!(missing, None, "docs/promises.md lacks this row");
    assert_eq!(found, expected);
}
