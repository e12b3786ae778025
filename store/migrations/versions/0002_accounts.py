"""accounts, sessions and passkeys of the console, and what reviewers think."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), 'postgresql')


def when(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        'account',
        sa.Column('id', sa.String(32), nullable=False),
        sa.Column('login', sa.String(64), nullable=False),
        sa.Column('staff', sa.String(64), nullable=True),
        sa.Column('org', sa.String(64), nullable=True),
        sa.Column('roles', JSON, nullable=False),
        sa.Column('password_hash', sa.Text(), nullable=True),
        sa.Column('sealed_totp', sa.LargeBinary(), nullable=True),
        sa.Column('totp_step', BIG, nullable=False),
        sa.Column('subject', sa.String(255), nullable=True),
        sa.Column('language', sa.String(48), nullable=False),
        sa.Column('failures', sa.Integer(), nullable=False),
        when('locked_until', nullable=True),
        when('created_at'),
        when('disabled_at', nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_account')),
        sa.UniqueConstraint('login', name=op.f('uq_account_login')),
        sa.UniqueConstraint('subject', name=op.f('uq_account_subject')),
    )
    op.create_table(
        'session',
        sa.Column('token_hash', sa.String(64), nullable=False),
        sa.Column('account', sa.String(32), nullable=False),
        sa.Column('method', sa.String(48), nullable=False),
        when('began_at'),
        when('seen_at'),
        when('proven_at'),
        when('ended_at', nullable=True),
        sa.CheckConstraint("method in ('password', 'passkey', 'oidc', 'demo')", name=op.f('ck_session_method')),
        sa.ForeignKeyConstraint(['account'], ['account.id'], name=op.f('fk_session_account_account')),
        sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_session')),
    )
    op.create_index(op.f('ix_session_account'), 'session', ['account'])
    op.create_table(
        'login_flow',
        sa.Column('token_hash', sa.String(64), nullable=False),
        sa.Column('purpose', sa.String(48), nullable=False),
        sa.Column('account', sa.String(32), nullable=True),
        sa.Column('sealed', sa.LargeBinary(), nullable=False),
        when('expires_at'),
        sa.CheckConstraint(
            "purpose in ('second_factor', 'passkey_login', 'passkey_add', 'oidc')", name=op.f('ck_login_flow_purpose')
        ),
        sa.ForeignKeyConstraint(['account'], ['account.id'], name=op.f('fk_login_flow_account_account')),
        sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_login_flow')),
    )
    op.create_table(
        'login_attempt',
        sa.Column('id', BIG, autoincrement=True, nullable=False),
        sa.Column('key', sa.String(32), nullable=False),
        when('at'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_login_attempt')),
    )
    op.create_index('ix_login_attempt_key_at', 'login_attempt', ['key', 'at'])
    op.create_table(
        'passkey',
        sa.Column('credential', sa.String(512), nullable=False),
        sa.Column('account', sa.String(32), nullable=False),
        sa.Column('public_key', sa.LargeBinary(), nullable=False),
        sa.Column('sign_count', BIG, nullable=False),
        sa.Column('label', sa.String(64), nullable=False),
        when('added_at'),
        when('used_at', nullable=True),
        sa.ForeignKeyConstraint(['account'], ['account.id'], name=op.f('fk_passkey_account_account')),
        sa.PrimaryKeyConstraint('credential', name=op.f('pk_passkey')),
    )
    op.create_index(op.f('ix_passkey_account'), 'passkey', ['account'])
    op.create_table(
        'review_opinion',
        sa.Column('id', BIG, autoincrement=True, nullable=False),
        sa.Column('link', sa.String(32), nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('opinion', sa.String(48), nullable=False),
        when('at'),
        sa.CheckConstraint("opinion in ('confirm', 'refuse', 'unsure')", name=op.f('ck_review_opinion_opinion')),
        sa.ForeignKeyConstraint(['link'], ['link.ref'], name=op.f('fk_review_opinion_link_link')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_review_opinion')),
        sa.UniqueConstraint('link', 'by', name=op.f('uq_review_opinion_link_by')),
    )
    op.create_index(op.f('ix_review_opinion_link'), 'review_opinion', ['link'])


def downgrade() -> None:
    for name in ('review_opinion', 'passkey', 'login_attempt', 'login_flow', 'session', 'account'):
        op.drop_table(name)
