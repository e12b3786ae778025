"""Every table. What identifies a person is in columns named `sealed`, and nowhere else.

References are opaque names made by `store.locator`: deterministic, so that a primary key refuses the same
alert, decision or event twice even when two processes race, and unreadable without a key that is kept outside
the database. Columns in the clear hold codes, counts, instants of our own doing and those references.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from store.columns import Json, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

REF = String(32)
CODE = String(48)
BIG = BigInteger().with_variant(Integer, "sqlite")


def one_of(column: str, *values: str) -> CheckConstraint:
    """A closed vocabulary, refused by the database itself."""
    listed = ", ".join(f"'{v}'" for v in values)
    return CheckConstraint(f"{column} in ({listed})", name=column)


data_key = Table(
    "data_key",
    metadata,
    Column("id", REF, primary_key=True),
    Column("purpose", CODE, nullable=False),
    Column("wrapped", LargeBinary),  # null once destroyed: what it sealed can never be read again
    Column("created_at", UtcDateTime, nullable=False),
    Column("destroyed_at", UtcDateTime),
)

feed_state = Table(
    "feed_state",
    metadata,
    Column("feed", String(64), primary_key=True),
    Column("cursor", Text),
    Column("baseline_at", UtcDateTime),  # when the first load was taken in without alerts
    Column("last_poll_at", UtcDateTime),
    Column("last_ok_at", UtcDateTime),
    Column("last_error", CODE),
    Column("state", CODE, nullable=False),
    Column("last_delivery_at", UtcDateTime),
    Column("snapshot", REF),  # the last delivery that listed everybody
    Column("gap_at", UtcDateTime),  # noticed that the source had dropped what we had not read; a person clears it
    Column("not_before", UtcDateTime),  # the source asked us not to come back earlier
    one_of("state", "new", "ok", "late", "degraded", "refused"),
)

feed_token = Table(
    "feed_token",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("feed", String(64), nullable=False, index=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime),  # null while it stands
)

delivery = Table(
    "delivery",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("feed", String(64), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("completed_at", UtcDateTime),
    Column("state", CODE, nullable=False),
    Column("counts", Json, nullable=False),
    Column("reason", Text),  # why it was refused, in our words
    Column("again", Integer),  # how often it only repeated what was known, and less than that
    Column("again_at", UtcDateTime),
    Index("ix_delivery_feed_received_at", "feed", "received_at"),
    Index("ix_delivery_received_at", "received_at"),
    one_of("state", "open", "complete", "refused"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("feed", String(64), nullable=False),
    Column("delivery", REF, ForeignKey("delivery.ref"), nullable=False),
    Column("line", BIG, nullable=False),
    Column("field", String(64), nullable=False),
    Column("code", CODE, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("state", CODE, nullable=False),
    Index("ix_quarantine_state_at", "state", "at"),
    one_of("state", "open", "retried", "discarded"),
)

client = Table(
    "client",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("org", String(64), nullable=False),
    Column("sealed", LargeBinary),  # null once purged: the tombstone keeps a stale roster from reviving them
    Column("seen_at", UtcDateTime, nullable=False),  # when a roster last brought them new or changed
    Column("retired_at", UtcDateTime),
    Column("purged_at", UtcDateTime),
    Column(
        "pending", Boolean, nullable=False, default=False
    ),  # what follows from a change of theirs is still to be done
    Column("revision", BIG, nullable=False, default=0),  # of `client_revision`, when they last changed
    Index("ix_client_pending", "pending"),
    Index("ix_client_retired_at_org", "retired_at", "org"),
    Index("ix_client_ref_org", "ref", "org", "retired_at"),  # whose somebody is, without their sealed envelope
    Index("ix_client_revision", "revision"),
)

client_revision = Table(
    "client_revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BIG, nullable=False),  # its lock is held to the commit: revisions become visible in their order
    CheckConstraint("id = 1", name="one_row"),
)

consent_record = Table(
    "consent_record",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("client", REF, nullable=False, index=True),
    Column("seq", Integer, nullable=False),
    Column("sealed", LargeBinary),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("recorded_by", String(64), nullable=False),
    Column("form", REF),  # keyed, of the consent; null for what is no consent
    Column("ends_at", UtcDateTime),  # by itself, as the log says too; null where it does not, or is over already
    UniqueConstraint("client", "seq"),
    Index("ix_consent_record_ends_at", "ends_at", "client", "form", "seq", "ref"),  # covers the list of what ends
)

staff = Table(
    "staff",
    metadata,
    Column("staff", String(64), primary_key=True),
    Column("org", String(64), nullable=False),
    Column("record", Json, nullable=False),  # name, role and work address of staff: not a fact about a client
    Column("updated_at", UtcDateTime, nullable=False),
)

staff_key = Table(
    "staff_key",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("staff", String(64), nullable=False, index=True),
    Column("public_jwk", Json, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

booking = Table(
    "booking",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("sealed", LargeBinary),
    Column("state", CODE, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("baseline", Boolean, nullable=False),
    Index("ix_booking_first_seen_at", "first_seen_at"),
    one_of("state", "open", "released", "void", "sealed"),
)

booking_event = Table(
    "booking_event",
    metadata,
    Column("ref", REF, primary_key=True),  # of its content and the event before it in its series
    Column("booking", REF, ForeignKey("booking.ref"), nullable=False, index=True),
    Column("feed", String(64), nullable=False),
    Column("delivery", REF, ForeignKey("delivery.ref"), nullable=False),
    Column("op", CODE, nullable=False),
    Column("kind", CODE, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("series", REF),  # of (feed, agency, booking number): what one feed says of one number, in order
    Column("seq", Integer),
    Column("content", REF),  # keyed, of what it said: the same again is no event
    Column("not_news", Json),  # codes of why nobody was to be told, whoever it was
    Index("ix_booking_event_series_seq", "series", "seq", unique=True),
)

booking_source = Table(
    "booking_source",
    metadata,
    Column("series", REF, primary_key=True),
    Column("feed", String(64), nullable=False),
    Column("booking", REF, ForeignKey("booking.ref"), nullable=False, index=True),
    Column("sealed", LargeBinary),  # what this feed last said of the booking; null once destroyed
    Column("state", CODE, nullable=False),
    Column("snapshot", REF),  # the last delivery that listed it
    Column("received_at", UtcDateTime, nullable=False),  # of the delivery that said so
    Index("ix_booking_source_feed_snapshot", "feed", "snapshot"),
    one_of("state", "open", "released", "void", "sealed"),
)

booking_person = Table(
    "booking_person",
    metadata,
    Column("booking", REF, ForeignKey("booking.ref"), primary_key=True),
    Column(
        "person", REF, primary_key=True, index=True
    ),  # keyed, of a jail's person number, a state id or an FBI number
    Column("folded", Boolean, nullable=False),  # by a merge of two numbers, not by the booking's own feed
)

link = Table(
    "link",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("booking", REF, ForeignKey("booking.ref"), nullable=False, index=True),
    Column("client", REF, ForeignKey("client.ref"), nullable=False, index=True),
    Column("verdict", CODE, nullable=False),
    Column("weight", Float, nullable=False),
    Column("probability", Float, nullable=False),
    Column("margin", Float, nullable=False),
    Column("levels", Json, nullable=False),
    Column("model_hash", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("superseded_at", UtcDateTime),
    Index("ix_link_verdict", "verdict"),
    one_of("verdict", "ALERT", "REVIEW"),
)

review = Table(
    "review",
    metadata,
    Column("link", REF, ForeignKey("link.ref"), primary_key=True),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("state", CODE, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("decided_by", String(64)),
    Index("ix_review_state_decided_at", "state", "decided_at"),
    one_of("state", "open", "confirmed", "refused", "expired"),
)

decision = Table(
    "decision",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("link", REF, ForeignKey("link.ref"), nullable=False, index=True),
    Column("recipient", String(64), nullable=False),
    Column("stage", CODE, nullable=False),
    Column("decision", CODE, nullable=False),
    Column("reason_codes", Json, nullable=False),
    Column("fields_allowed", Json, nullable=False),
    Column("obligations", Json, nullable=False),
    Column("consents", Json, nullable=False),
    Column("rule_set", String(64), nullable=False),
    Column("rule_set_hash", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("sealed_input", LargeBinary),  # what was decided upon, so that the decision can be reproduced
    Column(
        "consents_known", Integer
    ),  # how long the client's consent history was for it: a longer one is a reason to ask again
    Index("ix_decision_decision", "decision"),
    Index("ix_decision_at", "at"),
    one_of("stage", "link", "send", "open"),
    one_of("decision", "permit", "redact", "deny"),
)

alert = Table(
    "alert",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("thread", REF, nullable=False, index=True),
    Column("link", REF, ForeignKey("link.ref"), nullable=False),
    Column("decision", REF, ForeignKey("decision.ref"), nullable=False),
    Column("recipient", String(64), nullable=False, index=True),
    Column("kind", CODE, nullable=False),
    Column("match_class", CODE, nullable=False),
    Column("state", CODE, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("opened_at", UtcDateTime),
    Column("acknowledged_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("retracts", REF),  # for a retraction: the alert that no longer stands
    Index("ix_alert_link", "link"),
    Index("ix_alert_state_created_at", "state", "created_at"),
    one_of("state", "queued", "delivered", "opened", "acknowledged", "withdrawn", "stuck", "closed"),
)

inbox_item = Table(
    "inbox_item",
    metadata,
    Column("alert", REF, ForeignKey("alert.ref"), primary_key=True),
    Column("recipient", String(64), nullable=False, index=True),
    Column("kid", String(64), nullable=False),
    Column("jwe", Text),  # sealed to the recipient's own key; null once withdrawn
    Column("backup_jwe", Text),
    Column("delivered_at", UtcDateTime, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("alert", REF, ForeignKey("alert.ref"), nullable=False, index=True),
    Column("channel", CODE, nullable=False),
    Column("state", CODE, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("fence", Integer, nullable=False),  # grows with each claim: a worker that lost its lease cannot acknowledge
    Column("last_code", CODE),
    Column("done_at", UtcDateTime),
    one_of("state", "queued", "leased", "delivered", "dead", "withdrawn", "held"),
    UniqueConstraint("alert", "channel"),
    Index("ix_outbox_state_next_at", "state", "next_at"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("outbox", REF, ForeignKey("outbox.ref"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("result", CODE, nullable=False),
    Column("code", CODE),
)

acknowledgement = Table(
    "acknowledgement",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("alert", REF, ForeignKey("alert.ref"), nullable=False, index=True),
    Column("by", String(64), nullable=False),
    Column("verdict", CODE, nullable=False),
    Column("via", CODE, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_acknowledgement_verdict_at", "verdict", "at"),
    one_of("verdict", "seen", "is_my_client", "not_my_client", "not_on_my_caseload", "cannot_act"),
)

outcome = Table(
    "outcome",
    metadata,
    Column("ref", REF, primary_key=True),  # of (alert, kind, instant): sending a form twice records it once
    Column("alert", REF, ForeignKey("alert.ref"), nullable=False, index=True),
    Column("by", String(64), nullable=False),
    Column("kind", CODE, nullable=False),
    Column("codes", Json, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("sealed", LargeBinary),  # the clinician's own words
    one_of("kind", "contact", "info_sent", "disposition", "first_contact", "appointment"),
)

duty = Table(
    "duty",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("client", REF, ForeignKey("client.ref"), nullable=False, index=True),
    Column("staff", String(64), nullable=False),
    Column("role", CODE, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime),
    Column("thread", REF, index=True),
    Column("listed", REF),  # keyed, of the roster's assignments when somebody declined
    one_of("role", "covering", "declined"),
)

climb = Table(
    "climb",
    metadata,
    Column("alert", REF, ForeignKey("alert.ref"), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("role", CODE, nullable=False),
    Column("turned_to", String(64)),  # null where nobody was there
)

audit_leaf = Table(
    "audit_leaf",
    metadata,
    Column("position", BIG, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),  # canonical JSON, the very bytes that were hashed
    Column("leaf_hash", LargeBinary, nullable=False),  # kept apart, so that an altered entry can be named
    Column("kind", CODE),  # what an entry is found by; null beside one that cannot be read
    Column("at", UtcDateTime),
    Column("client", REF),
    Index("ix_audit_leaf_kind_at_position", "kind", "at", "position"),
    Index("ix_audit_leaf_client_position", "client", "position"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BIG, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("size", BIG, primary_key=True, autoincrement=False),
    Column("frontier", LargeBinary, nullable=False),  # checking goes on from here instead of from the first entry
    Column("note", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("published_at", UtcDateTime),
)

rule_book = Table(
    "rule_book",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("canonical", LargeBinary, nullable=False),  # the very bytes that were hashed
    Column("first_used_at", UtcDateTime, nullable=False),
)

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("subject_kind", CODE, nullable=False),
    Column("subject", REF),  # null for everything
    Column("placed_at", UtcDateTime, nullable=False),
    Column("placed_by", String(64), nullable=False),
    Column("lifted_at", UtcDateTime),
    Column("lifted_by", String(64)),
    one_of("subject_kind", "everything", "client", "booking"),
)

in_force = Table(
    "in_force",
    metadata,
    Column("name", CODE, primary_key=True),
    Column("value", String(64), nullable=False),  # as the log said it last
    Column("at", UtcDateTime, nullable=False),
)

known_keys = Table(
    "known_keys",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("listed", Text, nullable=False),  # of the configuration, as that version of the program knew them
    Column("at", UtcDateTime, nullable=False),
)

linkage_model = Table(
    "linkage_model",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("text", LargeBinary, nullable=False),
    Column("first_used_at", UtcDateTime, nullable=False),
)

measure_month = Table(
    "measure_month",
    metadata,
    Column("month", String(7), primary_key=True),
    Column("closed_at", UtcDateTime, nullable=False),
    Column("content_hash", String(64), nullable=False),  # of every cell that was settled with it, as the log has it
)

measure_cell = Table(
    "measure_cell",
    metadata,
    Column("period", String(7), primary_key=True),
    Column("scope", String(64), primary_key=True),
    Column("measure", CODE, primary_key=True),
    Column("cell", CODE, primary_key=True),
    Column("number", BIG, nullable=False),  # also of what is kept back: what comes later is weighed against it
    Column("shown", Boolean, nullable=False),
    Column("month", String(7), ForeignKey("measure_month.month"), nullable=False),  # with which it was settled
)

run_claim = Table(
    "run_claim",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("slot", UtcDateTime, primary_key=True),
    Column("claimed_at", UtcDateTime, nullable=False),
    Column("worker", String(64), nullable=False),
    Column("lease_until", UtcDateTime),  # null: for good. Afterwards another worker may take the slot over
    Column("finished_at", UtcDateTime),
)

operation = Table(
    "operation",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("mode", CODE, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("by", String(64), nullable=False),
    one_of("mode", "shadow", "live"),
)

clock_mark = Table(
    "clock_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
)

restore_fence = Table(
    "restore_fence",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("restored_at", UtcDateTime, nullable=False),
    Column("backup_at", UtcDateTime, nullable=False),
    Column("lost_consents", Integer, nullable=False),  # recorded after the backup: only the provider still has them
    Column(
        "unaccounted", String(64), nullable=False, server_default=""
    ),  # codes of what a person must see to, by blanks
    Column("released_at", UtcDateTime),
    Column("released_by", String(64)),
)

lost_consent = Table(
    "lost_consent",
    metadata,
    Column("client", REF, primary_key=True),
    Column("consent", REF, primary_key=True),
    Column("seq", Integer, nullable=False),  # its place in the client's history
    Column("change", CODE, nullable=False),  # as the log calls it
    Column("lost_at", UtcDateTime, nullable=False),  # when it had been recorded
)

sent_before = Table(
    "sent_before",
    metadata,
    Column("outbox", REF, primary_key=True),  # the log says that this entry was delivered after the backup was made
    Column("channel", CODE, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


# Accounts of the console. Who someone is lies in `staff`; here is how they prove it and what they may do.

account = Table(
    "account",
    metadata,
    Column("id", REF, primary_key=True),
    Column("login", String(64), nullable=False),
    Column("staff", String(64)),  # the member of the directory that this is, for those who receive alerts
    Column("org", String(64)),  # whose clients it may ask about; null for an office of the whole installation
    Column("roles", Json, nullable=False),
    Column("password_hash", Text),  # argon2id; null for those who sign in by passkey or provider only
    Column("sealed_totp", LargeBinary),
    Column("totp_step", BIG, nullable=False),  # of the last code that was taken: a code is good once
    Column("subject", String(255)),  # as the identity provider calls the person
    Column("language", CODE, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
    UniqueConstraint("login"),
    UniqueConstraint("subject"),
)

session = Table(
    "session",
    metadata,
    Column("token_hash", String(64), primary_key=True),  # SHA-256: whoever reads the database cannot sign in by it
    Column("account", REF, ForeignKey("account.id"), nullable=False, index=True),
    Column("method", CODE, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("proven_at", UtcDateTime, nullable=False),  # when they last proved who they are
    Column("ended_at", UtcDateTime),
    one_of("method", "password", "passkey", "oidc", "demo"),
)

login_flow = Table(
    "login_flow",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("purpose", CODE, nullable=False),
    Column("account", REF, ForeignKey("account.id")),
    Column("sealed", LargeBinary, nullable=False),  # challenge, state or verifier: good once, for minutes
    Column("expires_at", UtcDateTime, nullable=False),
    one_of("purpose", "second_factor", "passkey_login", "passkey_add", "oidc"),
)

login_attempt = Table(
    "login_attempt",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("key", REF, nullable=False),  # keyed name of a login or of an address
    Column("at", UtcDateTime, nullable=False),
    Index("ix_login_attempt_key_at", "key", "at"),
)

passkey = Table(
    "passkey",
    metadata,
    Column("credential", String(512), primary_key=True),
    Column("account", REF, ForeignKey("account.id"), nullable=False, index=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BIG, nullable=False),
    Column("label", String(64), nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)

api_token = Table(
    "api_token",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),  # SHA-256: the token itself is shown once
    Column("account", REF, ForeignKey("account.id"), nullable=False, index=True),
    Column("role", CODE, nullable=False),  # one role of the account: a script gets no more than it is for
    Column("label", String(64), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

name_search = Table(
    "name_search",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("by", String(64), nullable=False),
    Column("org", String(64)),  # whose clients it may find; null for an office of the whole installation
    Column("asked_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),  # null while it waits for a process that holds the index
    Column("sealed", LargeBinary, nullable=False),  # the encoding that is looked for; once answered, what was found
    Index("ix_name_search_by_asked_at", "by", "asked_at"),
)

review_opinion = Table(
    "review_opinion",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("link", REF, ForeignKey("link.ref"), nullable=False, index=True),
    Column("by", String(64), nullable=False),
    Column("opinion", CODE, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    one_of("opinion", "confirm", "refuse", "unsure"),
    UniqueConstraint("link", "by"),
)
