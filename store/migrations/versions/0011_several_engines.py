"""what changed among the clients since an engine last looked; slots are held for a while and taken over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0009'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.add_column('client', sa.Column('revision', BIG, nullable=False, server_default='0'))
    op.create_index('ix_client_revision', 'client', ['revision'])
    counter = op.create_table(
        'client_revision',
        sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('value', BIG, nullable=False),
        sa.CheckConstraint('id = 1', name=op.f('ck_client_revision_one_row')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_client_revision')),
    )
    op.bulk_insert(counter, [{'id': 1, 'value': 0}])
    op.add_column('run_claim', sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('run_claim', 'lease_until')
    op.drop_table('client_revision')
    op.drop_index('ix_client_revision', 'client')
    op.drop_column('client', 'revision')
