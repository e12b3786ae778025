"""the latest instant at which the installation worked, so that a clock that was set back is noticed; and which deliveries only
repeated what was known.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'clock_mark',
        sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_clock_mark')),
    )
    op.add_column('delivery', sa.Column('again', sa.Integer(), nullable=True))
    op.add_column('delivery', sa.Column('again_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('delivery', 'again_at')
    op.drop_column('delivery', 'again')
    op.drop_table('clock_mark')
