"""what is in force, as the log said it last, and the models that were ever worked by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0009b'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'in_force',
        sa.Column('name', sa.String(48), nullable=False),
        sa.Column('value', sa.String(64), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_in_force')),
    )
    op.create_table(
        'linkage_model',
        sa.Column('hash', sa.String(64), nullable=False),
        sa.Column('text', sa.LargeBinary(), nullable=False),
        sa.Column('first_used_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('hash', name=op.f('pk_linkage_model')),
    )


def downgrade() -> None:
    op.drop_table('linkage_model')
    op.drop_table('in_force')
