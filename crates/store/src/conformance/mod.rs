//! What every event log must do, whatever it is made of: one function for each rule of `log`'s contract.
//!
//! A store's own tests provide a [`Subject`] and call `event_log_suite!`; what is special to a store (files
//! that are torn, disks that are full) is tested beside it.

#![expect(clippy::unwrap_used, reason = "a suite of tests: here an unwrap is an assertion")]

pub mod acceptance;
pub(crate) mod draft;
pub mod history;
pub mod model;
pub mod records;
pub mod recovery;
pub mod waiting;

use std::sync::Arc;

use async_trait::async_trait;

use crate::log::EventLog;

/// A store under test.
#[async_trait]
pub trait Subject: Send {
    /// The log over everything that was stored so far, at first over nothing. What an earlier call gave
    /// has been dropped without any farewell.
    async fn open(&mut self) -> Arc<dyn EventLog>;
}

/// Runs one rule on a runtime like the product's.
///
/// # Panics
/// If the rule is broken.
pub fn run(rule: impl AsyncFnOnce(&mut dyn Subject), mut subject: impl Subject) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a test has room for a runtime").block_on(rule(&mut subject));
}

/// One test for each rule: `event_log_suite!(MySubject::new())`.
#[macro_export]
macro_rules! event_log_suite {
    ($subject:expr) => {
        $crate::event_log_suite! { @tests $subject;
            acceptance::{
                numbers_grow_in_the_order_of_requests_and_entries,
                everything_about_an_event_is_kept,
                a_request_is_taken_whole_or_not_at_all,
                the_same_content_again_is_a_duplicate,
                other_content_under_a_known_uuid_is_refused,
                repeats_within_a_request_and_a_batch_are_seen,
                a_refused_request_claims_no_uuid,
                a_uuid_is_unique_within_its_account_only,
                a_uuid_is_free_again_after_the_window,
                many_uuids_are_remembered_and_others_are_new,
            };
            records::{
                the_first_outcome_makes_the_row_and_the_same_again_is_stale,
                a_stale_record_among_many_stops_no_other,
                a_record_that_expects_other_attempts_is_stale,
                a_record_of_an_event_that_never_was_is_stale,
                terminal_deliveries_never_change,
                every_attempt_is_kept_in_order,
                a_state_may_move_without_an_attempt,
                an_empty_batch_takes_no_transaction,
            };
            waiting::{
                the_earliest_due_come_first_and_the_rest_is_counted,
                held_deliveries_are_neither_given_nor_counted,
                targets_without_room_wait_from_acceptance_on,
                a_park_leaves_a_row_that_is_there_alone,
                many_may_be_parked_at_once_whatever_is_there_already,
                ends_come_in_slices_and_spare_what_is_held,
                the_backlog_limit_ends_the_oldest_first,
                retries_of_old_events_go_on_beside_new_ones,
            };
            recovery::{
                a_new_log_has_nothing_to_recover,
                targets_without_a_row_are_free_after_a_restart,
                waiting_deliveries_are_counted_after_a_restart,
                the_watermark_never_runs_ahead_and_settles_when_events_stop,
                a_large_fan_out_is_resumed_where_it_was_cut_short,
            };
            history::{
                deliveries_come_newest_first_with_their_states,
                filters_choose_by_status_name_and_time,
                an_account_sees_nothing_of_another,
                a_subscription_sees_all_its_deliveries,
                a_delivery_shows_its_attempts,
                an_event_is_found_by_its_uuid,
                a_cursor_neither_skips_nor_repeats_while_events_come_in,
            };
            model::{
                any_sequence_of_steps_ends_as_the_contract_says,
            }
        }
    };
    (@tests $subject:expr; $($group:ident :: { $($rule:ident),* $(,)? });*) => {
        $($(
            #[test]
            fn $rule() {
                $crate::conformance::run($crate::conformance::$group::$rule, $subject);
            }
        )*)*
    };
}
