"""what each feed says of a booking, in order; person numbers; clients whose change has to be followed up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0007'
down_revision = '0006b'
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), 'postgresql')
WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    for name, kind in (('last_delivery_at', WHEN), ('snapshot', sa.String(32)), ('gap_at', WHEN), ('not_before', WHEN)):
        op.add_column('feed_state', sa.Column(name, kind, nullable=True))
    op.add_column('delivery', sa.Column('reason', sa.Text(), nullable=True))
    op.add_column('client', sa.Column('pending', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index('ix_client_pending', 'client', ['pending'])
    for name, kind in (('series', sa.String(32)), ('seq', sa.Integer()), ('content', sa.String(32)), ('not_news', JSON)):
        op.add_column('booking_event', sa.Column(name, kind, nullable=True))
    op.create_index('ix_booking_event_series_seq', 'booking_event', ['series', 'seq'], unique=True)
    op.create_table(
        'booking_source',
        sa.Column('series', sa.String(32), nullable=False),
        sa.Column('feed', sa.String(64), nullable=False),
        sa.Column('booking', sa.String(32), nullable=False),
        sa.Column('sealed', sa.LargeBinary(), nullable=True),
        sa.Column('state', sa.String(48), nullable=False),
        sa.Column('snapshot', sa.String(32), nullable=True),
        sa.Column('received_at', WHEN, nullable=False),
        sa.CheckConstraint("state in ('open', 'released', 'void', 'sealed')", name=op.f('ck_booking_source_state')),
        sa.ForeignKeyConstraint(['booking'], ['booking.ref'], name=op.f('fk_booking_source_booking_booking')),
        sa.PrimaryKeyConstraint('series', name=op.f('pk_booking_source')),
    )
    op.create_index('ix_booking_source_booking', 'booking_source', ['booking'])
    op.create_index('ix_booking_source_feed_snapshot', 'booking_source', ['feed', 'snapshot'])
    op.create_table(
        'booking_person',
        sa.Column('booking', sa.String(32), nullable=False),
        sa.Column('person', sa.String(32), nullable=False),
        sa.Column('folded', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['booking'], ['booking.ref'], name=op.f('fk_booking_person_booking_booking')),
        sa.PrimaryKeyConstraint('booking', 'person', name=op.f('pk_booking_person')),
    )
    op.create_index('ix_booking_person_person', 'booking_person', ['person'])


def downgrade() -> None:
    op.drop_table('booking_person')
    op.drop_table('booking_source')
    op.drop_index('ix_booking_event_series_seq', 'booking_event')
    for name in ('series', 'seq', 'content', 'not_news'):
        op.drop_column('booking_event', name)
    op.drop_index('ix_client_pending', 'client')
    op.drop_column('client', 'pending')
    op.drop_column('delivery', 'reason')
    for name in ('last_delivery_at', 'snapshot', 'gap_at', 'not_before'):
        op.drop_column('feed_state', name)
