"""legal holds: what may not be destroyed until somebody lifts them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def when(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        'legal_hold',
        sa.Column('ref', sa.String(32), nullable=False),
        sa.Column('subject_kind', sa.String(48), nullable=False),
        sa.Column('subject', sa.String(32), nullable=True),
        when('placed_at'),
        sa.Column('placed_by', sa.String(64), nullable=False),
        when('lifted_at', nullable=True),
        sa.Column('lifted_by', sa.String(64), nullable=True),
        sa.CheckConstraint(
            "subject_kind in ('everything', 'client', 'booking')", name=op.f('ck_legal_hold_subject_kind')
        ),
        sa.PrimaryKeyConstraint('ref', name=op.f('pk_legal_hold')),
    )


def downgrade() -> None:
    op.drop_table('legal_hold')
