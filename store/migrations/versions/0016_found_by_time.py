"""entries of the log and forms that end are found by their time, kind and client, without reading all; searches by name wait for their answer.

What is written beside an entry is taken from the entry, and what is written beside a form from what the log said of it.
"""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0018'
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)
WORDS = 'an entry of the audit log stands as it was written'
AT_ONCE = 5000
LEAF = sa.table('audit_leaf', sa.column('position'), sa.column('entry'), sa.column('kind'), sa.column('at', WHEN), sa.column('client'))
FORM = sa.table('consent_record', sa.column('client'), sa.column('seq'), sa.column('form'), sa.column('ends_at', WHEN))


def upgrade() -> None:
    for column in (sa.Column('kind', sa.String(48)), sa.Column('at', WHEN), sa.Column('client', sa.String(32))):
        op.add_column('audit_leaf', column)
    for column in (sa.Column('form', sa.String(32)), sa.Column('ends_at', WHEN)):
        op.add_column('consent_record', column)
    _let_be_written()
    _fill()
    _let_stand()
    op.create_index('ix_audit_leaf_kind_at_position', 'audit_leaf', ['kind', 'at', 'position'])
    op.create_index('ix_audit_leaf_client_position', 'audit_leaf', ['client', 'position'])
    op.create_index('ix_consent_record_ends_at', 'consent_record', ['ends_at', 'client', 'form', 'seq', 'ref'])
    op.create_index('ix_client_ref_org', 'client', ['ref', 'org', 'retired_at'])
    op.create_index('ix_decision_at', 'decision', ['at'])
    op.create_index('ix_booking_first_seen_at', 'booking', ['first_seen_at'])
    op.create_table(
        'name_search',
        sa.Column('ref', sa.String(32), nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('org', sa.String(64), nullable=True),
        sa.Column('asked_at', WHEN, nullable=False),
        sa.Column('answered_at', WHEN, nullable=True),
        sa.Column('sealed', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('ref', name=op.f('pk_name_search')),
    )
    op.create_index('ix_name_search_by_asked_at', 'name_search', ['by', 'asked_at'])


def downgrade() -> None:
    op.drop_table('name_search')
    op.drop_index('ix_booking_first_seen_at', 'booking')
    op.drop_index('ix_decision_at', 'decision')
    op.drop_index('ix_client_ref_org', 'client')
    op.drop_index('ix_consent_record_ends_at', 'consent_record')
    op.drop_index('ix_audit_leaf_client_position', 'audit_leaf')
    op.drop_index('ix_audit_leaf_kind_at_position', 'audit_leaf')
    for column in ('ends_at', 'form'):
        op.drop_column('consent_record', column)
    for column in ('client', 'at', 'kind'):
        op.drop_column('audit_leaf', column)


def _let_be_written() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        op.execute('DROP TRIGGER audit_leaf_no_update')
    else:
        op.execute('ALTER TABLE audit_leaf DISABLE TRIGGER audit_leaf_no_change')


def _let_stand() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        op.execute(
            'CREATE TRIGGER audit_leaf_no_update BEFORE UPDATE ON audit_leaf'
            f" BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
        )
    else:
        op.execute('ALTER TABLE audit_leaf ENABLE TRIGGER audit_leaf_no_change')


def _fill() -> None:
    bind, after = op.get_bind(), -1
    page = sa.select(LEAF.c.position, LEAF.c.entry).order_by(LEAF.c.position).limit(AT_ONCE)
    found = sa.update(LEAF).where(LEAF.c.position == sa.bindparam('p'))
    found = found.values(kind=sa.bindparam('k'), at=sa.bindparam('t', type_=WHEN), client=sa.bindparam('c'))
    form = sa.update(FORM).where(FORM.c.client == sa.bindparam('c'), FORM.c.seq == sa.bindparam('s'))
    form = form.values(form=sa.bindparam('f'), ends_at=sa.bindparam('t', type_=WHEN))
    while rows := bind.execute(page.where(LEAF.c.position > after)).all():
        after = rows[-1].position
        read = [(row.position, _read(row.entry)) for row in rows]
        places = [{'p': at, **_place(raw)} for at, raw in read if raw is not None]
        forms = [_form(raw['facts']) for _, raw in read if raw is not None and raw['kind'] == 'consent']
        if places:
            bind.execute(found, places)
        if forms:
            bind.execute(form, forms)


def _read(entry):
    """None for what is no entry: it is found by the check of the log, and stays without a place."""
    try:
        raw = json.loads(entry if isinstance(entry, str) else bytes(entry))
        known = isinstance(raw['facts'], dict) and len(raw['kind']) <= 48 and _moment(raw['at'])
    except (ValueError, KeyError, TypeError):
        return None
    return raw if known else None


def _place(raw):
    facts = raw['facts']
    client = facts.get('client') or (facts.get('subject') if facts.get('subject_kind') == 'client' else None)
    return {'k': raw['kind'], 't': _moment(raw['at']), 'c': client if isinstance(client, str) and len(client) == 26 else None}


def _form(facts):
    """A form that was recorded and not ended in the same breath ends when the log says so."""
    ends = facts.get('until') if facts['change'] == 'recorded' else None
    return {'c': facts['client'], 's': facts.get('seq'), 'f': facts['consent'], 't': _moment(ends) if ends else None}


def _moment(text):
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=None) if op.get_bind().dialect.name == 'sqlite' else at
