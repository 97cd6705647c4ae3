// Package pg owns how Exchequer talks to PostgreSQL: the pool, the transaction, the error classes and the migrations.
//
// It guarantees that every connection it hands out acts as role exchequer_app, which owns nothing, and in UTC; and that
// a transaction is committed or rolled back, never left open. It holds no query, it retries nothing unless asked to (Retry), and it hides
// nothing of pgx: stores take a pgx.Tx.
package pg

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// AppRole is the role the program acts as. Migrations create it and grant to it, table by table.
const AppRole = "exchequer_app"

// defaultMaxConns is the pool's size where the address does not say pool_max_conns. pgx's own default, one connection a
// core, would leave callers waiting for each other's disk flush, which PostgreSQL shares between them.
const defaultMaxConns = 16

// Open connects to dsn (a PostgreSQL URL or key=value string) and answers a pool whose connections all act as AppRole.
// It fails when the server cannot be reached or the role is not there yet (run Migrate first).
func Open(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("the database address cannot be read, check EXCHEQUER_DATABASE_URL: %w", err)
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		cfg.MaxConns = defaultMaxConns
	}
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if cfg.ConnConfig.User != AppRole {
		// The role is given at connect time and not by SET ROLE afterwards: so RESET ROLE and DISCARD ALL lead back to
		// it, and no statement that leaks into a pooled connection can leave that connection acting as the owner.
		cfg.ConnConfig.RuntimeParams["role"] = AppRole
	}
	cfg.AfterConnect = requireAppRole
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("database pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		if code(err) == invalidParameterValue {
			return nil, fmt.Errorf("the database has no role %s yet, run: exchequer migrate: %w", AppRole, err)
		}
		return nil, fmt.Errorf("the database does not answer, check EXCHEQUER_DATABASE_URL and that the server runs: %w", err)
	}
	return pool, nil
}

// requireAppRole refuses a connection that acts as anybody else: a pooler in between may drop the connect-time role.
func requireAppRole(ctx context.Context, conn *pgx.Conn) error {
	var user string
	if err := conn.QueryRow(ctx, "SELECT current_user").Scan(&user); err != nil {
		return err
	}
	if user != AppRole {
		return fmt.Errorf("connected as %s, not as %s: let the address log in as %s, or connect without a pooler", user, AppRole, AppRole)
	}
	return nil
}

// attempts is how often Retry runs.
const attempts = 5

// Retry runs a whole transaction again, up to five times in all, while PostgreSQL gives it up for the sake of another
// (IsSerialization). fn must be fit to run again from the start: it sets what it gives back, and never adds to it.
func Retry(fn func() error) error {
	var err error
	for range attempts {
		if err = fn(); !IsSerialization(err) {
			break
		}
	}
	return err
}

// InTx runs fn in one transaction: committed when fn answers nil, rolled back on its error or panic. It retries nothing:
// the caller knows whether the work may be done again (see IsSerialization).
func InTx(ctx context.Context, pool *pgxpool.Pool, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, pool, fn)
}
