"""shadow operation, and the fence that stands after a restore

Revision 0010. An outbox entry may be `held`: it waits for a person and not for its time.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0011'
branch_labels = None
depends_on = None

STATES = ('queued', 'leased', 'delivered', 'dead', 'withdrawn')


def upgrade() -> None:
    op.create_table(
        'operation',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), primary_key=True, autoincrement=True),
        sa.Column('mode', sa.String(length=48), nullable=False),
        sa.Column('since', sa.DateTime(timezone=True), nullable=False),
        sa.Column('by', sa.String(length=64), nullable=False),
        sa.CheckConstraint("mode in ('shadow', 'live')", name=op.f('ck_operation_mode')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_operation')),
    )
    op.create_table(
        'restore_fence',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), primary_key=True, autoincrement=True),
        sa.Column('restored_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('backup_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('lost_consents', sa.Integer(), nullable=False),
        sa.Column('released_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('released_by', sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_restore_fence')),
    )
    op.create_table(
        'sent_before',
        sa.Column('outbox', sa.String(length=32), nullable=False),
        sa.Column('channel', sa.String(length=48), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('outbox', name=op.f('pk_sent_before')),
    )
    _states((*STATES, 'held'))


def downgrade() -> None:
    op.execute("UPDATE outbox SET state = 'queued' WHERE state = 'held'")
    _states(STATES)
    op.drop_table('sent_before')
    op.drop_table('restore_fence')
    op.drop_table('operation')


def _states(allowed: tuple[str, ...]) -> None:
    listed = ', '.join(f"'{state}'" for state in allowed)
    with op.batch_alter_table('outbox') as batch:
        batch.drop_constraint(op.f('ck_outbox_state'), type_='check')
        batch.create_check_constraint(op.f('ck_outbox_state'), f'state in ({listed})')
