"""What feeds mean, once more on PostgreSQL: those of the scenarios that lean on what the database keeps, orders and refuses."""

from __future__ import annotations

import pytest

from tests.service.installation import Installation
from tests.service.test_feeds import (  # noqa: F401 - collected here a second time, on the other database
    test_03_one_booking_from_three_feeds_is_told_once,
    test_11_away_longer_than_the_source_keeps_its_news,
    test_17_a_number_used_by_another_jail_and_again_after_years,
    test_18_a_merge_that_is_taken_back_is_forgotten,
    test_20_a_booking_in_error,
    test_21_sealed_after_nine_days_and_never_seen_again,
    test_31_a_client_who_is_added_while_in_jail_is_told_of_once,
    test_a_corrected_identity_is_news_though_the_stay_is_not,
    test_a_snapshot_killed_in_the_middle_goes_on_where_it_stopped,
    test_a_window_that_overlaps_repeats_nothing,
    test_who_is_not_listed_any_more_left_and_who_is_listed_again_did_not,
)


@pytest.fixture
def site(postgres_site: Installation) -> Installation:
    return postgres_site
