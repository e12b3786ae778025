"""counts of closed months, and which of them may be shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'measure_month',
        sa.Column('month', sa.String(7), nullable=False),
        sa.Column('closed_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('content_hash', sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint('month', name=op.f('pk_measure_month')),
    )
    op.create_table(
        'measure_cell',
        sa.Column('period', sa.String(7), nullable=False),
        sa.Column('scope', sa.String(64), nullable=False),
        sa.Column('measure', sa.String(48), nullable=False),
        sa.Column('cell', sa.String(48), nullable=False),
        sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('shown', sa.Boolean(), nullable=False),
        sa.Column('month', sa.String(7), nullable=False),
        sa.ForeignKeyConstraint(['month'], ['measure_month.month'], name=op.f('fk_measure_cell_month_measure_month')),
        sa.PrimaryKeyConstraint('period', 'scope', 'measure', 'cell', name=op.f('pk_measure_cell')),
    )


def downgrade() -> None:
    op.drop_table('measure_cell')
    op.drop_table('measure_month')
