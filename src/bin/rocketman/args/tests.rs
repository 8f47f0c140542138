//! Every flag has a test of what it does, a variable, and a role where it names a file.

use std::{fs, path::Path};

use clap::{Arg, Command, CommandFactory};

use super::Cli;

/// Command, flag (or name of a positional), and where in `tests/it` its behaviour is tested.
#[rustfmt::skip]
const TESTED: &[(&str, &str, &[&str])] = &[
    ("rocketman", "--quiet", &["flags::behaviour::quiet_leaves_only_errors"]),
    ("rocketman", "--verbose", &["flags::behaviour::each_v_says_more"]),
    ("rocketman", "--log-format", &["flags::behaviour::json_messages_are_json_to_the_last_line"]),
    ("rocketman", "--progress", &["flags::behaviour::the_status_line_is_shown_where_it_is_wanted", "flags::behaviour::the_status_line_stays_off_a_terminal_that_gets_events"]),
    ("rocketman", "--color", &["flags::behaviour::messages_are_coloured_where_it_is_wanted"]),
    ("probe", "source", &["probe::reported::several_servers_are_probed_at_once_and_shown_in_order", "probe::unusable::what_cannot_be_begun_is_refused"]),
    ("probe", "--timeout", &["probe::unusable::a_server_that_does_not_answer_is_given_up_after_the_timeout"]),
    ("probe", "--json", &["probe::reported::a_new_server_tells_what_it_is_and_how_far_it_goes_back"]),
    ("health", "addr", &["operation::health::without_an_address_the_environment_says_where", "operation::health::an_address_that_is_none_is_refused"]),
    ("health", "--timeout", &["operation::health::it_ends_in_its_time_whatever_is_silent"]),
    ("cursor show", "file", &["cursor::command::shown::a_person_sees_server_time_number_filter_and_what_comes_next"]),
    ("cursor show", "--json", &["cursor::command::shown::json_has_the_same_keys_for_every_place"]),
    ("cursor set", "file", &["cursor::command::moved::a_missing_file_is_made_by_a_time_for_any_server"]),
    ("cursor set", "value", &["cursor::command::moved::server_and_filter_are_kept_unless_another_server_is_named", "cursor::command::tailed::a_number_is_asked_for_exactly_and_its_event_comes_first"]),
    ("cursor set", "--source", &["cursor::command::moved::a_missing_file_is_made_by_a_number_of_a_server_that_is_named", "cursor::command::refusals::a_number_without_a_server_is_refused"]),
    ("cursor set", "--forget-files", &["cursor::command::tailed::a_forgotten_file_is_kept_whole_and_counted_from_there"]),
    ("cursor rewind", "file", &["cursor::command::moved::rewind_moves_the_time_back_and_forgets_number_and_event"]),
    ("cursor rewind", "duration", &["cursor::command::tailed::rewind_delivers_again_what_lies_in_between"]),
    ("cursor rewind", "--forget-files", &["cursor::command::moved::output_files_are_not_forgotten_unasked"]),
    ("check", "path", &["check::a_whole_archive_is_counted_file_by_file", "check::what_is_no_recording_is_told_and_left_alone"]),
    ("check", "--repair", &["check::a_torn_end_is_told_and_cut_off_on_demand", "check::damage_before_the_end_is_told_and_never_cut"]),
    ("check", "--json", &["check::a_whole_archive_is_counted_file_by_file"]),
    ("inspect", "path", &["inspect::header_and_footer_say_what_a_file_holds", "inspect::what_is_no_segment_file_is_refused"]),
    ("inspect", "--verify", &["inspect::a_damaged_block_is_seen_by_verifying_alone"]),
    ("inspect", "--json", &["inspect::header_and_footer_say_what_a_file_holds"]),
    ("inspect", "--max-block-size", &["inspect::a_block_larger_than_allowed_is_refused_by_name"]),
    ("pack", "recording", &["pack::what_is_packed_comes_back_and_is_whole", "pack::recordings_are_packed_one_after_the_other"]),
    ("pack", "folder", &["pack::what_is_packed_comes_back_and_is_whole", "pack::a_folder_with_segment_files_is_refused"]),
    ("pack", "--renumber", &["pack::numbers_that_do_not_rise_are_refused_or_made_anew"]),
    ("compare", "a", &["compare::recorded::recordings_are_compared_as_far_as_both_go"]),
    ("compare", "b", &["compare::recorded::a_recording_on_stdin_is_compared_with_its_server"]),
    ("compare", "--since", &["compare::servers_of_the_same_events_differ_in_nothing"]),
    ("compare", "--until", &["compare::servers_of_the_same_events_differ_in_nothing"]),
    ("compare", "--slack", &["compare::recorded::recordings_are_compared_as_far_as_both_go"]),
    ("compare", "--json", &["compare::every_dropped_event_is_named_and_no_other"]),
    ("compare", "--collection", &["compare::filters_are_those_of_tail"]),
    ("compare", "--did", &["compare::filters_are_those_of_tail"]),
    ("compare", "--kind", &["compare::filters_are_those_of_tail"]),
    ("compare", "--op", &["compare::filters_are_those_of_tail"]),
    ("compare", "--shard", &["compare::filters_are_those_of_tail"]),
    ("compare", "--max-message-size", &["compare::filters_are_those_of_tail"]),
    ("fold", "path", &["fold::an_archive_becomes_the_state_that_it_leads_to", "fold::segment_files_and_live_streams_fold_into_the_same"]),
    ("fold", "--output", &["fold::what_cannot_be_folded_is_said"]),
    ("fold", "--collection", &["fold::filters_and_columns_are_those_of_tail"]),
    ("fold", "--did", &["fold::filters_and_columns_are_those_of_tail"]),
    ("fold", "--kind", &["fold::filters_and_columns_are_those_of_tail"]),
    ("fold", "--op", &["fold::filters_and_columns_are_those_of_tail"]),
    ("fold", "--shard", &["fold::filters_and_columns_are_those_of_tail"]),
    ("fold", "--max-message-size", &["fold::filters_and_columns_are_those_of_tail"]),
    ("fold", "--table", &["fold::filters_and_columns_are_those_of_tail"]),
    ("fold", "--column", &["fold::filters_and_columns_are_those_of_tail"]),
    ("fold", "--no-record", &["fold::filters_and_columns_are_those_of_tail"]),
    ("fold", "--tombstones", &["fold::filters_and_columns_are_those_of_tail"]),
    ("fold", "--on-account-gone", &["fold::filters_and_columns_are_those_of_tail"]),
    ("fold", "--synchronous", &["fold::filters_and_columns_are_those_of_tail"]),
    ("comply", "path", &["comply::what_was_deleted_leaves_every_form_of_archive", "comply::segments::segment_files_keep_blocks_numbers_and_ranges"]),
    ("comply", "--deletions", &["comply::elsewhere::folders_and_tables_of_the_state_tell_what_was_deleted", "comply::elsewhere::a_server_is_asked_from_the_earliest_event_on"]),
    ("comply", "--cursor-file", &["comply::spared::files_that_are_written_to_or_counted_on_are_left_alone"]),
    ("comply", "--on-account-gone", &["comply::elsewhere::hidden_accounts_are_no_deletion_unless_asked"]),
    ("comply", "--dry-run", &["comply::what_was_deleted_leaves_every_form_of_archive"]),
    ("comply", "--json", &["comply::spared::files_that_are_written_to_or_counted_on_are_left_alone"]),
    ("completions", "shell", &["flags::behaviour::completions_are_those_of_the_shell"]),
    ("man", "command", &["flags::behaviour::the_manual_has_a_page_for_each_command"]),
    ("man", "--dir", &["flags::behaviour::the_manual_has_a_page_for_each_command"]),
    ("serve", "source", &["serve::recordings::several_recordings_are_one_stream_and_stdin_is_one_of_them", "serve::live::stdin_is_served_at_once_and_as_it_comes", "serve::invented_events_are_served_where_it_says"]),
    ("serve", "--allow-host", &["serve::strangers::a_name_is_refused_unless_it_is_allowed"]),
    ("serve", "--allow-origin", &["serve::strangers::a_page_is_refused_unless_its_origin_is_allowed"]),
    ("serve", "--listen", &["serve::without_a_source_it_serves_a_demo_and_says_so_on_its_page", "serve::what_cannot_be_served_is_refused_with_the_way_out"]),
    ("serve", "--legacy", &["serve::with_legacy_events_tell_no_numbers_and_a_cursor_is_a_time"]),
    ("serve", "--store", &["serve::live::killed::kills_and_cuts_lose_nothing_and_give_no_number_twice", "serve::live::killed::a_torn_end_is_cut_off_and_damage_is_refused"]),
    ("serve", "--retain", &["serve::live::kept::what_is_beyond_the_retention_goes_and_cursors_hear_of_it", "serve::live::kept::what_is_older_than_the_retention_goes"]),
    ("serve", "--begin", &["serve::live::the_filter_bounds_what_is_kept"]),
    ("serve", "--collection", &["serve::live::the_filter_bounds_what_is_kept"]),
    ("serve", "--did", &["serve::live::the_filter_bounds_what_is_kept"]),
    ("serve", "--kind", &["serve::live::the_filter_bounds_what_is_kept"]),
    ("serve", "--key-file", &["serve::calls::guarded::calls_need_the_key_and_nothing_else_does", "serve::received::a_key_that_expires_is_waited_for"]),
    ("serve", "--quota", &["serve::calls::guarded::a_quota_is_said_kept_and_comes_back"]),
    ("serve", "--plan-max-entries", &["serve::calls::guarded::a_plan_goes_on_behind_the_last_entry_of_a_page"]),
    ("serve", "--http-sink", &["serve::received::what_is_accepted_is_printed_and_counted", "serve::received::what_cannot_be_received_is_refused"]),
    ("serve", "--http-sign-file", &["serve::received::only_what_is_signed_is_accepted"]),
    ("serve", "--speed", &["serve::recordings::speed_is_that_of_the_clock_or_another_or_none"]),
    ("serve", "--rebase", &["serve::recordings::rebased_events_are_of_now"]),
    ("serve", "--loop", &["serve::recordings::a_loop_goes_on_with_numbers_and_times"]),
    ("serve", "--exit-at-end", &["serve::recordings::exit_at_end_ends_it_when_consumers_have_everything"]),
    ("serve", "--fault", &["serve::rehearsal::a_cut_is_survived_without_loss_or_repeats", "serve::rehearsal::a_fault_that_cannot_be_is_refused"]),
    ("tail", "source", &["segments::events_come_in_order_as_servers_print_them", "demo::posts_come_at_once_and_it_is_said_that_they_are_invented", "connection::the_next_source_is_tried_when_one_refuses", "bad_input::a_typo_is_refused_with_the_flag_the_text_and_the_way_out"]),
    ("replay", "--follow", &["history::official::a_cursor_of_the_socket_goes_on_in_the_archive", "history::usage::what_has_no_archive_is_refused_with_the_way_out"]),
    ("replay", "--key-file", &["history::usage::a_key_that_is_none_is_refused_and_not_shown"]),
    ("replay", "--max-bytes", &["history::served::as_many_bytes_as_may_be_are_read_and_no_more"]),
    ("replay", "--max-rate", &["history::served::a_rate_is_kept_to"]),
    ("replay", "--download", &["history::download::a_copy_is_the_archive_byte_for_byte_and_replays", "history::download::a_copy_is_held_against_its_manifest_and_its_filter"]),
    ("replay", "--plan", &["history::served::a_plan_tells_the_price_and_reads_nothing"]),
    ("tail", "--after-seq", &["segments::replay::numbers_bound_what_is_read", "usage::useless::a_flag_of_segment_files_is_refused_without_any"]),
    ("tail", "--before-seq", &["segments::replay::numbers_bound_what_is_read", "segments::replay::what_is_missing_at_the_end_is_a_hole"]),
    ("tail", "--max-block-size", &["segments::replay::a_large_block_is_read_and_said_up_to_the_limit"]),
    ("replay", "path", &["segments::replay::replay_reads_what_tail_reads", "segments::replay::only_files_and_folders_are_replayed"]),
    ("replay", "--exit-at-end", &["segments::replay::replay_reads_what_tail_reads"]),
    ("tail", "--collection", &["flags::behaviour::each_part_of_the_filter_keeps_what_it_names", "connection::the_filter_goes_as_repeated_parameters_of_the_query"]),
    ("tail", "--did", &["flags::behaviour::each_part_of_the_filter_keeps_what_it_names", "connection::a_long_list_of_accounts_goes_as_a_message"]),
    ("tail", "--kind", &["flags::behaviour::each_part_of_the_filter_keeps_what_it_names"]),
    ("tail", "--op", &["flags::behaviour::each_part_of_the_filter_keeps_what_it_names"]),
    ("tail", "--shard", &["shard::shards_of_one_stream_share_its_accounts", "shard::a_copied_cursor_splits_one_process_without_loss_or_repeats"]),
    ("tail", "--since", &["flags::behaviour::since_begins_at_a_time"]),
    ("tail", "--cursor", &["flags::behaviour::a_cursor_is_sent_as_given"]),
    ("tail", "--begin", &["cursor::begin::a_new_cursor_begins_there_and_a_known_one_goes_on", "nats::source::a_new_cursor_of_each_sort_begins_with_the_oldest_message"]),
    ("tail", "--cursor-file", &["flags::behaviour::a_cursor_file_resumes_and_rewinds_on_another_server"]),
    ("tail", "--rewind", &["flags::behaviour::a_cursor_file_resumes_and_rewinds_on_another_server"]),
    ("tail", "--on-gap", &["segments::a_hole_in_a_folder_ends_the_run_before_it", "reconnect::gaps::on_gap_fail_ends_with_the_cursor_before_the_gap"]),
    ("tail", "--save-interval", &["flags::behaviour::the_cursor_file_is_saved_at_its_pace"]),
    ("tail", "--output", &["flags::behaviour::output_appends_to_a_file"]),
    ("tail", "--rotate-size", &["sink_files::named::rotation_is_by_count_size_and_time"]),
    ("tail", "--rotate-every", &["sink_files::named::rotation_by_time_is_by_the_time_of_the_events"]),
    ("tail", "--rotate-count", &["sink_files::named::rotation_is_by_count_size_and_time"]),
    ("tail", "--compression-level", &["sink_files::compressed::suffix_and_level_decide_how_a_file_is_compressed"]),
    ("tail", "--checkpoint", &["sink_files::compressed::a_checkpoint_comes_after_so_much_input_or_so_long"]),
    ("tail", "--row-group-size", &["sink_files::parquet::the_largest_row_group_ends_when_all_are_too_large", "sink_files::parquet::flags_that_make_no_sense_are_refused"]),
    ("tail", "--max-files", &["sink_files::many::beyond_the_limit_collections_share_one_file", "sink_files::many::another_time_begins_to_count_anew"]),
    ("tail", "--max-open-files", &["sink_files::named::few_open_files_are_enough_for_many_collections"]),
    ("tail", "--on-disk-full", &["sink_files::refused::with_wait_a_full_disk_is_said_and_waited_for", "sink_files::refused::a_full_disk_ends_it_with_a_hint_and_loses_nothing"]),
    ("tail", "--table", &["sqlite::flags::the_state_is_kept_unless_events_are_asked_for"]),
    ("tail", "--column", &["sink_files::parquet::columns_of_ones_own_hold_what_fits_them", "sqlite::flags::columns_hold_what_their_pointers_lead_to"]),
    ("tail", "--no-record", &["sink_files::parquet::columns_of_ones_own_hold_what_fits_them", "sqlite::flags::without_records_the_column_is_empty"]),
    ("tail", "--tombstones", &["sqlite::flags::tombstones_show_what_was_removed"]),
    ("tail", "--on-account-gone", &["sqlite::accounts::a_policy_says_what_becomes_of_rows"]),
    ("tail", "--synchronous", &["sqlite::flags::full_is_on_the_disk_before_it_counts"]),
    ("tail", "--exec", &["flags::behaviour::exec_runs_a_program_for_each_event"]),
    ("tail", "--jobs", &["sink_exec::jobs::events_of_one_account_never_overlap_or_swap", "http_sink::bodies::as_many_requests_are_under_way_as_there_are_jobs"]),
    ("tail", "--exec-mode", &["sink_exec::stream::each_answered_line_accepts_an_event_and_goes_to_stdout", "sink_exec::stream::what_makes_no_sense_for_it_is_refused"]),
    ("tail", "--in-flight", &["sink_exec::stream::a_silent_program_is_ended_after_the_timeout"]),
    ("tail", "--exec-timeout", &["sink_exec::failures::a_hanging_program_is_ended_with_all_that_it_started"]),
    ("tail", "--exec-retries", &["sink_exec::failures::a_failed_event_is_tried_again_as_often_as_allowed"]),
    ("tail", "--on-exec-error", &["sink_exec::failures::a_skipped_event_is_told_and_passed", "sink_exec::failures::a_dead_letter_holds_event_status_and_the_end_of_stderr"]),
    ("tail", "--batch", &["http_sink::bodies::a_batch_ends_with_its_count_its_bytes_or_its_time"]),
    ("tail", "--body", &["http_sink::bodies::a_text_of_ones_own_is_around_the_events", "http_sink::bodies::an_array_is_json"]),
    ("tail", "--http-compress", &["http_sink::bodies::bodies_are_compressed_on_demand"]),
    ("tail", "--http-method", &["http_sink::bodies::the_method_is_the_one_that_is_named"]),
    ("tail", "--http-header", &["http_sink::bodies::headers_come_from_flags_a_variable_and_a_file", "http_sink::refused::flags_that_make_no_sense_are_refused"]),
    ("tail", "--http-header-file", &["http_sink::endpoint::a_token_that_is_replaced_in_its_file_is_taken_up"]),
    ("tail", "--http-sign-file", &["http_sink::signed::requests_are_signed_and_their_ids_are_those_of_their_events", "http_sink::refused::flags_that_make_no_sense_are_refused"]),
    ("tail", "--http-timeout", &["http_sink::failing::no_answer_within_the_timeout_is_a_failure"]),
    ("tail", "--create-table", &["http_sink::clickhouse::every_event_is_inserted_once_through_kills"]),
    ("tail", "--http-retries", &["http_sink::failing::an_event_that_always_fails_is_given_up_while_others_pass"]),
    ("tail", "--on-http-error", &["http_sink::failing::a_refused_event_stands_alone_in_the_dead_letters", "http_sink::failing::a_refused_event_is_skipped_or_ends_the_run"]),
    ("tail", "--on-http-refusal", &["http_sink::endpoint::with_stop_a_refusal_ends_the_run", "http_sink::endpoint::a_refusal_is_waited_out_and_nothing_is_given_up"]),
    ("tail", "--max-unanswered", &["http_sink::too_much_that_is_unanswered_has_the_stream_wait"]),
    ("tail", "--no-output", &["sink_exec::jobs::no_output_drops_what_programs_print"]),
    ("tail", "--fate", &["fate::only_an_idempotent_program_hides_repeats"]),
    ("tail", "--fate-seed", &["fate::the_same_seed_fails_the_same_deliveries"]),
    ("tail", "--format", &["format::templates::a_template_is_written_as_it_stands", "format::terminal::the_line_is_shown_where_it_is_asked_for"]),
    ("tail", "--fields", &["format::tables::csv_is_read_by_others_as_it_was_meant"]),
    ("tail", "--no-header", &["format::tables::stdout_begins_with_the_header_unless_appended_to"]),
    ("tail", "--raw", &["bad_input::messages::a_raw_line_end_becomes_a_space_unless_raw_is_asked_for"]),
    ("tail", "--print0", &["flags::behaviour::print0_ends_each_event_with_nul"]),
    ("tail", "--validate", &["bad_input::messages::what_is_inside_a_record_is_only_checked_on_demand"]),
    ("tail", "--count", &["flags::behaviour::limits_end_the_stream_before_the_first_event_behind_them"]),
    ("tail", "--until", &["flags::behaviour::limits_end_the_stream_before_the_first_event_behind_them"]),
    ("tail", "--exit-at-end", &["flags::behaviour::limits_end_the_stream_before_the_first_event_behind_them"]),
    ("tail", "--duration", &["flags::behaviour::limits_end_the_stream_before_the_first_event_behind_them"]),
    ("tail", "--idle-timeout", &["limits::a_stream_without_events_ends_after_the_idle_timeout"]),
    ("tail", "--max-lag", &["limits::a_stream_behind_max_lag_delivers_what_came_and_ends"]),
    ("tail", "--envelope", &["nats::source::events_go_through_as_they_are_and_are_filtered"]),
    ("tail", "--durable", &["nats::workers::workers_of_one_durable_consumer_share_its_messages"]),
    ("tail", "--on-undeliverable", &["nats::queue::nothing_is_taken_out_of_a_queue_that_was_not_delivered"]),
    ("tail", "--lag", &["nats::source::messages_are_held_back_until_they_are_as_old_as_asked"]),
    ("tail", "--lag-alert", &["limits::falling_behind_and_catching_up_are_each_logged_once"]),
    ("tail", "--metrics-addr", &["operation::metrics::the_page_counts_what_happened"]),
    ("tail", "--allow-host", &["operation::metrics::a_name_is_refused_unless_it_is_allowed"]),
    ("tail", "--bad-events", &["bad_events::each_bad_event_is_a_line_with_class_position_and_event"]),
    ("tail", "--grace", &["flags::behaviour::grace_bounds_the_wait_for_a_program_that_hangs"]),
    ("tail", "--max-retries", &["flags::behaviour::retries_are_as_many_as_allowed_and_no_further_apart"]),
    ("tail", "--max-backoff", &["flags::behaviour::retries_are_as_many_as_allowed_and_no_further_apart"]),
    ("tail", "--connect-timeout", &["connection::a_silent_server_is_given_up_after_the_connect_timeout"]),
    ("tail", "--frame-timeout", &["flags::behaviour::a_silent_connection_is_lost_after_the_frame_timeout"]),
    ("tail", "--quiet-timeout", &["reconnect::eventless::a_quiet_server_makes_room_for_the_next", "nats::source::what_cannot_be_read_is_refused_with_the_way_out"]),
    ("tail", "--max-message-size", &["connection::the_filter_goes_as_repeated_parameters_of_the_query", "connection::what_is_above_the_size_limit_is_left_out_and_counted"]),
    ("tail", "--max-frame-size", &["bad_input::messages::messages_too_large_or_not_utf8_are_counted_and_skipped", "bad_input::messages::bad_zstd_of_every_kind_is_counted_and_stepped_over"]),
    ("tail", "--no-compress", &["connection::compression_is_asked_for_unless_it_is_not_wanted"]),
    ("tail", "--threads", &["serve::recordings::a_backlog_is_the_same_on_two_threads", "bad_input::a_second_thread_without_compression_is_refused"]),
    ("tail", "--context", &["nats::login::a_context_says_where_and_who"]),
    ("tail", "--no-context", &["nats::login::a_context_says_where_and_who"]),
    ("tail", "--creds", &["nats::login::an_nkey_and_credentials_are_read_from_their_files"]),
    ("tail", "--nkey", &["nats::login::an_nkey_and_credentials_are_read_from_their_files"]),
    ("tail", "--tlscert", &["nats::login::a_server_with_tls_is_trusted_by_the_file_that_is_named"]),
    ("tail", "--tlskey", &["nats::login::a_server_with_tls_is_trusted_by_the_file_that_is_named"]),
    ("tail", "--tlsca", &["nats::login::a_server_with_tls_is_trusted_by_the_file_that_is_named"]),
    ("tail", "--tlsfirst", &["nats::login::a_server_that_begins_with_tls_is_spoken_to_so"]),
    ("tail", "--js-domain", &["nats::login::domain_prefixes_and_name_are_those_that_are_given"]),
    ("tail", "--js-api-prefix", &["nats::login::domain_prefixes_and_name_are_those_that_are_given"]),
    ("tail", "--inbox-prefix", &["nats::login::domain_prefixes_and_name_are_those_that_are_given"]),
    ("tail", "--connection-name", &["nats::login::domain_prefixes_and_name_are_those_that_are_given"]),
    ("tail", "--nats-timeout", &["nats::login::domain_prefixes_and_name_are_those_that_are_given"]),
    ("tail", "--create-stream", &["nats::sink::a_stream_is_made_as_it_is_wanted"]),
    ("tail", "--partitions", &["nats::sink::partitions_keep_an_account_together"]),
    ("tail", "--publish-window", &["nats::sink::a_stream_is_made_as_it_is_wanted"]),
    ("tail", "--stream-storage", &["nats::sink::a_stream_is_made_as_it_is_wanted"]),
    ("tail", "--stream-replicas", &["nats::sink::a_stream_is_made_as_it_is_wanted"]),
    ("tail", "--stream-max-age", &["nats::sink::a_stream_is_made_as_it_is_wanted"]),
    ("tail", "--stream-max-bytes", &["nats::sink::a_stream_is_made_as_it_is_wanted"]),
    ("tail", "--stream-max-msgs", &["nats::sink::a_stream_is_made_as_it_is_wanted"]),
    ("tail", "--stream-discard", &["nats::sink::a_stream_is_made_as_it_is_wanted"]),
    ("tail", "--stream-dupe-window", &["nats::sink::a_stream_is_made_as_it_is_wanted"]),
    ("tail", "--cursor-kv", &["nats::cursor::a_run_goes_on_where_the_key_says_and_any_may_write_it"]),
    ("tail", "--create-bucket", &["nats::cursor::what_cannot_be_used_is_refused_with_the_way_out"]),
    ("cursor show", "--context", &["nats::cursor_command::access::a_context_says_where_a_key_is_and_who_asks"]),
    ("cursor show", "--no-context", &["nats::cursor_command::access::a_context_says_where_a_key_is_and_who_asks"]),
    ("cursor show", "--creds", &["nats::cursor_command::access::a_key_is_asked_for_with_the_login_that_is_named"]),
    ("cursor show", "--nkey", &["nats::cursor_command::access::a_key_is_asked_for_with_the_login_that_is_named"]),
    ("cursor show", "--tlscert", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor show", "--tlskey", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor show", "--tlsca", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor show", "--tlsfirst", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor show", "--js-domain", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor show", "--js-api-prefix", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor show", "--inbox-prefix", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor show", "--connection-name", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor show", "--nats-timeout", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor set", "--context", &["nats::cursor_command::access::a_context_says_where_a_key_is_and_who_asks"]),
    ("cursor set", "--no-context", &["nats::cursor_command::access::a_context_says_where_a_key_is_and_who_asks"]),
    ("cursor set", "--creds", &["nats::cursor_command::access::a_key_is_asked_for_with_the_login_that_is_named"]),
    ("cursor set", "--nkey", &["nats::cursor_command::access::a_key_is_asked_for_with_the_login_that_is_named"]),
    ("cursor set", "--tlscert", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor set", "--tlskey", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor set", "--tlsca", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor set", "--tlsfirst", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor set", "--js-domain", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor set", "--js-api-prefix", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor set", "--inbox-prefix", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor set", "--connection-name", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor set", "--nats-timeout", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor rewind", "--context", &["nats::cursor_command::access::a_context_says_where_a_key_is_and_who_asks"]),
    ("cursor rewind", "--no-context", &["nats::cursor_command::access::a_context_says_where_a_key_is_and_who_asks"]),
    ("cursor rewind", "--creds", &["nats::cursor_command::access::a_key_is_asked_for_with_the_login_that_is_named"]),
    ("cursor rewind", "--nkey", &["nats::cursor_command::access::a_key_is_asked_for_with_the_login_that_is_named"]),
    ("cursor rewind", "--tlscert", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor rewind", "--tlskey", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor rewind", "--tlsca", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor rewind", "--tlsfirst", &["nats::cursor_command::access::a_key_behind_tls_is_reached_with_certificates"]),
    ("cursor rewind", "--js-domain", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor rewind", "--js-api-prefix", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor rewind", "--inbox-prefix", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor rewind", "--connection-name", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
    ("cursor rewind", "--nats-timeout", &["nats::cursor_command::access::domain_prefixes_name_and_timeout_count_for_a_key"]),
];

/// Flags that take a list, or that make no sense as a variable: `ROCKETMAN_SOURCE` is the list of servers of `tail`.
const LISTS: [&str; 12] = [
    "--allow-host",
    "--allow-origin",
    "--collection",
    "--column",
    "--deletions",
    "--did",
    "--kind",
    "--op",
    "--exec",
    "--fault",
    "--http-header",
    "--source",
];

/// Flags that have the variable of the `nats` command.
const NATS: [(&str, &str); 7] = [
    ("--context", "NATS_CONTEXT"),
    ("--creds", "NATS_CREDS"),
    ("--nkey", "NATS_NKEY"),
    ("--tlscert", "NATS_CERT"),
    ("--tlskey", "NATS_KEY"),
    ("--tlsca", "NATS_CA"),
    ("--nats-timeout", "NATS_TIMEOUT"),
];

/// Every command with each of its flags, those of all commands under the program's own name.
fn flags() -> Vec<(String, Arg)> {
    let mut flags = Vec::new();
    add_flags("rocketman", &Cli::command(), &mut flags);
    flags
}

/// Adds the flags of a command, and of those below it: `set` of `cursor` is `cursor set`.
fn add_flags(name: &str, command: &Command, flags: &mut Vec<(String, Arg)>) {
    let arguments = command.get_arguments().cloned();
    flags.extend(arguments.map(|argument| (name.to_owned(), argument)));
    for sub in command.get_subcommands() {
        let full = format!("{name} {}", sub.get_name());
        add_flags(full.trim_start_matches("rocketman "), sub, flags);
    }
}

fn name_of(argument: &Arg) -> String {
    let long = argument.get_long().map(|long| format!("--{long}"));
    long.unwrap_or_else(|| argument.get_id().to_string())
}

#[test]
fn every_flag_is_tested_and_every_test_exists() {
    let flags: Vec<_> = flags()
        .iter()
        .map(|(command, argument)| (command.clone(), name_of(argument)))
        .collect();
    assert!(flags.len() > 30, "{flags:?}");
    let table: Vec<_> = TESTED
        .iter()
        .map(|(command, flag, _)| ((*command).to_owned(), (*flag).to_owned()))
        .collect();
    // What replay shares with tail is the same code.
    let of_tail = |(command, flag): &(String, String)| {
        command == "replay" && table.contains(&("tail".to_owned(), flag.clone()))
    };
    for flag in &flags {
        let is_tested = table.contains(flag) || of_tail(flag);
        assert!(is_tested, "{flag:?} has no test in this table");
    }
    for flag in &table {
        assert!(flags.contains(flag), "there is no {flag:?}");
    }
    for test in TESTED.iter().flat_map(|(_, _, tests)| *tests) {
        assert!(exists(test), "there is no test {test}");
    }
}

/// Whether there is a test of this name: a path of modules in `tests/it`, and a function.
fn exists(test: &str) -> bool {
    let (module, function) = test.rsplit_once("::").unwrap();
    let file = format!("tests/it/{}.rs", module.replace("::", "/"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let source = fs::read_to_string(file).unwrap_or_default();
    source.contains(&format!("#[test]\nfn {function}() {{"))
}

#[test]
fn every_flag_with_one_value_has_a_variable_of_its_name() {
    for (command, flag) in flags() {
        let name = name_of(&flag);
        let Some(long) = name.strip_prefix("--").filter(|_| !LISTS.contains(&&*name)) else {
            assert_eq!(flag.get_env(), None, "{command} {name}");
            continue;
        };
        let expected = NATS.iter().find(|(flag, _)| *flag == name).map_or_else(
            || format!("ROCKETMAN_{}", long.replace('-', "_").to_uppercase()),
            |(_, variable)| (*variable).to_owned(),
        );
        let variable = flag.get_env().and_then(|variable| variable.to_str());
        assert_eq!(variable, Some(&*expected), "{command} {name}");
    }
}

/// A new flag that takes a file has to be looked at too.
#[test]
fn every_flag_of_a_file_is_known_to_have_a_role() {
    let program = Cli::command();
    let tail = program.find_subcommand("tail").unwrap();
    let takes_file = |flag: &&Arg| {
        let names = flag.get_value_names().unwrap_or_default();
        let help = flag
            .get_long_help()
            .or(flag.get_help())
            .map(ToString::to_string);
        let takes_one = names.iter().any(|name| *name == "FILE");
        takes_one || help.is_some_and(|help| help.contains("=FILE") || help.contains("@FILE"))
    };
    let mut flags: Vec<_> = tail
        .get_arguments()
        .filter(takes_file)
        .filter_map(Arg::get_long)
        .collect();
    flags.sort_unstable();
    let mut known = vec![
        "bad-events",
        "cursor-file",
        "did",
        "http-header-file",
        "http-sign-file",
        "on-exec-error",
        "on-http-error",
        "on-undeliverable",
        "output",
    ];
    if cfg!(feature = "nats") {
        known.extend(["creds", "nkey", "tlsca", "tlscert", "tlskey"]);
    }
    known.sort_unstable();
    assert_eq!(flags, known, "see settings/roles.rs");
}
