"""duties and climbs: who stands in for whom, and how far up an unanswered alert has gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0006b'
down_revision = '0006'
branch_labels = None
depends_on = None


def when(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        'duty',
        sa.Column('ref', sa.String(32), nullable=False),
        sa.Column('client', sa.String(32), nullable=False),
        sa.Column('staff', sa.String(64), nullable=False),
        sa.Column('role', sa.String(48), nullable=False),
        when('since'),
        when('until', nullable=True),
        sa.Column('thread', sa.String(32), nullable=True),
        sa.Column('listed', sa.String(32), nullable=True),
        sa.CheckConstraint("role in ('covering', 'declined')", name=op.f('ck_duty_role')),
        sa.ForeignKeyConstraint(['client'], ['client.ref'], name=op.f('fk_duty_client_client')),
        sa.PrimaryKeyConstraint('ref', name=op.f('pk_duty')),
    )
    op.create_index(op.f('ix_duty_client'), 'duty', ['client'])
    op.create_index(op.f('ix_duty_thread'), 'duty', ['thread'])
    op.create_table(
        'climb',
        sa.Column('alert', sa.String(32), nullable=False),
        sa.Column('step', sa.Integer(), autoincrement=False, nullable=False),
        when('at'),
        sa.Column('role', sa.String(48), nullable=False),
        sa.Column('turned_to', sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(['alert'], ['alert.ref'], name=op.f('fk_climb_alert_alert')),
        sa.PrimaryKeyConstraint('alert', 'step', name=op.f('pk_climb')),
    )


def downgrade() -> None:
    op.drop_table('climb')
    op.drop_table('duty')
