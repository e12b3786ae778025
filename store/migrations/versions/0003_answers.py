"""what clinicians answer and report."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), 'postgresql')


def upgrade() -> None:
    op.create_table(
        'acknowledgement',
        sa.Column('id', BIG, autoincrement=True, nullable=False),
        sa.Column('alert', sa.String(32), nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('verdict', sa.String(48), nullable=False),
        sa.Column('via', sa.String(48), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict in ('seen', 'is_my_client', 'not_my_client', 'not_on_my_caseload', 'cannot_act')",
            name=op.f('ck_acknowledgement_verdict'),
        ),
        sa.ForeignKeyConstraint(['alert'], ['alert.ref'], name=op.f('fk_acknowledgement_alert_alert')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_acknowledgement')),
    )
    op.create_index(op.f('ix_acknowledgement_alert'), 'acknowledgement', ['alert'])
    op.create_table(
        'outcome',
        sa.Column('ref', sa.String(32), nullable=False),
        sa.Column('alert', sa.String(32), nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('kind', sa.String(48), nullable=False),
        sa.Column('codes', JSON, nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('sealed', sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "kind in ('contact', 'info_sent', 'disposition', 'first_contact', 'appointment')",
            name=op.f('ck_outcome_kind'),
        ),
        sa.ForeignKeyConstraint(['alert'], ['alert.ref'], name=op.f('fk_outcome_alert_alert')),
        sa.PrimaryKeyConstraint('ref', name=op.f('pk_outcome')),
    )
    op.create_index(op.f('ix_outcome_alert'), 'outcome', ['alert'])


def downgrade() -> None:
    op.drop_table('outcome')
    op.drop_table('acknowledgement')
